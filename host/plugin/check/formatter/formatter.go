// Package formatter has the checks of formatters, which have a formatter turn
// records into examples. The records are generated, given by the caller, or
// declared by the formatter itself. All lists the checks in the order of a
// report; made.go generates records.
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
		Doc:  "generated records, and those from the columns' declared examples, become examples, and no error is the formatter's own fault",
		Run:  on((*formatter).records),
	},
	{
		Name: "batches",
		Doc:  "a record gives the same result alone, among 1,000, in reverse order, again, after a restart",
		Run:  on(looking((*formatter).batches)),
	},
	{
		Name: "hostile",
		Doc:  "empty, huge, binary and malformed records neither panic nor affect their neighbours",
		Run:  on((*formatter).hostile),
	},
	{
		Name: "columns",
		Doc:  "all examples have the same columns, those that the formatter says it gives",
		Run:  on(looking((*formatter).sameColumns)),
	},
	{
		Name: "fields",
		Doc:  "every declared field matters",
		Run:  on(looking((*formatter).fields)),
	},
	{
		Name: "lists",
		Doc:  "each text keeps its number, and no text is left out",
		Run:  on(looking((*formatter).lists)),
	},
	{
		Name: "scores",
		Doc:  "what is better in a record has the higher score: chosen texts, higher numbers, answers that are liked",
		Run:  on(looking((*formatter).scores)),
	},
	{
		Name: "weights",
		Doc:  "a record without a weight counts as one of weight 1",
		Run:  on(looking((*formatter).weights)),
	},
	{
		Name: "texts",
		Doc:  "questions are in the prompt and answers in the answer, of any script, length and layout, as they are in the record",
		Run:  on(looking((*formatter).texts)),
	},
	{
		Name: "drops",
		Doc:  "reasons for drops are few and quote nothing",
		Run:  on(looking((*formatter).drops)),
	},
	{
		Name:   "settings",
		Doc:    "every parameter changes the result of some record, by itself or together with others",
		Except: check.Given,
		Run:    on(looking((*formatter).settings)),
	},
	{
		Name:   "memory",
		Doc:    "memory is flat over up to 200,000 records",
		Except: check.Given,
		Run:    on(looking((*formatter).memory)),
	},
}

// formatter is a formatter under one set of parameters, as its checks see it.
type formatter struct {
	*check.Trial
	*opened
}

// opened is what the checks of a formatter under one set of parameters share.
type opened struct {
	plugin.Formatting
	make *maker
	good []record // that become examples
	err  error    // it could not be opened
	told bool     // err has been reported
}

// on turns a method into a check.
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

// looking makes a method one that needs a record that becomes an example.
func looking(ask func(f *formatter) error) func(f *formatter) error {
	return func(f *formatter) error {
		if len(f.good) > 0 {
			return ask(f)
		}
		if f.Setting != 0 {
			f.Note = "no record becomes an example under these settings"
			return nil // a limit may well refuse all records
		}
		return &check.Skip{Reason: "no record becomes an example; give Examples of its columns, or records with --records FILE.jsonl"}
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

// call formats records; an error of the whole batch would end a run.
func (f *formatter) call(records []record) ([]sdk.Result, error) {
	return f.callWith(with(f.Trial, f.Formatting), records)
}

func (f *formatter) callWith(format formatFunc, records []record) ([]sdk.Result, error) {
	if f.Late() {
		return nil, check.ErrLate
	}
	return called(format, records, f.Slower(callTime))
}

// callTime bounds one batch: ten times the limit of a run.
const callTime = 10 * time.Second

// reply is the result of a batch.
type reply struct {
	results []sdk.Result
	err     error
}

func called(format formatFunc, records []record, limit time.Duration) ([]sdk.Result, error) {
	done := make(chan reply, 1)
	go func() { done <- recovered(format, records) }()
	select {
	case r := <-done:
		if r.err == nil && len(r.results) != len(records) {
			r.err = fmt.Errorf("gives %d results for %d records", len(r.results), len(records))
		}
		return asTexts(r.results), r.err
	case <-time.After(limit):
		return nil, fmt.Errorf("did not answer a batch of %d records within %v", len(records), limit)
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

// Examples returns what a formatter makes of generated records under parameters,
// nil for its defaults, and what it declares that it gives; nil where it declares
// nothing.
func Examples(t *check.Trial, c *plugin.Component, params map[string]any) (gives []sdk.Output, examples []sdk.Example, err error) {
	formatting, err := c.Formatter(t.Context(), params)
	if err != nil {
		return nil, nil, err
	}
	defer formatting.Close()
	m := newMaker(c, params, formatting.Columns, t.Seed())
	tried := declared(formatting.Columns)
	for range searched {
		tried = append(tried, m.record(m.plan()))
	}
	results, err := called(with(t, formatting), tried, t.Slower(callTime))
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
