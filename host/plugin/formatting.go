package plugin

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"

	"llmhost/sdk"
)

// Formatting is a configured formatter.
type Formatting struct {
	Records
	// Format turns rows, each with a cell for each column, into results, one a row.
	// An error is a *RowError if one row is at fault, else it is about the whole
	// batch.
	Format func(ctx context.Context, rows []sdk.Row) ([]sdk.Result, error)
	// Parallel is how many concurrent calls of Format pay off; with 0 or 1 they
	// must be made one at a time.
	Parallel int
	close    func() // nil if there is nothing to release
}

// Close releases what the formatter runs in. It may be called twice; Format
// must not be called after it.
func (f Formatting) Close() {
	if f.close != nil {
		f.close()
	}
}

// inProcess is a builtin formatter, with what it declares about its records.
func inProcess(f sdk.Formatter, records Records) Formatting {
	return Formatting{Records: records, Format: func(ctx context.Context, rows []sdk.Row) ([]sdk.Result, error) {
		return sdk.FormatRows(f, rows), ctx.Err()
	}}
}

// results reads the reply of a formatter outside this program to a number of
// rows, and makes its texts safe to show.
func (c *Component) results(reply []byte, rows int) ([]sdk.Result, error) {
	data, err := c.Plugin.payload("formatting with "+c.Name, reply)
	if err != nil {
		return nil, err
	}
	results, err := sdk.DecodeResults(data, rows)
	if err != nil {
		return nil, fmt.Errorf("%v: its reply is broken: %w (sha256 %.12s)", c, err, c.Plugin.Digest)
	}
	for i := range results {
		if r := &results[i]; r.Err != "" || r.Dropped != "" {
			r.Err, r.Dropped = line(r.Err), line(r.Dropped)
		}
	}
	return results, nil
}

// formatRows is the Format of a Formatting.
type formatRows func(ctx context.Context, rows []sdk.Row) ([]sdk.Result, error)

// steady checks the first batch twice: a formatter that mixes up its records,
// or remembers them, would silently ruin a whole run.
func (c *Component) steady(format formatRows) formatRows {
	var asked atomic.Bool
	return func(ctx context.Context, rows []sdk.Row) ([]sdk.Result, error) {
		results, err := format(ctx, rows)
		if err == nil && asked.CompareAndSwap(false, true) {
			err = c.again(ctx, rows, results, format)
		}
		return results, err
	}
}

// sample bounds how many records of the first batch are formatted again.
const sample = 16

// again formats some of the rows once more, the last ones first, and returns a
// *RowError if one of them gets another answer than before.
func (c *Component) again(ctx context.Context, rows []sdk.Row, before []sdk.Result, format formatRows) error {
	var few []sdk.Row
	var from []int
	for i := len(rows) - 1; i >= 0; i -= (len(rows) + sample - 1) / sample {
		few = append(few, rows[i])
		from = append(from, i)
	}
	now, err := format(ctx, few)
	var at *RowError
	if errors.As(err, &at) {
		at.Row = from[at.Row]
	}
	if err != nil {
		return err
	}
	for i, row := range from {
		if was := before[row]; !reflect.DeepEqual(was, now[i]) && (was.Err == "" || now[i].Err == "") {
			return &RowError{Row: row, Err: fmt.Errorf("%v: mixes up or remembers records: formatted twice, this one gave two results; Format may depend only on its row and parameters", c)}
		}
	}
	return nil
}
