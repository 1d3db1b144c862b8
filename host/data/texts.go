package data

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"llmhost/sdk"
)

// Formatter is a formatter that is ready to run, whatever its transport.
type Formatter struct {
	Name    string // for errors
	Columns []sdk.Column
	// Format returns one result a row. An error is about all of the rows, or
	// about one, which its method AtRow then returns.
	Format   func(ctx context.Context, rows []sdk.Row) ([]sdk.Result, error)
	Parallel int // how many calls of Format may be made at once, 0 for one
}

// Formatted is the text that a formatter made of the record at Source.
type Formatted struct {
	sdk.Example
	Source Position
}

// Drop counts the records that were left out for one reason. First is where the first one is.
type Drop struct {
	Reason string   `json:"reason"`
	Count  int      `json:"count"`
	First  Position `json:"first"`
}

// Texts are the records of some files, formatted.
type Texts struct {
	All     []Formatted // in file order
	Records int         // how many there were
	Drops   []Drop      // by reason, in the order of their first occurrence
	Bad     []error     // the bad rows, where they are skipped
}

// OnBadRow says what to do with a bad row: a record that is broken, lacks a field,
// or that the formatter refuses.
type OnBadRow string

// FailOnBadRow ends the run with the row's error; SkipBadRow leaves the row out and keeps its error.
const (
	FailOnBadRow OnBadRow = "fail"
	SkipBadRow   OnBadRow = "skip"
)

func (t *Texts) drop(reason string, at Position) {
	for i := range t.Drops {
		if t.Drops[i].Reason == reason {
			t.Drops[i].Count++
			return
		}
	}
	t.Drops = append(t.Drops, Drop{Reason: reason, Count: 1, First: at})
}

// lost lists why records are missing: "3 dropped (empty answer), 2 bad".
func (t *Texts) lost() string {
	var why []string
	for _, d := range t.Drops {
		why = append(why, fmt.Sprintf("%d dropped (%s)", d.Count, d.Reason))
	}
	if len(t.Bad) > 0 {
		why = append(why, fmt.Sprintf("%d bad, the first of them %v", len(t.Bad), t.Bad[0]))
	}
	return strings.Join(why, ", ")
}

// sameColumns checks that an example has the columns of the first one:
// a batch has them for all of its examples.
func sameColumns(first, e Formatted) error {
	wantEach := columnNames(first.Candidates[0].Columns)
	foundEach := columnNames(e.Candidates[0].Columns)
	if !slices.Equal(wantEach, foundEach) {
		return fmt.Errorf("%s: the candidates have the columns %q; those of %s have %q", e.Source, foundEach, first.Source, wantEach)
	}
	want := columnNames(first.Columns)
	found := columnNames(e.Columns)
	if !slices.Equal(want, found) {
		return fmt.Errorf("%s: the example has the columns %q; that of %s has %q", e.Source, found, first.Source, want)
	}
	return nil
}

func columnNames(columns map[string]float64) []string { return slices.Sorted(maps.Keys(columns)) }

// fitsFloat32 refuses a column that a batch could not hold.
func fitsFloat32(e Formatted) error {
	all := []map[string]float64{e.Columns}
	for _, c := range e.Candidates {
		all = append(all, c.Columns)
	}
	for _, columns := range all {
		for name, v := range columns {
			if !(math.Abs(v) <= math.MaxFloat32) {
				return fmt.Errorf("%s: column %q is %v; want a finite number that a float32 holds", e.Source, name, v)
			}
		}
	}
	return nil
}
