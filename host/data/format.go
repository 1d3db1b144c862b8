package data

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"llmhost/host/data/source"
	"llmhost/sdk"
)

// A portion goes to the formatter when it has so many rows, or so many bytes of
// records. The cost of a call into a plugin should be small per row, and a portion must
// fit into a plugin's memory.
const (
	portionRows  = 512
	portionBytes = 4 << 20
)

// Format reads the records of files and formats them. It is an error if nothing
// is left. When ctx ends its error is returned.
func Format(ctx context.Context, files source.Files, formatter Formatter, onBadRow OnBadRow) (Texts, error) {
	ctx, cancel := context.WithCancel(ctx)
	g := gatherer{formatter: formatter, onBadRow: onBadRow, next: &portion{}}
	defer g.wait()
	defer cancel()
	for record, err := range files.Records() {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = g.add(ctx, record)
		} else if earlier := g.finish(ctx); earlier != nil {
			err = earlier
		}
		if err != nil {
			return Texts{}, err
		}
	}
	if err := g.finish(ctx); err != nil {
		return Texts{}, err
	}
	if len(g.out.All) == 0 {
		return Texts{}, fmt.Errorf("%s: none of %d records is left: %s", strings.Join(files.Paths, ", "), g.out.Records, g.out.lost())
	}
	return g.out, nil
}

// gatherer gathers rows into portions. Several portions may be on their way
// through the formatter; they come back in the order of the files.
type gatherer struct {
	formatter Formatter
	onBadRow  OnBadRow
	next      *portion   // which is being gathered
	away      []*portion // which are being formatted, the oldest first
	out       Texts
}

// portion is some rows and their results.
type portion struct {
	rows      []sdk.Row
	positions []Position // of rows
	bytes     int        // of the records
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
	row, err := r.Row(g.formatter.Name, g.formatter.Columns)
	if err != nil {
		p.unread = append(p.unread, unread{len(p.rows), err})
		if g.onBadRow != SkipBadRow {
			return g.finish(ctx) // an earlier row may be bad too
		}
		return nil
	}
	p.rows = append(p.rows, row)
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
		return fmt.Errorf("%s: formatter %s: %w (in the batch %s to %s)", p.positions[located.AtRow()], formatter, err, first, last)
	}
	return fmt.Errorf("%s to %s: formatter %s: %w", first, last, formatter, err)
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
			return nil
		}
		if err := g.takeResult(p.results[i], p.positions[i]); err != nil {
			return err
		}
	}
	return nil
}

func (g *gatherer) takeResult(result sdk.Result, at Position) error {
	switch {
	case result.Err != "":
		return g.bad(fmt.Errorf("%s: %s", at, result.Err))
	case result.Dropped != "":
		g.out.drop(result.Dropped, at)
		return nil
	}
	e := Formatted{Example: result.Example, Source: at}
	if len(g.out.All) > 0 {
		if err := sameColumns(g.out.All[0], e); err != nil {
			return g.bad(err)
		}
	}
	if err := fitsFloat32(e); err != nil {
		return g.bad(err)
	}
	g.out.All = append(g.out.All, e)
	return nil
}

func (g *gatherer) bad(err error) error {
	if g.onBadRow != SkipBadRow {
		return err
	}
	g.out.Bad = append(g.out.Bad, err)
	return nil
}
