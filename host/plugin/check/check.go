// Package check tests a plugin the way a strict reviewer would: does it
// describe itself the same way twice, are its parameters as declared, is its
// program sound, and do its numbers mean what a host expects. It runs programs
// on the float64 interpreter of sdk/sdktest and needs no libtorch.
//
// A check is a value with a name and a doc; those of losses, poolings and
// formatters are in the packages below, each listed by its All in the order of
// the report. Most change a batch in a way that must not matter, or must matter
// in one known way, and compare. None knows any plugin by name. This package has
// what they run in: start at Suite.Plugin for the driver, at Trial for what a
// check sees.
package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"llmhost/host/nearest"
	"llmhost/host/plugin"
)

// Check is one question asked about a component.
type Check struct {
	Name   string
	Doc    string  // what it asks, on one line
	Except Setting // kinds of settings under which it is not run

	// Run runs the check. Faults go to Find; an error means that the check could
	// not be carried out, which is a finding too unless it is Skip.
	Run func(t *Trial) error
}

// Skip is the error of a check that could not look: it had no time, or no record
// to try. A check that does not apply, as one of rewards where none are read, is no
// skip; it passes and says so in its note.
type Skip struct{ Reason string }

// Error is the reason.
func (s *Skip) Error() string { return s.Reason }

// ErrLate is returned by a check that the deadline cut short.
var ErrLate error = &Skip{"the time for this plugin was over; allow more with --time"}

// Options are the caller's choices.
type Options struct {
	Allow        []string      // names of checks whose findings are intended
	AllowSkipped []string      // names of checks that may be skipped
	Records      string        // a data file with records for formatters; "" generates some
	Seed         uint64        // of generated batches and records; 0 is a fixed one
	Time         time.Duration // time limit of a plugin; 0 is one that fits this machine, see clock
}

// Suite has the checks of tasks and of each kind of component, in the order of a
// report. They come in addition to those of every plugin.
type Suite struct{ Task, Loss, Pooling, Formatter []*Check }

func (s Suite) of(kind plugin.Kind) []*Check {
	switch kind {
	case plugin.Loss:
		return s.Loss
	case plugin.Pooling:
		return s.Pooling
	}
	return s.Formatter
}

// groups are all checks by what they apply to, in the order of a report.
func (s Suite) groups() []group {
	return []group{
		{"every plugin", []*Check{load, parameters}},
		{"tasks", s.Task},
		{"losses and poolings", []*Check{trace}},
		{"losses", s.Loss},
		{"poolings", s.Pooling},
		{"formatters", s.Formatter},
	}
}

type group struct {
	of     string
	checks []*Check
}

// Names lists the checks, each once, in the order of a report.
func (s Suite) Names() []string {
	var names []string
	for _, g := range s.groups() {
		for _, c := range g.checks {
			if !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// List writes the checks with their docs for people, one a line, by what they
// apply to.
func (s Suite) List() string {
	var b strings.Builder
	for _, g := range s.groups() {
		fmt.Fprintf(&b, "%s\n", g.of)
		for _, c := range g.checks {
			fmt.Fprintf(&b, "  %-10s  %s\n", c.Name, c.Doc)
		}
	}
	return b.String()
}

// Known returns an error if one of the names is not that of a check. The error
// suggests the nearest one.
func (s Suite) Known(names ...string) error {
	known := s.Names()
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf(
				"there is no check called %s%s (the checks are %s)",
				name,
				nearest.Hint(name, known),
				strings.Join(known, ", "),
			)
		}
	}
	return nil
}

// isSkipped reports whether a check was skipped, and why.
func isSkipped(err error) (reason string, is bool) {
	var skipped *Skip
	if errors.As(err, &skipped) {
		return skipped.Reason, true
	}
	return "", false
}
