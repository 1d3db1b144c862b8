package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data/record"
	"llmhost/host/data/sink"
	"llmhost/host/data/source"
	"llmhost/sdk"
)

// Conversion says what becomes of records.
type Conversion struct {
	Out   string // the file to write, whose kind its name says
	Force bool   // write over what is there, an input too
	Form  string // of the records; "" leaves them as they are, or as the formatter makes them
	Best  bool   // of several answers take the best
	Skip  bool   // leave out what cannot be converted
}

// Converted says what was written.
type Converted struct {
	Read, Written, Skipped int
	FirstSkipped           error
	Notes                  []string
}

// ConvertData writes the records of the data files into another kind of file, into
// another form, or as texts that the formatter of the settings lays out.
func ConvertData(ctx context.Context, s config.Settings, env Env, c Conversion) (out Converted, err error) {
	env.TaskFor = nil // records stay as they are where no task is named
	r, err := openReading(ctx, s, env, console.New(env.Lines, nil))
	if err != nil {
		return out, err
	}
	defer r.Close()
	parts, err := r.trainParts()
	if err != nil {
		return out, err
	}
	if err := mayWrite(c.Out, parts, c.Force); err != nil {
		return out, err
	}
	convert, err := r.form(c)
	if err != nil {
		return out, err
	}
	records := func(yield func(record.Record, error) bool) {
		out.Read, out.Skipped = 0, 0
		for from, err := range recordsIn(ctx, parts) {
			if err != nil {
				yield(nil, err)
				return
			}
			out.Read++
			changed, err := r.of(from.part).change(ctx, from.Record, convert)
			if err != nil && c.Skip && ctx.Err() == nil {
				if out.Skipped++; out.FirstSkipped == nil {
					out.FirstSkipped = err
				}
				continue
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range changed {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
	out.Written, out.Notes, err = sink.Write(c.Out, records)
	return out, err
}

// mayWrite refuses to write over a file without being told to.
func mayWrite(path string, parts []part, force bool) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || force && err == nil {
		return nil
	}
	if err != nil {
		return err
	}
	for _, p := range parts {
		inputs, err := p.files.List()
		if err != nil {
			return err
		}
		for _, input := range inputs {
			if read, err := os.Stat(input); err == nil && os.SameFile(read, info) {
				return fmt.Errorf("%s: this is an input; --force writes over it", path)
			}
		}
	}
	return fmt.Errorf("%s: there is something of this name; --force writes over it", path)
}

// form is what makes records of another form of one; of the same where none is asked for.
func (r *reading) form(c Conversion) (func(record.Record) ([]record.Record, error), error) {
	if c.Form == "" {
		return func(r record.Record) ([]record.Record, error) { return []record.Record{r}, nil }, nil
	}
	form, err := record.FormOf(c.Form)
	if err != nil {
		return nil, err
	}
	if c.Best {
		form = form.Best()
	}
	if r.chats != nil && r.chats.missing == nil {
		form = form.LaidOut(r.chats.text)
	}
	return form.Convert, nil
}

// change is what becomes of a record; an error names its place.
func (r *reading) change(ctx context.Context, from source.Record, convert func(record.Record) ([]record.Record, error)) ([]record.Record, error) {
	one, err := r.readOrFormat(ctx, from)
	if err != nil {
		return nil, err
	}
	all, err := convert(one)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from.Position(), err)
	}
	return all, nil
}

// readOrFormat is a record as it is, or, where the settings name a formatter, as that
// lays it out.
func (r *reading) readOrFormat(ctx context.Context, from source.Record) (record.Record, error) {
	if r.formatter == nil {
		one, err := record.Read(from)
		return one.Renamed(r.settings.Columns), err
	}
	row, err := from.Row(r.formatter.Name, r.formatter.Columns)
	if err != nil {
		return nil, err
	}
	results, err := r.formatter.Format(ctx, []sdk.Row{row})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: formatter %s: %w", from.Position(), r.formatter.Name, err)
	case len(results) != 1:
		return nil, fmt.Errorf("%s: formatter %s: %d results for one row", from.Position(), r.formatter.Name, len(results))
	case results[0].Err != "":
		return nil, fmt.Errorf("%s: %s", from.Position(), results[0].Err)
	case results[0].Dropped != "":
		return nil, fmt.Errorf("%s: the formatter leaves it out: %s", from.Position(), results[0].Dropped)
	}
	one, err := record.OfExample(results[0].Example)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from.Position(), err)
	}
	return one, nil
}

// partRecord is a record of a part.
type partRecord struct {
	source.Record
	part part
}

// recordsIn yields the records of parts. The first error ends it.
func recordsIn(ctx context.Context, parts []part) iter.Seq2[partRecord, error] {
	return func(yield func(partRecord, error) bool) {
		for _, p := range parts {
			for from, err := range p.files.Records() {
				if err == nil {
					err = ctx.Err()
				}
				if !yield(partRecord{from, p}, err) || err != nil {
					return
				}
			}
		}
	}
}

// recordsOf yields the records of parts as they are.
func recordsOf(ctx context.Context, parts []part) iter.Seq2[record.Record, error] {
	return func(yield func(record.Record, error) bool) {
		for from, err := range recordsIn(ctx, parts) {
			if err != nil {
				yield(nil, err)
				return
			}
			r, err := record.Read(from.Record)
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}
