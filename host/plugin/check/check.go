// Package check tries a plugin as a strict reader would: does it describe
// itself the same way twice, are its parameters what it says, is its program
// sound, and do its numbers mean what a host takes them to mean. It runs
// programs on the float64 interpreter of sdk/sdktest and needs no libtorch.
//
// Most checks are of one form: change a batch in a way that must not matter, or
// must matter in one known way, and look. None knows any plugin by name. Start
// at Plugin; checks of losses are listed in loss.go, those of poolings in
// pooling.go, those of formatters in formatter.go.
package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"llmhost/host/plugin"
)

// Options are what a caller may choose.
type Options struct {
	Allow   []string      // names of checks whose findings are meant to be
	Records string        // a data file with records for formatters; "" makes some up
	Seed    uint64        // of the batches and records that are made up; 0 is a fixed one
	Time    time.Duration // what a plugin may take at most, 0 for 10 seconds
}

// defaultSeed makes every check of one plugin the same.
const defaultSeed = 20240229

// defaultTime is what a plugin's check may take.
const defaultTime = 10 * time.Second

// Plugin checks the plugin of a spec, or the one component that it names. All
// that is wrong is in the report, the plugin's not opening too.
func Plugin(ctx context.Context, catalog *plugin.Catalog, spec string, options Options) *Report {
	if options.Time == 0 {
		options.Time = defaultTime
	}
	if options.Seed == 0 {
		options.Seed = defaultSeed
	}
	begin := time.Now()
	r := &run{catalog: catalog, options: options, report: &Report{Spec: spec}, deadline: begin.Add(options.Time)}
	r.plugin(ctx, spec)
	r.report.Seconds = time.Since(begin).Seconds()
	return r.report
}

// Names lists the checks, in the order of a report.
func Names() []string {
	names := []string{"load", "parameters", "trace"}
	for _, c := range lossChecks {
		names = append(names, c.name)
	}
	for _, c := range poolingChecks {
		names = append(names, c.name)
	}
	names = append(names, "settings")
	for _, c := range formatterChecks {
		names = append(names, c.name)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(names, func(name string) bool {
		again := seen[name]
		seen[name] = true
		return again
	})
}

// Unknown is the first of names that is no check, or "".
func Unknown(names []string) string {
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return name
		}
	}
	return ""
}

// run is one check of a plugin.
type run struct {
	catalog  *plugin.Catalog
	options  Options
	report   *Report
	deadline time.Time
	texts    map[string][]string // that parameters may be, by component and name
}

// late says that no check should begin any more.
func (r *run) late() bool { return time.Now().After(r.deadline) }

// errLate is what a check returns that the deadline cut short.
var errLate = errors.New("the time for this plugin is over")

func (r *run) plugin(ctx context.Context, spec string) {
	p, name, err := r.catalog.Find(ctx, spec)
	if err != nil { // whatever time it took
		s := &scope{run: r, check: "load"}
		s.find(Finding{Text: err.Error()})
		r.report.add(Step{Check: s.check, Status: Failed})
		return
	}
	r.report.identify(p)
	r.finish(&scope{run: r, check: "load"}, func(s *scope) error { return s.describeTwice(ctx, p) })
	found := name == ""
	for _, c := range p.Components {
		if name == "" || c.Name == name {
			found = true
			r.component(ctx, c)
		}
	}
	if !found && !r.task(ctx, p, name) {
		r.finish(&scope{run: r, check: "load"}, func(s *scope) error { return fmt.Errorf("plugin %v has nothing called %q", p, name) })
	}
}

// task checks the parts that a task of the plugin has of its own.
func (r *run) task(ctx context.Context, p *plugin.Plugin, name string) bool {
	tasks, err := r.catalog.Tasks(p)
	if err != nil {
		return false
	}
	for _, t := range tasks {
		if t.Name != name {
			continue
		}
		for _, c := range t.Components() {
			if c.Plugin == p {
				r.component(ctx, c)
			}
		}
		return true
	}
	return false
}

func (r *run) component(ctx context.Context, c *plugin.Component) {
	r.step(c, "parameters", func(s *scope) error { return s.parameters(ctx, c) })
	if c.Kind == plugin.Formatter {
		r.formatter(ctx, c)
		return
	}
	r.programs(ctx, c)
}

// scope is one check of one component while it runs: it takes the findings.
type scope struct {
	run       *run
	component *plugin.Component // nil for what is about the whole plugin
	check     string
	params    map[string]any // that the check ran under, nil for the defaults
	note      string         // what was looked at, for the report
	failed    int
}

// step runs a check and enters it into the report. An error of f is a finding
// of its own: the check could not be carried out.
func (r *run) step(c *plugin.Component, name string, f func(s *scope) error) {
	r.finish(&scope{run: r, component: c, check: name}, f)
}

func (r *run) finish(s *scope, f func(s *scope) error) {
	step := Step{Component: s.owner(), Check: s.check, Status: Passed}
	var err error
	if err = errLate; !r.late() {
		err = guarded(s, f)
	}
	switch {
	case errors.Is(err, errLate):
		step.Status, s.note = Skipped, errLate.Error()
	case err != nil:
		s.find(Finding{Text: err.Error()})
	}
	if s.failed > 0 {
		step.Status = Failed
	}
	if s.failed == 0 { // a note says what is in order
		step.Note = s.note
	}
	r.report.add(step)
}

// guarded runs a check. One that breaks over what a plugin gives is a finding
// about the plugin, and never the end of the program.
func guarded(s *scope, f func(s *scope) error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("this check broke over what the plugin gives, so that nothing can be said: %v", reason)
		}
	}()
	return f(s)
}

// owner names the component as a report does.
func (s *scope) owner() string {
	if s.component == nil {
		return ""
	}
	return string(s.component.Kind) + " " + s.component.Name
}

// find takes a finding, unless one of the same check and text is there already.
func (s *scope) find(f Finding) {
	f.Component, f.Check, f.Params = s.owner(), s.check, s.params
	for _, name := range s.run.options.Allow {
		f.Allowed = f.Allowed || name == f.Check
	}
	if !f.Allowed && !f.Warning {
		s.failed++
	}
	s.run.report.find(f)
}
