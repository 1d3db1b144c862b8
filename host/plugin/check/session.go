package check

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"llmhost/host/plugin"
)

// defaultSeed makes checks reproducible.
const defaultSeed = 20240229

// Plugin checks the plugin of a spec, or the one component that it names. All
// faults are in the report, failure to open the plugin included.
func (s Suite) Plugin(ctx context.Context, catalog *plugin.Catalog, spec string, options Options) *Report {
	if options.Seed == 0 {
		options.Seed = defaultSeed
	}
	begin := time.Now()
	run := &session{
		ctx: ctx, suite: s, known: s.Known, catalog: catalog, options: options,
		clock:  newClock(options.Time),
		report: &Report{Spec: spec},
		kept:   map[keeping]any{},
	}
	run.plugin(spec)
	run.report.Seconds = time.Since(begin).Seconds()
	return run.report
}

// session is the check of one plugin.
type session struct {
	ctx     context.Context
	suite   Suite
	known   func(checks ...string) error // reports whether there are checks of such names
	catalog *plugin.Catalog
	options Options
	clock   *clock
	report  *Report
	kept    map[keeping]any
}

// late reports whether no more checks should begin.
func (s *session) late() bool { return s.clock.late() }

func (s *session) plugin(spec string) {
	p, name, err := s.catalog.Find(s.ctx, spec)
	if err != nil { // however long it took
		t := s.trial(load, &Subject{})
		t.Find(Finding{Text: err.Error()})
		s.report.add(Step{Check: load.Name, Status: Failed})
		return
	}
	s.report.identify(p)
	whole := &Subject{Plugin: p}
	s.try(load, whole)
	components := p.Components
	if name != "" {
		components = s.named(p, name)
	}
	tasks := s.tasks(p, name)
	if name != "" && components == nil && tasks == nil {
		missing := *load
		missing.Run = func(*Trial) error { return fmt.Errorf("plugin %v has nothing called %q", p, name) }
		s.try(&missing, whole)
	}
	for _, task := range tasks {
		subject := &Subject{Plugin: p, Task: task}
		for _, check := range s.suite.Task {
			s.try(check, subject)
		}
		subject.close()
	}
	for _, c := range components {
		s.component(c)
	}
}

// tasks are the names of the plugin's tasks, or the one that a spec names.
func (s *session) tasks(p *plugin.Plugin, name string) (names []string) {
	for _, task := range p.TaskNames() {
		if name == "" || task == name {
			names = append(names, task)
		}
	}
	return names
}

// named are the components of a name, or those of the plugin in the task of
// that name.
func (s *session) named(p *plugin.Plugin, name string) []*plugin.Component {
	var found []*plugin.Component
	for _, c := range p.Components {
		if c.Name == name {
			found = append(found, c)
		}
	}
	if found != nil {
		return found
	}
	task, err := s.catalog.TaskOf(p, name)
	if err != nil {
		return nil
	}
	for _, c := range task.Components() {
		if c.Plugin == p {
			found = append(found, c)
		}
	}
	return found
}

// component runs all checks of one component: under the defaults first, then
// under other parameters, and last those that are run once.
func (s *session) component(c *plugin.Component) {
	defaults := &Subject{Component: c, Plugin: c.Plugin}
	defer defaults.close()
	defaults.Allow = s.allowed(c)
	s.try(parameters, defaults)
	for i, v := range s.settings(c) {
		subject := defaults
		if i > 0 {
			subject = &Subject{Component: c, Plugin: c.Plugin, Variant: v}
		}
		s.under(subject)
		if i > 0 {
			subject.close()
		}
	}
	for _, check := range s.suite.of(c.Kind) {
		if check.Except&Given != 0 && defaults.opened(c.Kind) {
			s.try(check, defaults)
		}
	}
}

// allowed are the checks that a component fails on purpose under its defaults,
// with the reasons. If it cannot be asked another check says so.
func (s *session) allowed(c *plugin.Component) map[string]string {
	if c.Kind == plugin.Formatter {
		records, err := c.Records(s.ctx, nil)
		if err != nil {
			return nil
		}
		return records.Allow
	}
	found, err := s.trial(trace, &Subject{Component: c}).Retrace(nil)
	if err != nil {
		return nil
	}
	return found.Allow
}

// under runs the checks of a subject that apply to its kind of settings.
func (s *session) under(subject *Subject) {
	kind := subject.Component.Kind
	if kind != plugin.Formatter {
		s.try(trace, subject)
	}
	if !subject.opened(kind) {
		return
	}
	for _, check := range s.suite.of(kind) {
		if check.Except&Given == 0 && check.Except&subject.Setting == 0 {
			s.try(check, subject)
		}
	}
}

// try runs a check and enters it into the report.
func (s *session) try(check *Check, subject *Subject) {
	t := s.trial(check, subject)
	step := Step{Component: subject.owner(), Check: check.Name, Status: Passed}
	err := ErrLate
	if !s.late() {
		err = guarded(t)
	}
	reason, skipped := isSkipped(err)
	switch {
	case skipped:
		step.Status, step.Allowed = Skipped, t.maySkip()
		t.Note = reason
	case err != nil:
		t.Find(Finding{Text: err.Error()})
	}
	step.Note = t.Note // what was checked, or why it was not
	if t.failed > 0 {
		step.Status, step.Note = Failed, ""
	}
	s.report.add(step)
}

// guarded runs a check. A panic over what a plugin gives is a finding about the
// plugin, and never ends the program.
func guarded(t *Trial) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("this check panicked on what the plugin gives, so it has no result: %v", reason)
		}
	}()
	return t.check.Run(t)
}

// keeping is the key of what is kept: whom it is about and its type.
type keeping struct {
	about any
	what  reflect.Type
}

// Kept returns what make returned when a check of this plugin first asked for a
// V about that subject, component or other comparable key.
func Kept[V any](t *Trial, about any, make func() V) V { return kept(t.session, about, make) }

func kept[V any](s *session, about any, make func() V) V {
	key := keeping{about, reflect.TypeFor[V]()}
	if have, found := s.kept[key]; found {
		return have.(V)
	}
	made := make()
	s.kept[key] = made
	return made
}
