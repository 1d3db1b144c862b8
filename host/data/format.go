package data

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"llmhost/host/data/source"
	"llmhost/sdk"
)

// Formatter is a formatter that is ready to run, whatever its transport.
type Formatter struct {
	Name    string // for errors
	Plugin  string // the file that it is of, for errors; "" for one that is linked in
	Columns []sdk.Column
	// Format returns one result a row. An error is about all of the rows, or
	// about one, which its method AtRow then returns.
	Format   func(ctx context.Context, rows []sdk.Row) ([]sdk.Result, error)
	Parallel int // how many calls of Format may be made at once, 0 for one
}

// whole names the formatter with its plugin.
func (f Formatter) whole() string {
	if f.Plugin == "" {
		return f.Name
	}
	return f.Name + " of plugin " + f.Plugin
}

// fields names the fields of records that it reads.
func (f Formatter) fields() []string {
	names := []string{} // not nil, which would stand for all
	for _, c := range f.Columns {
		names = append(names, c.Name)
	}
	return names
}

// owner begins what is said of a result. Users know those that are linked in
// by the settings that their errors name.
func (f Formatter) owner() string {
	if f.Plugin == "" {
		return ""
	}
	return "formatter " + f.whole() + ": "
}

// Formatted is the text that a formatter made of the record at Source.
type Formatted struct {
	sdk.Example
	Source Position

	place source.Place // of the record
}

// IsText tells whether f is one text without a prompt, as for pretraining.
func (f Formatted) IsText() bool {
	return len(f.Candidates) == 1 && f.Candidates[0].Prompt == "" && f.Candidates[0].Answer != ""
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

// noneLeft is the error of files of whose records none can be used.
func (t *Texts) noneLeft(files source.Files) error {
	return fmt.Errorf("%s: none of %d records is left: %s", strings.Join(files.Paths, ", "), t.Records, t.lost())
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
		return fmt.Errorf(
			"the candidates have the columns %q; those of %s have %q",
			foundEach,
			first.Source,
			wantEach,
		)
	}
	want := columnNames(first.Columns)
	found := columnNames(e.Columns)
	if !slices.Equal(want, found) {
		return fmt.Errorf(
			"the example has the columns %q; that of %s has %q",
			found,
			first.Source,
			want,
		)
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
				return fmt.Errorf(
					"column %q is %v; want a finite number that a float32 holds",
					name,
					v,
				)
			}
		}
	}
	return nil
}

// A portion goes to the formatter when it has so many rows, or so many bytes of
// records. The cost of a call into a plugin should be small per row, and a portion
// must fit into a plugin's memory.
const (
	portionRows  = 512
	portionBytes = 4 << 20
)

// Format reads the records of files and formats them. It is an error if nothing
// is left. When ctx ends its error is returned.
func Format(ctx context.Context, files source.Files, formatter Formatter, onBadRow OnBadRow) (Texts, error) {
	var all []Formatted
	files.Columns = formatter.fields()
	texts, err := formatEach(ctx, files.Records(), formatter, onBadRow, nil, func(portion []Formatted) error {
		all = append(all, portion...)
		return nil
	})
	if err != nil {
		return Texts{}, err
	}
	texts.All = all
	if len(all) == 0 {
		return Texts{}, texts.noneLeft(files)
	}
	return texts, nil
}

// formatEach formats records and hands them to emit in portions, in their order. Their
// columns are those of first, or, where that is nil, of the first of them. What it
// returns counts them and holds none, with an error too.
func formatEach(ctx context.Context, records iter.Seq2[source.Record, error], formatter Formatter, onBadRow OnBadRow, first *Formatted, emit func([]Formatted) error) (Texts, error) {
	ctx, cancel := context.WithCancel(ctx)
	g := gatherer{formatter: formatter, onBadRow: onBadRow, next: &portion{}, first: first, emit: emit}
	defer g.wait()
	defer cancel()
	for record, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = g.add(ctx, record)
		} else if earlier := g.finish(ctx); earlier != nil {
			err = earlier
		}
		if err != nil {
			return g.out, err
		}
	}
	err := g.finish(ctx)
	return g.out, err
}

// gatherer gathers rows into portions. Several portions may be on their way
// through the formatter; they come back in the order of the files.
type gatherer struct {
	formatter Formatter
	onBadRow  OnBadRow
	next      *portion   // which is being gathered
	away      []*portion // which are being formatted, the oldest first
	out       Texts
	emit      func([]Formatted) error
	first     *Formatted  // of all, nil before it
	taken     []Formatted // of the portion that is being taken
}

// portion is some rows and their results.
type portion struct {
	rows      []sdk.Row
	records   []source.Record // of rows
	positions []Position
	bytes     int // of the records
	unread    []unread
	results   []sdk.Result
	err       error
	done      chan struct{} // closed when results or err is there
}

