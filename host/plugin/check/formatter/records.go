package formatter

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/data/source"
	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// How many records are generated in search of accepted ones, and how many of
// those the other checks use.
const (
	searched = 400
	wanted   = 48

	wantedExamples = 4 // from the columns' declared examples: their texts cannot be traced
)

// records looks for records that become examples: those of the caller's file,
// those from the columns' declared examples, and generated ones.
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
		return fmt.Errorf("%w, on generated records such as %s", err, f.show(tried[0]))
	}
	n := len(read) + len(made)
	f.good = slices.Concat(accepted(tried[:n], results, wanted), accepted(examples, results[n:], wantedExamples))
	f.breaches(tried, results)
	f.refused(examples, results[n:])
	f.Note = fmt.Sprintf("%d of %d records become examples", countGood(results), len(tried))
	if slices.ContainsFunc(results, hasChats) {
		f.Note += ", which are chats"
	}
	f.given(read, results[:len(read)])
	if len(f.good) == 0 && f.Setting&check.Bound == 0 {
		f.Find(check.Finding{
			Warning: true,
			Text: fmt.Sprintf(
				"makes no example from any of %d generated records; the first error: %s",
				len(tried),
				shown(results[0]),
			),
			Cause: "the form of its records cannot be guessed; give Examples of its columns, or some records with --records FILE.jsonl",
			Probe: f.show(tried[0]),
		})
	}
	return nil
}

// given reports if none of the caller's records becomes an example.
func (f *formatter) given(read []record, results []sdk.Result) {
	if len(read) == 0 || f.Setting != 0 || countGood(results) > 0 {
		return
	}
	f.Find(check.Finding{
		Text:  fmt.Sprintf("makes no example of the %d records of %s; the first one: %s", len(read), f.Records(), shown(results[0])),
		Cause: "the records are not of the form that it reads, or it drops them all",
		Probe: f.show(read[0]),
	})
}

// accepted are the first records that became examples.
func accepted(tried []record, results []sdk.Result, most int) (good []record) {
	for i, r := range tried {
		if isGood(results[i]) && len(good) < most {
			good = append(good, r)
		}
	}
	return good
}

// refused reports if none of the columns' declared examples gives an example.
func (f *formatter) refused(examples []record, results []sdk.Result) {
	if len(examples) == 0 || f.Setting != 0 || countGood(results) > 0 {
		return
	}
	f.Find(check.Finding{
		Text:  "makes no example from its columns' declared examples; the first error: " + shown(results[0]),
		Cause: "Examples of a column are values as in a record, each as JSON",
		Probe: f.show(examples[0]),
	})
}

// breaches reports errors that are the formatter's own fault, each once.
func (f *formatter) breaches(tried []record, results []sdk.Result) {
	seen := map[string]bool{}
	for i, r := range results {
		b := breachOf(r.Err)
		if b == nil || seen[b.text] {
			continue
		}
		seen[b.text] = true
		f.Find(check.Finding{
			Text:  "a valid record ends in: " + r.Err,
			Cause: b.cause,
			Probe: f.show(tried[i]),
		})
	}
}

// breach is an error that means that a formatter broke the contract, not that a
// record is bad; the texts are those of the SDK.
type breach struct{ text, cause string }

// breachOf is the breach behind an error; nil if the record is at fault.
func breachOf(text string) *breach {
	for i, b := range breaches {
		if strings.Contains(text, b.text) {
			return &breaches[i]
		}
	}
	return nil
}

// breaches are the known ones.
var breaches = []breach{
	{"panicked: ", "an index or a type that the record does not have; return an error, which names the record"},
	{"is not finite", "a logarithm, root or quotient of the record's numbers; check them, and return an error"},
	{"want a finite number", "a logarithm, root or quotient of the record's numbers; check them, and return an error"},
	{"want it on every candidate", "Set is called for only some candidates of an example"},
	{"made no candidate", "Format returns nil without a candidate; return Out.Drop with a reason"},
	{"but Format reads it as", "another column's index is read"},
	{"has no message; want", "Format gives a chat of no message; return Out.Drop with a reason"},
	{"of the prompt of candidate", "a message is one JSON object with a role: NewMessage makes one, and Messages reads those of a record"},
	{"of the answer of candidate", "a message is one JSON object with a role: NewMessage makes one, and Messages reads those of a record"},
	{"the tools of candidate", "Tools of a chat is a JSON array: JSON(i) of a column has its text"},
	{"the documents of candidate", "Documents of a chat is a JSON array: JSON(i) of a column has its text"},
	{"the args of candidate", "Args of a chat is a JSON object: JSON(i) of a column has its text"},
	{"want all of an example alike", "some candidates are made by Chat and others by Candidate"},
	{"has a chat and a text", "Prompt or Answer of a candidate is set although it is a chat"},
}

// isGood reports whether a record became an example.
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
