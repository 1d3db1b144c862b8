// Package data makes batches of data files: records become rows of declared
// cells, a formatter makes texts of rows, a tokenizer sequences of texts, and
// Pack lays sequences out for a model. It computes nothing on a device. Start
// at Load and at Pack.
package data

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"llmhost/sdk"
)

// A batch goes to the formatter when it has so many rows, or so many bytes of
// records. Crossing into a plugin should cost little a row, and a batch must
// fit into a plugin's memory.
const (
	batchRows  = 512
	batchBytes = 4 << 20
)

// Load reads the records of files and formats them. That nothing at all is
// left is an error. When ctx ends its error is returned.
func Load(ctx context.Context, files Files, formatter Formatter, onBadRow OnBadRow) (Examples, error) {
	ctx, cancel := context.WithCancel(ctx)
	l := loader{formatter: formatter, onBadRow: onBadRow, next: &batch{}}
	defer l.wait()
	defer cancel()
	for record, err := range files.Records() {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = l.add(ctx, record)
		} else if earlier := l.finish(ctx); earlier != nil {
			err = earlier
		}
		if err != nil {
			return Examples{}, err
		}
	}
	if err := l.finish(ctx); err != nil {
		return Examples{}, err
	}
	if len(l.out.All) == 0 {
		return Examples{}, fmt.Errorf("%s: none of %d records is left: %s", strings.Join(files.Paths, ", "), l.out.Records, l.out.lost())
	}
	return l.out, nil
}

// loader gathers rows into batches. Several batches may be on their way through
// the formatter; they come back in the order of the files.
type loader struct {
	formatter Formatter
	onBadRow  OnBadRow
	next      *batch   // which is being gathered
	away      []*batch // which are being formatted, the oldest first
	out       Examples
}

// batch is some rows and what comes of them.
type batch struct {
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

func (l *loader) add(ctx context.Context, r Record) error {
	l.out.Records++
	b := l.next
	row, err := r.Row(l.formatter.Name, l.formatter.Columns)
	if err != nil {
		b.unread = append(b.unread, unread{len(b.rows), err})
		if l.onBadRow != SkipBadRow {
			return l.finish(ctx) // an earlier row may be bad too
		}
		return nil
	}
	b.rows, b.positions, b.bytes = append(b.rows, row), append(b.positions, r.Position), b.bytes+len(r.text)
	if len(b.rows) < batchRows && b.bytes < batchBytes {
		return nil
	}
	return l.send(ctx, l.formatter.Parallel-1)
}

// send has the gathered rows formatted, and takes in what is done until no more
// than so many batches are away.
func (l *loader) send(ctx context.Context, away int) error {
	b := l.next
	b.done = make(chan struct{})
	l.next, l.away = &batch{}, append(l.away, b)
	go b.format(ctx, l.formatter)
	for len(l.away) > max(away, 0) {
		first := l.away[0]
		<-first.done
		l.away = l.away[1:]
		if err := l.take(first); err != nil {
			return err
		}
	}
	return nil
}

// finish formats what is gathered and takes everything in.
func (l *loader) finish(ctx context.Context) error { return l.send(ctx, 0) }

// wait lets no call of the formatter outlast the loader.
func (l *loader) wait() {
	for _, b := range l.away {
		<-b.done
	}
}

// format fills in the results.
func (b *batch) format(ctx context.Context, f Formatter) {
	defer close(b.done)
	if len(b.rows) == 0 {
		return
	}
	results, err := f.Format(ctx, b.rows)
	if err == nil && len(results) != len(b.rows) {
		err = fmt.Errorf("%d results for %d rows", len(results), len(b.rows))
	}
	switch {
	case ctx.Err() != nil:
		b.err = ctx.Err()
	case err != nil:
		b.err = b.failed(f.Name, err)
	}
	b.results = results
}

// failed names the records of the batch, and the one at fault if it is known.
func (b *batch) failed(formatter string, err error) error {
	first, last := b.positions[0], b.positions[len(b.positions)-1]
	var located interface{ AtRow() int }
	if errors.As(err, &located) && located.AtRow() >= 0 && located.AtRow() < len(b.positions) {
		return fmt.Errorf("%s: formatter %s: %w (in the batch %s to %s)", b.positions[located.AtRow()], formatter, err, first, last)
	}
	return fmt.Errorf("%s to %s: formatter %s: %w", first, last, formatter, err)
}

// take takes in what came of a batch, in the order of its records.
func (l *loader) take(b *batch) error {
	if b.err != nil {
		return b.err
	}
	unread := b.unread
	for i := range len(b.rows) + 1 {
		for ; len(unread) > 0 && unread[0].before == i; unread = unread[1:] {
			if err := l.bad(unread[0].err); err != nil {
				return err
			}
		}
		if i == len(b.rows) {
			return nil
		}
		if err := l.takeResult(b.results[i], b.positions[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) takeResult(result sdk.Result, at Position) error {
	switch {
	case result.Err != "":
		return l.bad(fmt.Errorf("%s: %s", at, result.Err))
	case result.Dropped != "":
		l.out.drop(result.Dropped, at)
		return nil
	}
	e := Formatted{Example: result.Example, Source: at}
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
