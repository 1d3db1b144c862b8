package check

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"llmhost/sdk"
)

// unused asks of each parameter of a formatter whether it changes what becomes of
// some record: under the defaults, beside a choice of another one, or beside
// others that are drawn.
func (f *formatter) unused() error {
	records := f.telling()
	tried := 0
	for _, p := range f.component.Params {
		values := f.others(p)
		if p.Type == sdk.StringParam && p.Choices == nil {
			text, _ := p.Default.(string)
			values = append(values, text+"~", "~"+text)
		}
		if p.Type == sdk.IntParam || p.Type == sdk.FloatParam {
			for _, b := range bounds(p) {
				values = append(values, b)
			}
		}
		if len(values) == 0 || len(f.good) == 0 {
			continue
		}
		tried++
		matters, err := f.matters(p, values, records)
		if err != nil {
			return err
		}
		if !matters {
			f.find(Finding{
				Warning: p.Type == sdk.IntParam || p.Type == sdk.FloatParam, // a limit may be one that no record here reaches
				Text:    fmt.Sprintf("parameter %s changes nothing: with %v in the place of %v, all of %d records become the same", p.Name, values, p.Default, len(records)),
				Cause:   "Format does not use the field; use it, or take its tag away",
			})
		}
	}
	f.note = fmt.Sprintf("%d parameters, each of which matters", tried)
	return nil
}

// telling are records that parameters are about: ordinary ones, texts that are
// empty, long, or have blanks around them, and lists of one entry or of equal numbers.
func (f *formatter) telling() []record {
	records := append([]record(nil), f.good...)
	for _, r := range f.good[:min(8, len(f.good))] {
		for i := range r.cells {
			records = append(records, blanked(r, i))
			for _, h := range f.spoilt(r, i) {
				if !strings.Contains(h.what, "1 MB") {
					records = append(records, h.record)
				}
			}
		}
		around := record{cells: grownCells(r.cells, " \n"), plan: r.plan}
		for i, c := range around.cells {
			if c.Type == sdk.String {
				around.cells[i].Str = "\n " + c.Str
			}
		}
		records = append(records, around, record{cells: grownCells(r.cells, strings.Repeat(" long", 2000)), plan: r.plan},
			record{cells: evenLists(r.cells, 1), plan: r.plan}, record{cells: evenLists(r.cells, all), plan: r.plan})
	}
	for range 60 {
		records = append(records, f.make.record(f.make.plan()))
	}
	return records
}

// all is more entries than any list has.
const all = 1 << 20

// evenLists cuts the lists of a record to so many entries, and makes their numbers equal.
func evenLists(cells []sdk.Cell, most int) []sdk.Cell {
	out := slices.Clone(cells)
	for i, c := range out {
		out[i].Strs, out[i].Floats = c.Strs[:min(most, len(c.Strs))], nil
		for range min(most, len(c.Floats)) {
			out[i].Floats = append(out[i].Floats, c.Floats[0])
		}
	}
	return out
}

// matters says whether one of the values changes what becomes of a record.
func (f *formatter) matters(p sdk.Param, values []any, records []record) (bool, error) {
	for _, v := range f.variants {
		if _, own := v.values[p.Name]; own || v.edge {
			continue
		}
		if changes, err := f.changes(p, values, v.values, records); changes || err != nil {
			return true, ignored(err)
		}
	}
	rng := rand.New(rand.NewPCG(f.run.options.Seed, 7))
	for range combinations {
		changes, err := f.changes(p, values, drawn(rng, f.component.Params, p.Name, f.others), records)
		if changes || err == errLate {
			return true, ignored(err)
		}
	}
	return false, nil
}

// changes says whether one of the values does so beside others.
func (f *formatter) changes(p sdk.Param, values []any, beside map[string]any, records []record) (bool, error) {
	base, err := f.resultsUnder(beside, records)
	if err != nil {
		return false, err
	}
	for _, value := range values {
		with := map[string]any{p.Name: value}
		maps.Copy(with, beside)
		other, err := f.resultsUnder(with, records)
		if err != nil {
			return false, err
		}
		if !slices.EqualFunc(base, other, sameResult) {
			return true, nil
		}
	}
	return false, nil
}

// ignored leaves errors to the check that is about them.
func ignored(err error) error {
	if err == errLate {
		return err
	}
	return nil
}

// errOtherColumns says that a parameter changes what is read.
var errOtherColumns = errors.New("reads other columns")

func (f *formatter) resultsUnder(values map[string]any, records []record) ([]sdk.Result, error) {
	if f.run.late() {
		return nil, errLate
	}
	columns, format, closed, err := f.under(values)
	if err != nil {
		return nil, err
	}
	defer closed()
	if !reflect.DeepEqual(columns, f.columns) {
		return nil, errOtherColumns
	}
	return called(format, records)
}
