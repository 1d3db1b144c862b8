// Package check tries a plugin as a strict reader would: does it describe
// itself the same way twice, are its parameters what it says, is its program
// sound, and do its numbers mean what a host takes them to mean. It runs
// programs on the float64 interpreter of sdk/sdktest and needs no libtorch.
//
// A check is a value with a name and a doc; those of losses, poolings and
// formatters stand in the packages below, each in the order of the report in its
// All. Most are of one form: change a batch in a way that must not matter, or
// must matter in one known way, and look. None knows any plugin by name. This
// package holds what they run in: start at Suite.Plugin for the driver, at Trial
// for what a check sees.
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

// Check is one question that is asked of a component.
type Check struct {
	Name   string
	Doc    string  // what it asks, in one line
	Except Setting // the kinds of parameters under which it is not asked

	// Run asks it. What is wrong goes to Find; an error says that the check could
	// not be carried out, which is a finding too unless it is Skip.
	Run func(t *Trial) error
}

// Skip is an error of a check that had no time, or nothing to look at.
type Skip struct{ Reason string }

// Error is the reason.
func (s *Skip) Error() string { return s.Reason }

// ErrLate is what a check returns that the deadline cut short.
var ErrLate error = &Skip{"the time for this plugin is over"}

// Options are what a caller may choose.
type Options struct {
	Allow   []string      // names of checks whose findings are meant to be
	Records string        // a data file with records for formatters; "" makes some up
	Seed    uint64        // of the batches and records that are made up; 0 is a fixed one
	Time    time.Duration // what a plugin may take at most, 0 for 10 seconds
}

// Suite is what plugins are checked with besides what every plugin is asked: the
// checks of each kind of component, in the order of a report.
type Suite struct{ Loss, Pooling, Formatter []*Check }

func (s Suite) of(kind plugin.Kind) []*Check {
	switch kind {
	case plugin.Loss:
		return s.Loss
	case plugin.Pooling:
		return s.Pooling
	}
	return s.Formatter
}

// groups are all checks by what they are asked of, in the order of a report.
func (s Suite) groups() []group {
	return []group{
		{"every plugin", []*Check{load, parameters}},
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

// List writes the checks with their docs for people, a line each, by what they
// are asked of.
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

// Known is an error where one of the names is that of no check. It names the
// nearest one.
func (s Suite) Known(names ...string) error {
	known := s.Names()
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no check called %s%s (the checks are %s)", name, nearest.Hint(name, known), strings.Join(known, ", "))
		}
	}
	return nil
}

// isSkipped says whether a check did not look at all, and why.
func isSkipped(err error) (reason string, is bool) {
	var skipped *Skip
	if errors.As(err, &skipped) {
		return skipped.Reason, true
	}
	return "", false
}