// unread is a record that did not become a row.
type unread struct {
	before int // the row that comes after it
	err    error
}

func (g *gatherer) add(ctx context.Context, r source.Record) error {
	g.out.Records++
	p := g.next
	row, err := r.Row(g.formatter.whole(), g.formatter.Columns)
	if err != nil {
		p.unread = append(p.unread, unread{len(p.rows), err})
		if g.onBadRow != SkipBadRow {
			return g.finish(ctx) // an earlier row may be bad too
		}
		return nil
	}
	p.rows = append(p.rows, row)
	p.records = append(p.records, r)
	p.positions = append(p.positions, r.Position())
	p.bytes += r.Bytes()
	if len(p.rows) < portionRows && p.bytes < portionBytes {
		return nil
	}
	return g.send(ctx, g.formatter.Parallel-1)
}

// send has the gathered rows formatted, and collects finished portions until no
// more than so many are away.
func (g *gatherer) send(ctx context.Context, away int) error {
	p := g.next
	p.done = make(chan struct{})
	g.next = &portion{}
	g.away = append(g.away, p)
	go p.format(ctx, g.formatter)
	for len(g.away) > max(away, 0) {
		first := g.away[0]
		<-first.done
		g.away = g.away[1:]
		if err := g.take(first); err != nil {
			return err
		}
	}
	return nil
}

// finish formats what is gathered and collects everything.
func (g *gatherer) finish(ctx context.Context) error { return g.send(ctx, 0) }

// wait makes sure that no call of the formatter outlasts the gatherer.
func (g *gatherer) wait() {
	for _, p := range g.away {
		<-p.done
	}
}

// format fills in the results.
func (p *portion) format(ctx context.Context, f Formatter) {
	defer close(p.done)
	if len(p.rows) == 0 {
		return
	}
	results, err := f.Format(ctx, p.rows)
	if err == nil && len(results) != len(p.rows) {
		err = fmt.Errorf("%d results for %d rows", len(results), len(p.rows))
	}
	switch {
	case ctx.Err() != nil:
		p.err = ctx.Err()
	case err != nil:
		p.err = p.failed(f.Name, err)
	}
	p.results = results
}

// failed names the records of the portion, and the one at fault if it is known.
func (p *portion) failed(formatter string, err error) error {
	first := p.positions[0]
	last := p.positions[len(p.positions)-1]
	var located interface{ AtRow() int }
	if errors.As(err, &located) && located.AtRow() >= 0 && located.AtRow() < len(p.positions) {
		return fmt.Errorf(
			"%s: formatter %s: %w (in the batch %s)",
			p.positions[located.AtRow()],
			formatter,
			err,
			first.To(last),
		)
	}
	return fmt.Errorf("%s: formatter %s: %w", first.To(last), formatter, err)
}

// take collects the results of a portion, in the order of its records.
func (g *gatherer) take(p *portion) error {
	if p.err != nil {
		return p.err
	}
	unread := p.unread
	for i := range len(p.rows) + 1 {
		for ; len(unread) > 0 && unread[0].before == i; unread = unread[1:] {
			if err := g.bad(unread[0].err); err != nil {
				return err
			}
		}
		if i == len(p.rows) {
			break
		}
		if err := g.takeResult(p.results[i], p.records[i]); err != nil {
			return err
		}
	}
	taken := g.taken
	g.taken = nil
	if len(taken) == 0 {
		return nil
	}
	return g.emit(taken)
}

func (g *gatherer) takeResult(result sdk.Result, r source.Record) error {
	at := r.Position()
	switch {
	case result.Err != "":
		return g.bad(fmt.Errorf("%s: %s%s%s", at, g.formatter.owner(), result.Err, nulls(r, g.formatter.Columns)))
	case result.Dropped != "":
		g.out.drop(g.formatter.owner()+result.Dropped, at)
		return nil
	}
	e := Formatted{Example: result.Example, Source: at, place: r.Place()}
	if g.first != nil {
		if err := sameColumns(*g.first, e); err != nil {
			return g.bad(fmt.Errorf("%s: %s%w", at, g.formatter.owner(), err))
		}
	}
	if err := fitsFloat32(e); err != nil {
		return g.bad(fmt.Errorf("%s: %s%w", at, g.formatter.owner(), err))
	}
	if g.first == nil {
		g.first = &e
	}
	g.taken = append(g.taken, e)
	return nil
}

// nulls says which fields of a refused record are null: to a formatter they are missing.
func nulls(r source.Record, columns []sdk.Column) string {
	names := r.Nulls(columns)
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" (null in the record: %s)", strings.Join(names, ", "))
}

func (g *gatherer) bad(err error) error {
	if g.onBadRow != SkipBadRow {
		return err
	}
	g.out.Bad = append(g.out.Bad, err)
	return nil
}
