package formatter

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// settings checks that each parameter changes the result of some record: under
// the defaults, with another choice of one other parameter, or with others drawn
// at random.
func (f *formatter) settings() error {
	records := f.telling()
	tried := 0
	for _, p := range f.Component.Params {
		values := f.values(p)
		if len(values) == 0 || len(f.good) == 0 {
			continue
		}
		tried++
		matters, err := f.matters(p, values, records)
		if err != nil {
			return err
		}
		if !matters {
			f.Find(check.Finding{
				Warning: isNumber(p), // no record here may reach a limit
				Text: fmt.Sprintf(
					"parameter %s changes nothing: with %v instead of %v, all of %d records give the same results",
					p.Name,
					values,
					p.Default,
					len(records),
				),
				Cause: "Format does not use the field; use it, or remove its tag",
			})
		}
	}
	f.Note = fmt.Sprintf("%d parameters, each of which matters", tried)
	return nil
}

// values are values of a parameter other than its default.
func (f *formatter) values(p sdk.Param) []any {
	values := f.Values(p)
	if p.Type == sdk.StringParam && p.Choices == nil {
		text, _ := p.Default.(string)
		values = append(values, text+"~", "~"+text)
	}
	if isNumber(p) {
		for _, b := range check.Bounds(p) {
			values = append(values, b)
		}
	}
	return values
}

func isNumber(p sdk.Param) bool { return p.Type == sdk.IntParam || p.Type == sdk.FloatParam }

// telling are records on which parameters may have an effect: ordinary ones, texts
// that are empty, long, or surrounded by spaces, and lists of one entry or of equal
// numbers.
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

// evenLists cuts the lists of a record to n entries, and makes their numbers equal.
func evenLists(cells []sdk.Cell, most int) []sdk.Cell {
	out := slices.Clone(cells)
	for i, c := range out {
		out[i].Strs = c.Strs[:min(most, len(c.Strs))]
		out[i].Floats = nil
		for range min(most, len(c.Floats)) {
			out[i].Floats = append(out[i].Floats, c.Floats[0])
		}
	}
	return out
}

// matters reports whether one of the values changes the result of a record. If
// the formatter cannot be run with other parameters, because they are
// incompatible or change what it reads, the parameter counts as used.
func (f *formatter) matters(p sdk.Param, values []any, records []record) (bool, error) {
	for beside := range f.Beside(p.Name) {
		changes, err := f.changes(p, values, beside, records)
		if errors.Is(err, check.ErrLate) {
			return false, err
		}
		if changes || err != nil {
			return true, nil
		}
	}
	return false, nil
}

// changes reports whether one of the values does so together with others.
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

// errOtherColumns means that a parameter changes what is read.
var errOtherColumns = errors.New("reads other columns")

// resultsUnder formats the records under other parameters.
func (f *formatter) resultsUnder(params map[string]any, records []record) ([]sdk.Result, error) {
	if f.Late() {
		return nil, check.ErrLate
	}
	other, err := f.Component.Formatter(f.Context(), params)
	if err != nil {
		return nil, err
	}
	defer other.Close()
	if !reflect.DeepEqual(other.Columns, f.Columns) {
		return nil, errOtherColumns
	}
	return called(with(f.Trial, other), records, f.Slower(callTime))
}
