package formatter

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/data/source"
	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// How many records are made up in search of ones that are accepted, and how
// many of those the other checks use.
const (
	searched = 400
	wanted   = 48

	wantedExamples = 4 // of those that columns declare: their texts cannot be followed
)

// records looks for records that the formatter makes an example of: those of the
// caller's file, those of the examples that its columns declare, and made-up ones.
func (f *formatter) records() error {
	read, err := f.read()
	if err != nil {
		return err
	}
	made := make([]record, searched)
	for i := range made {
		made[i] = f.make.record(f.make.plan())
	}
	examples := declared(f.Columns)
	tried := slices.Concat(read, made, examples)
	results, err := f.call(tried)
	if err != nil {
		return fmt.Errorf("%w, on made-up records such as %s", err, f.show(tried[0]))
	}
	n := len(read) + len(made)
	f.good = slices.Concat(accepted(tried[:n], results, wanted), accepted(examples, results[n:], wantedExamples))
	f.breaches(tried, results)
	f.refused(examples, results[n:])
	f.Note = fmt.Sprintf("an example of %d of %d records", countGood(results), len(tried))
	if len(f.good) == 0 && f.Setting&check.Bound == 0 {
		f.Find(check.Finding{
			Warning: true,
			Text:    fmt.Sprintf("makes an example of none of %d made-up records; the first says: %s", len(tried), shown(results[0])),
			Cause:   "its records have a form that cannot be guessed; give Examples of its columns, or some records with --records FILE.jsonl",
			Probe:   f.show(tried[0]),
		})
	}
	return nil
}

// accepted are the first of some records that became examples.
func accepted(tried []record, results []sdk.Result, most int) (good []record) {
	for i, r := range tried {
		if isGood(results[i]) && len(good) < most {
			good = append(good, r)
		}
	}
	return good
}

// refused reports where of all examples that the columns declare nothing comes.
func (f *formatter) refused(examples []record, results []sdk.Result) {
	if len(examples) == 0 || f.Setting != 0 || countGood(results) > 0 {
		return
	}
	f.Find(check.Finding{
		Text:  "makes an example of no record of the examples that its columns declare; the first says: " + shown(results[0]),
		Cause: "Examples of a column are values as they stand in a record, each as JSON",
		Probe: f.show(examples[0]),
	})
}

// breaches reports errors that are the formatter's own, each once.
func (f *formatter) breaches(tried []record, results []sdk.Result) {
	seen := map[string]bool{}
	for i, r := range results {
		b := breachOf(r.Err)
		if b == nil || seen[b.text] {
			continue
		}
		seen[b.text] = true
		f.Find(check.Finding{
			Text:  "a record in order ends in: " + r.Err,
			Cause: b.cause,
			Probe: f.show(tried[i]),
		})
	}
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

// breaches are those that are known.
var breaches = []breach{
	{"panicked: ", "an index or a type that the record does not have; return an error, which names the record"},
	{"is not finite", "a logarithm, root or quotient of the record's numbers; check them, and return an error"},
	{"want a finite number", "a logarithm, root or quotient of the record's numbers; check them, and return an error"},
	{"want it on every candidate", "Set is called for some candidates of an example only"},
	{"made no candidate", "Format returns nil without a candidate; return Out.Drop with a reason"},
	{"but Format reads it as", "the index of another column is read"},
}

// isGood says whether a record became an example.
func isGood(r sdk.Result) bool { return r.Err == "" && r.Dropped == "" }

func countGood(results []sdk.Result) int {
	n := 0
	for _, r := range results {
		if isGood(r) {
			n++
		}
	}
	return n
}

// read takes records from the caller's file.
func (f *formatter) read() ([]record, error) {
	if f.Records() == "" {
		return nil, nil
	}
	var all []record
	for found, err := range (source.Files{Paths: []string{f.Records()}}).Records() {
		if err != nil {
			return nil, err
		}
		row, err := found.Row(f.Component.String(), f.Columns)
		if err != nil {
			return nil, err
		}
		all = append(all, record{cells: cellsOf(row, f.Columns)})
		if len(all) == wanted {
			break
		}
	}
	return all, nil
}
