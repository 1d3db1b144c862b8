package data

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"llmhost/sdk"
)

// formatRows is how many rows go to a formatter at a time: enough that
// crossing into a plugin costs little a row.
const formatRows = 256

// Formatter is a formatter that is ready to run, wherever its code lives.
type Formatter struct {
	Name    string // for errors
	Columns []sdk.Column
	Format  func([]sdk.Row) ([]sdk.Result, error) // one result a row; an error is not about any one row
}

// InProcess returns a formatter whose code is linked into this program.
func InProcess(name string, f sdk.Formatter) Formatter {
	return Formatter{Name: name, Columns: f.Columns(), Format: func(rows []sdk.Row) ([]sdk.Result, error) {
		return sdk.FormatRows(f, rows), nil
	}}
}

// Example is what a formatter made of the record at Source.
type Example struct {
	sdk.Example
	Source Position
}

// Drop counts the records that were left out for one reason. First is where the first one stands.
type Drop struct {
	Reason string
	Count  int
	First  Position
}

// Examples is what came of the records of some files.
type Examples struct {
	All     []Example // in file order
	Records int       // how many there were
	Drops   []Drop    // by reason, in the order in which the reasons came up
	Bad     []error   // the bad rows, where they are skipped
}

// OnBadRow says what a bad row does: a record that is broken, lacks a field,
// or that the formatter refuses.
type OnBadRow string

// FailOnBadRow ends the run with the row's error; SkipBadRow leaves the row out and keeps its error.
const (
	FailOnBadRow OnBadRow = "fail"
	SkipBadRow   OnBadRow = "skip"
)

// Load reads the records of files and formats them. That nothing at all is
// left is an error.
func Load(files Files, formatter Formatter, onBadRow OnBadRow) (Examples, error) {
	l := loader{formatter: formatter, onBadRow: onBadRow}
	for record, err := range files.Records() {
		if err != nil {
			return Examples{}, err
		}
		if err := l.add(record); err != nil {
			return Examples{}, err
		}
	}
	if err := l.flush(); err != nil {
		return Examples{}, err
	}
	if len(l.out.All) == 0 {
		return Examples{}, fmt.Errorf("%s: none of %d records is left: %s", strings.Join(files.Paths, ", "), l.out.Records, l.out.lost())
	}
	return l.out, nil
}

// loader gathers rows until there are enough for the formatter.
type loader struct {
	formatter Formatter
	onBadRow  OnBadRow
	rows      []sdk.Row
	positions []Position // of rows
	out       Examples
}

func (l *loader) add(r Record) error {
	l.out.Records++
	row, err := r.Row(l.formatter.Name, l.formatter.Columns)
	if err != nil {
		return l.bad(err)
	}
	l.rows, l.positions = append(l.rows, row), append(l.positions, r.Position)
	if len(l.rows) < formatRows {
		return nil
	}
	return l.flush()
}

// flush formats the rows gathered so far.
func (l *loader) flush() error {
	if len(l.rows) == 0 {
		return nil
	}
	results, err := l.formatter.Format(l.rows)
	if err == nil && len(results) != len(l.rows) {
		err = fmt.Errorf("%d results for %d rows", len(results), len(l.rows))
	}
	if err != nil {
		return fmt.Errorf("%s to %s: formatter %s: %w", l.positions[0], l.positions[len(l.positions)-1], l.formatter.Name, err)
	}
	for i, result := range results {
		if err := l.take(result, l.positions[i]); err != nil {
			return err
		}
	}
	l.rows, l.positions = l.rows[:0], l.positions[:0]
	return nil
}

func (l *loader) take(result sdk.Result, at Position) error {
	switch {
	case result.Err != "":
		return l.bad(fmt.Errorf("%s: %s", at, result.Err))
	case result.Dropped != "":
		l.out.drop(result.Dropped, at)
		return nil
	}
	e := Example{Example: result.Example, Source: at}
	if len(l.out.All) > 0 {
		if err := sameColumns(l.out.All[0], e); err != nil {
			return l.bad(err)
		}
	}
	if err := fitsFloat32(e); err != nil {
		return l.bad(err)
	}
	l.out.All = append(l.out.All, e)
	return nil
}

func (l *loader) bad(err error) error {
	if l.onBadRow != SkipBadRow {
		return err
	}
	l.out.Bad = append(l.out.Bad, err)
	return nil
}

func (e *Examples) drop(reason string, at Position) {
	for i := range e.Drops {
		if e.Drops[i].Reason == reason {
			e.Drops[i].Count++
			return
		}
	}
	e.Drops = append(e.Drops, Drop{Reason: reason, Count: 1, First: at})
}

// lost lists why records are missing: "3 dropped (empty answer), 2 bad".
func (e *Examples) lost() string {
	var why []string
	for _, d := range e.Drops {
		why = append(why, fmt.Sprintf("%d dropped (%s)", d.Count, d.Reason))
	}
	if len(e.Bad) > 0 {
		why = append(why, fmt.Sprintf("%d bad, the first of them %v", len(e.Bad), e.Bad[0]))
	}
	return strings.Join(why, ", ")
}

// sameColumns demands that an example has the columns that the first one has:
// a batch has them for all of its rows.
func sameColumns(first, e Example) error {
	wantRows, foundRows := columnNames(first.Candidates[0].Columns), columnNames(e.Candidates[0].Columns)
	if !slices.Equal(wantRows, foundRows) {
		return fmt.Errorf("%s: the candidates have the columns %q; those of %s have %q", e.Source, foundRows, first.Source, wantRows)
	}
	want, found := columnNames(first.Columns), columnNames(e.Columns)
	if !slices.Equal(want, found) {
		return fmt.Errorf("%s: the example has the columns %q; that of %s has %q", e.Source, found, first.Source, want)
	}
	return nil
}

func columnNames(columns map[string]float64) []string { return slices.Sorted(maps.Keys(columns)) }

// fitsFloat32 refuses a column that a batch could not hold.
func fitsFloat32(e Example) error {
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
