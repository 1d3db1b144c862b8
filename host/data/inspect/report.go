package inspect

import (
	"cmp"
	"fmt"
	"slices"
)

// Finding is one thing that is wrong with one record.
type Finding struct {
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"`
	Row      int      `json:"row,omitempty"`    // the line, or the row of a file without lines, from 1
	Record   int      `json:"record,omitempty"` // the number of the record in its file, from 1
	Field    string   `json:"field,omitempty"`  // messages[1].content
	Text     string   `json:"text"`             // what is wrong
	Fix      string   `json:"fix,omitempty"`    // the setting that repairs it, or what to do with the record
	Eval     bool     `json:"eval,omitempty"`   // it is in the evaluation data

	where string // as an error names the place
	All   bool   `json:"-"` // it is about the data as a whole and never minor
}

// Group is what one check found.
type Group struct {
	Check    string    `json:"check"`
	Doc      string    `json:"doc"`
	Severity Severity  `json:"severity"` // the highest of its findings
	Count    int       `json:"count"`    // all findings
	Records  int       `json:"records"`  // that have one, about; 0 where they are of the data as a whole
	Findings []Finding `json:"findings"` // the first ones
	Allowed  bool      `json:"allowed,omitempty"`

	last Place
}

// Report is what was seen and found.
type Report struct {
	Files   []FileReport `json:"files"`
	Lengths *Lengths     `json:"lengths,omitempty"`
	Groups  []Group      `json:"findings"`
	Unseen  []Unseen     `json:"unseen,omitempty"` // checks that could not look
	Notes   []string     `json:"notes,omitempty"`  // about the report itself
	Labels  []Share      `json:"labels,omitempty"`
}

// FileReport is what one file held.
type FileReport struct {
	Path    string `json:"path"`
	Kind    string `json:"kind"`   // "JSON Lines"
	Format  string `json:"format"` // what most records are: "prompt + completion"
	Records int    `json:"records"`
	Bad     int    `json:"bad,omitempty"` // that could not be read
	Eval    bool   `json:"eval,omitempty"`
}

// Unseen is checks that did not run, and what they need.
type Unseen struct {
	Checks []string `json:"checks"`
	Why    string   `json:"why"`
}

// Share is how many records have a label.
type Share struct {
	Label string `json:"label"`
	Count int    `json:"count"`
}

// Worst is the highest severity of what was found and not allowed; "" where there is nothing.
func (r *Report) Worst() (worst Severity) {
	for _, g := range r.Groups {
		if !g.Allowed && g.Severity.rank() > worst.rank() {
			worst = g.Severity
		}
	}
	return worst
}

// Fails tells whether something was found that is as bad as from, or worse.
func (r *Report) Fails(from Severity) bool {
	return from.rank() > 0 && r.Worst().rank() >= from.rank()
}

// keep sorts the findings of a group and settles their severity; records is how
// many there are.
func (g *Group) settle(c *Check, records int) {
	minor := float64(g.Records) < c.Minor*float64(records)
	for i := range g.Findings {
		f := &g.Findings[i]
		if minor && !f.All {
			f.Severity = Note
		}
		if f.Severity.rank() > g.Severity.rank() {
			g.Severity = f.Severity
		}
	}
	slices.SortStableFunc(g.Findings, func(a, b Finding) int {
		if a.Eval != b.Eval {
			return map[bool]int{true: 1, false: -1}[a.Eval]
		}
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Row, b.Row), cmp.Compare(a.Record, b.Record))
	})
}

// place names where a finding is: "data/a.jsonl:17, field answer".
func (f Finding) place() string {
	switch {
	case f.where == "" && f.Field == "":
		return ""
	case f.where == "":
		return "field " + f.Field
	case f.Field == "":
		return f.where
	}
	return fmt.Sprintf("%s, field %s", f.where, f.Field)
}
