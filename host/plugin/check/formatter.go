package check

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"llmhost/host/data/source"
	"llmhost/host/plugin"
	"llmhost/sdk"
)

// formatterChecks are the checks of a formatter, in the order of the report.
var formatterChecks = []struct {
	name string
	run  func(f *formatter) error
}{
	{"records", (*formatter).accepts},
	{"batches", (*formatter).batches},
	{"hostile", (*formatter).hostile},
	{"columns", (*formatter).sameColumns},
	{"fields", (*formatter).fields},
	{"lists", (*formatter).lists},
	{"texts", (*formatter).texts},
	{"drops", (*formatter).drops},
	{"settings", (*formatter).unused},
	{"memory", (*formatter).memory},
}

// formatter is a formatter under one set of parameters.
type formatter struct {
	*scope
	columns []sdk.Column
	format  formatFunc
	anew    func() (formatFunc, func(), error) // another instance, and what lets go of it
	under   func(values map[string]any) ([]sdk.Column, formatFunc, func(), error)
	edge    bool // a parameter stands at a bound

	variants []variant               // all of the component's
	others   func(p sdk.Param) []any // values of a parameter besides its default

	make  *maker
	given []record // of the caller's file
	good  []record // that it makes an example of
}

// formatFunc formats a batch: one result a row.
type formatFunc func([]sdk.Row) ([]sdk.Result, error)

// opened configures a formatter.
func opened(ctx context.Context, c *plugin.Component, values map[string]any) ([]sdk.Column, formatFunc, func(), error) {
	formatting, err := c.Formatter(ctx, values)
	if err != nil {
		return nil, nil, nil, err
	}
	return formatting.Columns, func(rows []sdk.Row) ([]sdk.Result, error) { return formatting.Format(ctx, rows) }, formatting.Close, nil
}

func (r *run) formatter(ctx context.Context, c *plugin.Component) {
	all := r.variants(ctx, c)
	for _, v := range all {
		columns, format, closed, err := opened(ctx, c, v.values)
		if err != nil {
			r.finish(&scope{run: r, component: c, check: "records", params: v.values}, func(*scope) error { return err })
			continue
		}
		f := &formatter{columns: columns, format: format, make: newMaker(c, v.values, columns, r.options.Seed), edge: v.edge, variants: all}
		f.others = func(p sdk.Param) []any { return r.others(ctx, c, p) }
		f.under = func(values map[string]any) ([]sdk.Column, formatFunc, func(), error) { return opened(ctx, c, values) }
		f.anew = func() (formatFunc, func(), error) {
			if err := c.Plugin.Restart(ctx); err != nil {
				return nil, nil, err
			}
			_, other, closed, err := opened(ctx, c, v.values)
			return other, closed, err
		}
		for _, check := range formatterChecks {
			if v.values != nil && (check.name == "memory" || check.name == "settings") {
				continue
			}
			r.finish(&scope{run: r, component: c, check: check.name, params: v.values}, func(s *scope) error {
				f.scope = s
				return check.run(f)
			})
		}
		closed()
	}
}

// call formats records; a batch that ends in an error as a whole is one that a
// run would end with.
func (f *formatter) call(records []record) ([]sdk.Result, error) {
	if f.run.late() {
		return nil, errLate
	}
	return called(f.format, records)
}

// callTime is what one batch may take: ten times what a run gives it.
const callTime = 10 * time.Second

func called(format formatFunc, records []record) ([]sdk.Result, error) {
	type reply struct {
		results []sdk.Result
		err     error
	}
	done := make(chan reply, 1)
	go func() {
		var r reply
		defer func() {
			if reason := recover(); reason != nil {
				r.err = fmt.Errorf("panicked: %v", reason)
			}
			done <- r
		}()
		r.results, r.err = format(rows(records))
	}()
	select {
	case r := <-done:
		if r.err == nil && len(r.results) != len(records) {
			r.err = fmt.Errorf("gives %d results for %d records", len(r.results), len(records))
		}
		return r.results, r.err
	case <-time.After(callTime):
		return nil, fmt.Errorf("has not answered a batch of %d records after %v", len(records), callTime)
	}
}

