// Package formatter holds the checks of formatters, which have a formatter turn
// records into examples that are made up, given by the caller, or declared by the
// formatter itself. All lists them in the order of a report. How records are
// made is in made.go.
package formatter

import (
	"fmt"
	"time"

	"llmhost/host/plugin"
	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// All are the checks of a formatter, in the order of a report. The first finds
// the records that the others use.
var All = []*check.Check{
	{
		Name: "records",
		Doc:  "made-up records, and those of the examples that columns declare, become examples, and no error is one of the formatter's own",
		Run:  on((*formatter).records),
	},
	{
		Name: "batches",
		Doc:  "a record becomes the same alone, in 1,000, backwards, again, in another instance",
		Run:  on((*formatter).batches),
	},
	{
		Name: "hostile",
		Doc:  "empty, huge, binary and misshapen records neither panic nor touch their neighbours",
		Run:  on((*formatter).hostile),
	},
	{
		Name: "columns",
		Doc:  "all examples have the same columns, those that the formatter says it gives",
		Run:  on((*formatter).sameColumns),
	},
	{
		Name: "fields",
		Doc:  "every declared field matters",
		Run:  on((*formatter).fields),
	},
	{
		Name: "lists",
		Doc:  "each text keeps its number, and no text is left out",
		Run:  on((*formatter).lists),
	},
	{
		Name: "texts",
		Doc:  "what is asked is in the prompt, what is answered in the answer, whole, in any script",
		Run:  on((*formatter).texts),
	},
	{
		Name: "drops",
		Doc:  "reasons for drops are few and quote nothing",
		Run:  on((*formatter).drops),
	},
	{
		Name:   "settings",
		Doc:    "every parameter changes what becomes of some record, by itself or beside others",
		Except: check.Given,
		Run:    on((*formatter).settings),
	},
	{
		Name:   "memory",
		Doc:    "memory is flat over up to 100,000 records",
		Except: check.Given,
		Run:    on((*formatter).memory),
	},
}

// formatter is a formatter under one set of parameters, as a check of it sees it.
type formatter struct {
	*check.Trial
	*opened
}

// opened is what the checks of a formatter under one set of parameters share.
type opened struct {
	plugin.Formatting
	make *maker
	good []record // that it makes an example of
	err  error    // it could not be opened
	told bool     // err has been reported
}

// on is a check that is written as a method.
func on(ask func(f *formatter) error) func(*check.Trial) error {
	return func(t *check.Trial) error {
		o := check.Kept(t, t.Subject, func() *opened { return open(t) })
		switch {
		case o.err == nil:
			return ask(&formatter{t, o})
		case o.told:
			return &check.Skip{Reason: "it could not be opened"}
		}
		o.told = true
		return o.err
	}
}

func open(t *check.Trial) *opened {
	formatting, err := t.Component.Formatter(t.Context(), t.Params)
	if err != nil {
		return &opened{err: err}
	}
	t.Cleanup(formatting.Close)
	t.Allow = formatting.Allow
	return &opened{Formatting: formatting, make: newMaker(t.Component, t.Params, formatting.Columns, t.Seed())}
}

// formatFunc formats a batch: one result a row.
type formatFunc func([]sdk.Row) ([]sdk.Result, error)

// with formats by an opened formatter.
func with(t *check.Trial, f plugin.Formatting) formatFunc {
	return func(rows []sdk.Row) ([]sdk.Result, error) { return f.Format(t.Context(), rows) }
}

// call formats records; a batch that ends in an error as a whole is one that a
// run would end with.
func (f *formatter) call(records []record) ([]sdk.Result, error) {
	if f.Late() {
		return nil, check.ErrLate
	}
	return called(with(f.Trial, f.Formatting), records)
}

// callTime is what one batch may take: ten times what a run gives it.
const callTime = 10 * time.Second

// reply is what a batch came to.
type reply struct {
	results []sdk.Result
	err     error
}

func called(format formatFunc, records []record) ([]sdk.Result, error) {
	done := make(chan reply, 1)
	go func() { done <- recovered(format, records) }()
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

// recovered formats records; a panic is an error.
func recovered(format formatFunc, records []record) (r reply) {
	defer func() {
		if reason := recover(); reason != nil {
			r.err = fmt.Errorf("panicked: %v", reason)
		}
	}()
	r.results, r.err = format(rows(records))
	return r
}

// Examples returns what a formatter makes of made-up records under its defaults,
// and what it says that it gives.
func Examples(t *check.Trial, c *plugin.Component) (gives []sdk.Output, examples []sdk.Example, err error) {
	formatting, err := c.Formatter(t.Context(), nil)
	if err != nil {
		return nil, nil, err
	}
	defer formatting.Close()
	m := newMaker(c, nil, formatting.Columns, t.Seed())
	tried := declared(formatting.Columns)
	for range searched {
		tried = append(tried, m.record(m.plan()))
	}
	results, err := called(with(t, formatting), tried)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range results {
		if isGood(r) {
			examples = append(examples, r.Example)
		}
	}
	return formatting.Gives, examples, nil
}
