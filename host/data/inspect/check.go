// Package inspect looks for what is wrong with the records of a run before it
// trains on them. A check is a value with a name and a doc; All lists them in the
// order of a report. Each sees one record after the other, so that files of any
// size take the same memory. The package opens no file and formats nothing: what
// it sees of a record is an Item. Start at New.
package inspect

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmhost/host/nearest"
)

// Severity says what a finding means for a run.
type Severity string

// The severities. Of a Note a run only differs from what one might expect; a Warning
// is most likely a mistake in the data; an Error makes the data, or a part of it, useless.
const (
	Note    Severity = "note"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// rank orders severities; 0 is of none.
func (s Severity) rank() int { return slices.Index([]Severity{"", Note, Warning, Error}, s) }

// Stage is how far a record must have come for a check to look at it.
type Stage uint8

// The stages: its fields, then its tokens.
const (
	Fields Stage = iota
	Tokens
)

// Check is one question asked of the data.
type Check struct {
	Name     string
	Doc      string // what it finds, on one line
	Severity Severity
	// Minor is the share of records below which its findings are notes: single
	// ones are usual in good data.
	Minor float64
	Needs Stage
	Fix   string // the settings that help, where the finding does not know better

	// Start makes what looks at the records of one report.
	Start func(o Options) Pass
}

// Pass looks at records. Each gets every record, in order, End comes after the
// last one; either may be nil.
type Pass struct {
	Each func(i *Item, find Find)
	End  func(find Find)
}

// Find takes a finding; where it leaves out its place, the record's is meant.
type Find func(f Finding)

// each is a check that remembers nothing.
func each(look func(i *Item, find Find)) func(Options) Pass {
	return func(Options) Pass { return Pass{Each: look} }
}

// perSet is a check that compares the records of one data set with each other.
func perSet(start func(Options) Pass) func(Options) Pass {
	return func(o Options) Pass {
		passes := map[int]Pass{}
		return Pass{
			Each: func(i *Item, find Find) {
				pass, known := passes[i.Set]
				if !known {
					of := o
					if i.Reads != nil {
						of.Reads = i.Reads
					}
					pass = start(of)
					passes[i.Set] = pass
				}
				pass.Each(i, find)
			},
			End: func(find Find) {
				for _, set := range slices.Sorted(maps.Keys(passes)) {
					passes[set].End(find)
				}
			},
		}
	}
}

// All lists the checks in the order of a report.
func All() []*Check {
	return []*Check{
		unreadable,
		encoding,
		refused,
		dropped,
		unknownForm,
		mixedFields,
		mixedTypes,
		scoreCount,
		empty,
		placeholder,
		unreadPrompt,
		roleOrder,
		equalAnswers,
		repeats,
		scores,
		labels,
		leakedLabels,
		constantAnswers,
		duplicates,
		nearDuplicates,
		samePrompts,
		overlap,
		replacement,
		mojibake,
		controlCharacters,
		html,
		escapedLines,
		encodedData,
		cutTexts,
		specialTokens,
		borders,
		tooLong,
		template,
		templatePrefix,
		truncated,
		unlearned,
		beginnings,
		endings,
		unknownTokens,
	}
}

// List writes the checks with their docs for people, one a line.
func List() string {
	var b strings.Builder
	for _, c := range All() {
		fmt.Fprintf(&b, "%-18s  %-7s  %s\n", c.Name, c.Severity, c.Doc)
	}
	return b.String()
}

// Known returns an error if one of the names is not that of a check. The error
// suggests the nearest one.
func Known(names ...string) error {
	var known []string
	for _, c := range All() {
		known = append(known, c.Name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no check called %s%s (the checks are %s)", name, nearest.Hint(name, known), strings.Join(known, ", "))
		}
	}
	return nil
}
