package formatter

import (
	"fmt"
	"maps"
	"slices"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// sameColumns checks that every example has the same columns, since a run
// refuses the first that differs, and that they are the declared ones.
func (f *formatter) sameColumns() error {
	results, err := f.call(f.good)
	if err != nil || len(f.good) == 0 {
		return err
	}
	first := -1
	for i, r := range results {
		switch {
		case !isGood(r):
			continue
		case first < 0:
			first = i
			f.Note = columnNames(r.Example)
		case columnNames(r.Example) != f.Note:
			f.Find(check.Finding{
				Text: fmt.Sprintf(
					"examples do not all have the same columns: %s, and %s",
					f.Note,
					columnNames(r.Example),
				),
				Cause: "a column is only set if the record has a field; always set it, to a number that stands for absent",
				Probe: f.show(f.good[first]) + " and " + f.show(f.good[i]),
			})
			return nil
		}
	}
	if first >= 0 && len(f.Gives) > 0 {
		f.undeclared(f.good[first], results[first].Example)
	}
	return nil
}

// columnNames writes the names of an example's columns.
func columnNames(e sdk.Example) string {
	return fmt.Sprintf(
		"of the example %q, of a candidate %q",
		sortedNames(e.Columns),
		sortedNames(e.Candidates[0].Columns),
	)
}

// undeclared reports an example whose columns differ from the declared ones.
func (f *formatter) undeclared(r record, e sdk.Example) {
	says, has := []string{}, []string{}
	for _, output := range f.Gives {
		if output.Kind != sdk.ClassLabel {
			says = append(says, output.Input())
		}
	}
	for name := range e.Columns {
		has = append(has, sdk.Output{Kind: sdk.ExampleColumn, Name: name}.Input())
	}
	for name := range e.Candidates[0].Columns {
		has = append(has, sdk.Output{Name: name}.Input())
	}
	slices.Sort(says)
	slices.Sort(has)
	if slices.Equal(says, has) {
		return
	}
	f.Find(check.Finding{
		Text:  fmt.Sprintf("declares that it gives %q, but its examples have %q", says, has),
		Cause: "Gives must list exactly what Format sets, with its kind: a column of candidates or of examples",
		Probe: f.show(r),
	})
}

// sortedNames are the names of columns.
func sortedNames(columns map[string]float64) []string {
	return append([]string{}, slices.Sorted(maps.Keys(columns))...)
}
