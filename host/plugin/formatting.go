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
	// Format turns rows, of a cell for each column, into results, one a row. An
	// error is a *RowError where one row is at fault, else it is about all of them.
	Format func(ctx context.Context, rows []sdk.Row) ([]sdk.Result, error)
	// Parallel is how many calls of Format it pays to make at once; 0 or 1: they
	// must be made one at a time.
	Parallel int
	close    func() // nil where there is nothing to let go of
}

// Close lets go of what the formatter runs in. It may be called twice; Format
// must not be called after it.
func (f Formatting) Close() {
	if f.close != nil {
		f.close()
	}
}

// inProcess is a formatter that is linked in, with what it says of its records.
func inProcess(f sdk.Formatter, records Records) Formatting {
	return Formatting{Records: records, Format: func(ctx context.Context, rows []sdk.Row) ([]sdk.Result, error) {
		return sdk.FormatRows(f, rows), ctx.Err()
	}}
}

// results reads what a formatter outside this program replied to so many rows.
// What it says of a row is made safe to show.
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

// steady has the first batch looked at once more: a formatter that mixes up its
// records, or remembers them, would spoil a whole run without a word.
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

// sample is how many records of the first batch are asked for again, at most.
const sample = 16

// again asks for some of the rows once more, the last ones first, and is a
// *RowError where one of them gets another answer than before.
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
			return &RowError{Row: row, Err: fmt.Errorf("%v: answers for another record, or remembers those before: asked twice, it made two things of this one; Format may depend on its row and parameters alone", c)}
		}
	}
	return nil
}