// How many records are made up in search of ones that are accepted, and how
// many of those the other checks use.
const (
	searched = 400
	wanted   = 48
)

// accepts looks for records that the formatter makes an example of: those of
// the caller's file, and made-up ones.
func (f *formatter) accepts() error {
	tried, err := f.read()
	if err != nil {
		return err
	}
	f.given = tried
	for range searched {
		tried = append(tried, f.make.record(f.make.plan()))
	}
	results, err := f.call(tried)
	if err != nil {
		return fmt.Errorf("%w, on made-up records such as %s", err, f.show(tried[0]))
	}
	seen := map[string]bool{}
	for i, r := range results {
		if r.Err == "" && r.Dropped == "" && len(f.good) < wanted {
			f.good = append(f.good, tried[i])
		}
		if b := breachOf(r.Err); b != nil && !seen[b.text] {
			seen[b.text] = true
			f.find(Finding{Text: "a record in order ends in: " + r.Err, Cause: b.cause, Probe: f.show(tried[i])})
		}
	}
	f.note = fmt.Sprintf("an example of %d of %d records", countGood(results), len(tried))
	if len(f.good) == 0 && !f.edge {
		f.find(Finding{
			Warning: true,
			Text:    fmt.Sprintf("makes an example of none of %d made-up records; the first says: %s", len(tried), shown(results[0])),
			Cause:   "its records have a form that cannot be guessed; give some with --records FILE.jsonl", Probe: f.show(tried[0]),
		})
	}
	return nil
}

// breach is an error that says that a formatter broke the contract, not that a
// record is bad; the texts are those of the SDK.
type breach struct{ text, cause string }

// breachOf is the breach that an error is; nil where it is about the record.
func breachOf(text string) *breach {
	for i, b := range breaches {
		if strings.Contains(text, b.text) {
			return &breaches[i]
		}
	}
	return nil
}

var breaches = []breach{
	{"panicked: ", "an index or a type that the record does not have; return an error, which names the record"},
	{"is not finite", "a logarithm, root or quotient of the record's numbers; check them, and return an error"},
	{"want a finite number", "a logarithm, root or quotient of the record's numbers; check them, and return an error"},
	{"want it on every candidate", "Set is called for some candidates of an example only"},
	{"made no candidate", "Format returns nil without a candidate; return Out.Drop with a reason"},
	{"but Format reads it as", "the index of another column is read"},
}

func countGood(results []sdk.Result) int {
	n := 0
	for _, r := range results {
		if r.Err == "" && r.Dropped == "" {
			n++
		}
	}
	return n
}

// read takes records from the caller's file.
func (f *formatter) read() ([]record, error) {
	if f.run.options.Records == "" {
		return nil, nil
	}
	var all []record
	for found, err := range (source.Files{Paths: []string{f.run.options.Records}}).Records() {
		if err != nil {
			return nil, err
		}
		row, err := found.Row(f.owner(), f.columns)
		if err != nil {
			return nil, err
		}
		all = append(all, record{cells: cellsOf(row, f.columns)})
		if len(all) == wanted {
			break
		}
	}
	return all, nil
}

// sameColumns asks whether every example has the same columns: a batch has
// them for all of its rows, and a run refuses the first that differs.
func (f *formatter) sameColumns() error {
	results, err := f.call(f.good)
	if err != nil || len(f.good) == 0 {
		return err
	}
	names := func(e sdk.Example) string {
		return fmt.Sprintf("of the example %q, of a candidate %q", sortedNames(e.Columns), sortedNames(e.Candidates[0].Columns))
	}
	first := -1
	for i, r := range results {
		switch {
		case r.Err != "" || r.Dropped != "":
			continue
		case first < 0:
			first, f.note = i, names(r.Example)
		case names(r.Example) != f.note:
			f.find(Finding{
				Text:  fmt.Sprintf("examples do not all have the same columns: %s, and %s", f.note, names(r.Example)),
				Cause: "a column is set only where the record has a field; set it always, to a number that stands for absent",
				Probe: f.show(f.good[first]) + " and " + f.show(f.good[i]),
			})
			return nil
		}
	}
	return nil
}

func sortedNames(columns map[string]float64) []string {
	names := []string{}
	for name := range columns {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
