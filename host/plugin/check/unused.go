package check

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmhost/sdk"
)

// unused asks of each parameter of a formatter whether it changes what becomes
// of some record, under the defaults or beside a choice of another one.
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

// telling are records that parameters are about: ordinary ones, and texts that
// are empty, long, or have blanks around them.
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
		records = append(records, around, record{cells: grownCells(r.cells, strings.Repeat(" long", 2000)), plan: r.plan})
	}
	for range 60 {
		records = append(records, f.make.record(f.make.plan()))
	}
	return records
}

// matters says whether one of the values changes what becomes of a record.
func (f *formatter) matters(p sdk.Param, values []any, records []record) (bool, error) {
	for _, v := range f.variants {
		if _, own := v.values[p.Name]; own || v.edge {
			continue
		}
		base, err := f.resultsUnder(v.values, records)
		if err != nil {
			return true, ignored(err)
		}
		for _, value := range values {
			with := map[string]any{p.Name: value}
			maps.Copy(with, v.values)
			other, err := f.resultsUnder(with, records)
			if err != nil {
				return true, ignored(err)
			}
			for i := range base {
				if !sameResult(base[i], other[i]) {
					return true, nil
				}
			}
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
	if !slices.Equal(columns, f.columns) {
		return nil, errOtherColumns
	}
	return called(format, records)
}
