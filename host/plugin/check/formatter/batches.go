package formatter

import (
	"fmt"
	"regexp"
	"slices"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// batches formats the same records in one batch, again, one by one, in reverse
// order, after a restart and in other words: the result of a record must depend
// only on the record.
func (f *formatter) batches() error {
	records := slices.Clone(f.good)
	for range 20 { // and some that it may refuse
		records = append(records, f.make.record(f.make.plan()))
	}
	for len(records) < 1000 {
		records = append(records, records...)
	}
	records = records[:1000]
	whole, err := f.call(records)
	if err != nil {
		return err
	}
	f.Note = "1,000 records at once, again, one by one, in reverse, after a restart, in other words"
	for _, way := range []struct {
		what   string
		format func(records []record) ([]sdk.Result, error)
	}{
		{"the same batch once more", f.call},
		{"batches of one record", f.single},
		{"the records in reverse order", f.backwards},
		{"a restart, and the records in reverse order", f.elsewhere},
		{"other words in its texts", f.reworded},
	} {
		results, err := way.format(records)
		if err != nil {
			return err
		}
		if !f.compare(way.what, records, whole, results) {
			break
		}
	}
	return nil
}

// single formats the first records one by one.
func (f *formatter) single(records []record) (results []sdk.Result, err error) {
	for i := range 200 {
		one, err := f.call(records[i : i+1])
		if err != nil {
			return nil, err
		}
		results = append(results, one...)
	}
	return results, nil
}

// backwards formats the records from last to first.
func (f *formatter) backwards(records []record) ([]sdk.Result, error) {
	return f.turned(with(f.Trial, f.Formatting), records)
}

// turned formats records from last to first.
func (f *formatter) turned(format formatFunc, records []record) ([]sdk.Result, error) {
	records = slices.Clone(records)
	slices.Reverse(records)
	results, err := called(format, records, f.Slower(callTime))
	slices.Reverse(results)
	return results, err
}

// elsewhere formats the records after a restart.
func (f *formatter) elsewhere(records []record) ([]sdk.Result, error) {
	if err := f.Plugin.Restart(f.Context()); err != nil {
		return nil, err
	}
	other, err := f.Component.Formatter(f.Context(), f.Params)
	if err != nil {
		return nil, err
	}
	defer other.Close()
	return f.turned(with(f.Trial, other), records)
}

// reworded formats records that have other words, never seen before.
func (f *formatter) reworded(records []record) ([]sdk.Result, error) {
	var other []record
	for _, r := range records {
		other = append(other, renamedRecord(r))
	}
	return f.call(other)
}

// compare reports the first record with a different result.
func (f *formatter) compare(what string, records []record, want, got []sdk.Result) bool {
	for i := range got {
		if sameResult(want[i], got[i]) || inOtherWords(want[i], got[i]) {
			continue
		}
		f.Find(check.Finding{
			Text: fmt.Sprintf(
				"record %d of 1,000 gives %s, but with %s it gives %s",
				i,
				shown(want[i]),
				what,
				shown(got[i]),
			),
			Cause: "Format keeps state from record to record (a counter, a map that it fills) or depends on map order; it may depend only on the row and the parameters",
			Probe: f.show(records[i]),
		})
		return false
	}
	return true
}

// inOtherWords reports whether b is a with renamed texts. Errors may quote part
// of a word, so any two errors are accepted.
func inOtherWords(a, b sdk.Result) bool {
	if a.Err != "" || b.Err != "" {
		return renamed(a.Err) != a.Err && a.Err != "" && b.Err != ""
	}
	a.Dropped = renamed(a.Dropped)
	b.Example.Candidates = withoutCutWords(b.Example.Candidates)
	e := sdk.Example{Columns: a.Example.Columns}
	for _, c := range a.Example.Candidates {
		e.Candidates = append(e.Candidates, sdk.Candidate{
			Prompt:  renamed(c.Prompt),
			Answer:  renamed(c.Answer),
			Columns: c.Columns,
		})
	}
	for head, label := range a.Example.Labels {
		if e.Labels == nil {
			e.Labels = map[string]string{}
		}
		e.Labels[head] = renamed(label)
	}
	e.Candidates = withoutCutWords(e.Candidates)
	a.Example = e
	return sameResult(a, b)
}

// wordPart is a generated word or a part of one, as of a text that was cut.
var wordPart = regexp.MustCompile(`w?[0-9]+q?|w`)

// withoutCutWords masks the parts of words: a limit may cut a text anywhere.
func withoutCutWords(candidates []sdk.Candidate) []sdk.Candidate {
	mask := func(text string) string {
		return wordPart.ReplaceAllStringFunc(text, func(part string) string {
			if len(part) == len(madeUp(0)) {
				return part
			}
			return "?"
		})
	}
	out := slices.Clone(candidates)
	for i, c := range out {
		out[i].Prompt, out[i].Answer = mask(c.Prompt), mask(c.Answer)
	}
	return out
}
