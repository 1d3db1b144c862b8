package check

import (
	"context"
	"slices"
	"time"

	"llmhost/host/plugin"
	"llmhost/sdk/sdktest"
)

// Subject is a component under one set of parameters, a task, or a whole plugin.
type Subject struct {
	Variant
	Plugin    *plugin.Plugin
	Task      string            // its name; "" unless the subject is a task
	Component *plugin.Component // nil for a task, and for the plugin as a whole
	Trace     *plugin.Trace     // of a loss or pooling
	Program   *sdktest.Traced   // the same, ready to run

	Allow map[string]string // by name of check: why the plugin means to fail it

	closers []func()
}

// opened reports whether there is something to check: a loss or pooling was
// traced.
func (s *Subject) opened(kind plugin.Kind) bool { return kind == plugin.Formatter || s.Program != nil }

// owner names the component as a report does.
func (s *Subject) owner() string {
	switch {
	case s.Task != "":
		return "task " + s.Task
	case s.Component == nil:
		return ""
	}
	return string(s.Component.Kind) + " " + s.Component.Name
}

// Cleanup registers f to be called when all checks of the subject have run.
func (s *Subject) Cleanup(f func()) { s.closers = append(s.closers, f) }

func (s *Subject) close() {
	for _, f := range s.closers {
		f()
	}
}

// Trial is one running check of one subject: it collects the findings.
type Trial struct {
	*Subject
	Note string // what was checked, for the report

	check   *Check
	session *session
	failed  int // findings that are neither allowed nor notes
}

func (s *session) trial(check *Check, subject *Subject) *Trial {
	return &Trial{Subject: subject, check: check, session: s}
}

// Context is that of the caller.
func (t *Trial) Context() context.Context { return t.session.ctx }

// Seed is that of everything generated.
func (t *Trial) Seed() uint64 { return t.session.options.Seed }

// Records is a data file with records for formatters, or "".
func (t *Trial) Records() string { return t.session.options.Records }

// Late reports whether the time for this plugin is over; if so, return ErrLate.
func (t *Trial) Late() bool { return t.session.late() }

// Slower is a time for this machine and its load, given the one for a machine like
// that on which limits were chosen.
func (t *Trial) Slower(limit time.Duration) time.Duration { return t.session.clock.scaled(limit) }

// Tasks are the tasks of the plugin that can be put together.
func (t *Trial) Tasks() []*plugin.Task { return t.session.assembled(t.Plugin) }

func (s *session) assembled(p *plugin.Plugin) (tasks []*plugin.Task) {
	for _, name := range p.TaskNames() {
		if task, err := s.catalog.TaskOf(p, name); err == nil {
			tasks = append(tasks, task)
		}
	}
	return tasks
}

// Assembled is the subject's task with its parts.
func (t *Trial) Assembled() (*plugin.Task, error) {
	return t.session.catalog.TaskOf(t.Plugin, t.Subject.Task)
}

// maySkip reports whether the check may be skipped: if the caller says so, or if
// its findings are allowed anyway.
func (t *Trial) maySkip() bool {
	_, meant := t.Allow[t.check.Name]
	o := t.session.options
	return meant || slices.Contains(o.Allow, t.check.Name) || slices.Contains(o.AllowSkipped, t.check.Name)
}

// Retrace traces the component under other parameters.
func (t *Trial) Retrace(params map[string]any) (*plugin.Trace, error) {
	replies, err := t.Component.Retrace(t.Context(), params, 1)
	if err != nil {
		return nil, err
	}
	return t.Component.ReadTrace(replies[0])
}

// Find records a finding.
func (t *Trial) Find(f Finding) {
	f.Component = t.owner()
	f.Check = t.check.Name
	f.Params = t.Params
	for _, name := range t.session.options.Allow {
		f.Allowed = f.Allowed || name == f.Check
	}
	if why, meant := t.Allow[f.Check]; meant {
		f.Allowed, f.Why = true, why
	}
	if !f.Allowed && !f.Warning {
		t.failed++
	}
	t.session.report.find(f)
}

// Places are where a value of the program comes from, for a finding; none for
// program.None.
func (t *Trial) Places(v int) []string {
	if v < 0 {
		return nil
	}
	return []string{t.Program.Place(v)}
}
