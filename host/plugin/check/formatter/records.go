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
	f.good = slices.Concat(accepted(tried[:n], results, wanted), covering(accepted(examples, results[n:], len(examples)), wantedExamples))
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

// covering are some of the records: first those with a column that none before has, so
// that each form of a formatter that reads several is among them.
func covering(records []record, most int) (some []record) {
	seen := map[int]bool{}
	var others []record
	for _, r := range records {
		adds := false
		for i, cell := range r.cells {
			adds = adds || cell.Type != 0 && !seen[i]
		}
		if !adds {
			others = append(others, r)
			continue
		}
		for i, cell := range r.cells {
			seen[i] = seen[i] || cell.Type != 0
		}
		some = append(some, r)
	}
	some = append(some, others...)
	return some[:min(most, len(some))]
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
		b := breachOf(r.Err, tried[i])
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
type breach struct {
	text, cause string
	chat        bool // about messages, which may be as they stand in the record where it has JSON
}

// breachOf is the breach behind an error; nil if the record is at fault.
func breachOf(text string, of record) *breach {
	hasJSON := slices.ContainsFunc(of.cells, func(c sdk.Cell) bool { return c.Type == sdk.JSON })
	for i, b := range breaches {
		if strings.Contains(text, b.text) && !(b.chat && hasJSON) {
			return &breaches[i]
		}
	}
	return nil
}

// breaches are the known ones.
var breaches = []breach{
	{text: "panicked: ", cause: "an index or a type that the record does not have; return an error, which names the record"},
	{text: "is not finite", cause: "a logarithm, root or quotient of the record's numbers; check them, and return an error"},
	{text: "want a finite number", cause: "a logarithm, root or quotient of the record's numbers; check them, and return an error"},
	{text: "want it on every candidate", cause: "Set is called for only some candidates of an example"},
	{text: "made no candidate", cause: "Format returns nil without a candidate; return Out.Drop with a reason"},
	{text: "but Format reads it as", cause: "another column's index is read"},
	{text: "has no message; want", cause: "Format gives a chat of no message; return Out.Drop with a reason"},
	{text: "want all of an example alike", cause: "some candidates are made by Chat and others by Candidate"},
	{text: "has a chat and a text", cause: "Prompt or Answer of a candidate is set although it is a chat"},
	{chat: true, text: "of the prompt of candidate", cause: badMessage},
	{chat: true, text: "of the answer of candidate", cause: badMessage},
	{chat: true, text: "the tools of candidate", cause: "Tools of a chat is the text of a JSON array"},
	{chat: true, text: "the documents of candidate", cause: "Documents of a chat is the text of a JSON array"},
	{chat: true, text: "the args of candidate", cause: "Args of a chat is the text of a JSON object"},
}

const badMessage = "a message is one JSON object with a role: NewMessage makes one, and Messages reads those of a record"

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
