package formatter

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// The names that fields have in data files, by the side of the example that
// they belong to.
var (
	askedNames    = []string{"prompt", "question", "instruction", "query", "input", "source"}
	answeredNames = []string{"answer", "output", "response", "completion", "reply", "chosen", "rejected", "target"}
)

// sides are the words that a record gives to be asked and to be answered, going
// by the names of its fields and by the roles of a dialog.
func (f *formatter) sides(r record) (asked, answered []string) {
	for i, column := range f.Columns {
		cell := r.cells[i]
		name := strings.ToLower(column.Name)
		switch {
		case column.Type == sdk.JSON:
			a, b := dialogSides(cell.Str)
			asked = append(asked, a...)
			answered = append(answered, b...)
		case column.Type != sdk.String:
		case slices.Contains(askedNames, name):
			asked = append(asked, wordsOf(cell.Str)...)
		case slices.Contains(answeredNames, name):
			answered = append(answered, wordsOf(cell.Str)...)
		}
	}
	return asked, answered
}

// dialogSides reads a dialog of one question and one answer.
func dialogSides(text string) (asked, answered []string) {
	var turns []struct{ Role, Content string }
	if json.Unmarshal([]byte(text), &turns) != nil {
		return nil, nil
	}
	for _, t := range turns {
		if t.Role == "assistant" {
			answered = append(answered, wordsOf(t.Content)...)
		} else {
			asked = append(asked, wordsOf(t.Content)...)
		}
	}
	return asked, answered
}

// swapped asks whether what is to be answered stands in the prompt, and what is
// asked in the answer.
func (f *formatter) swapped(results []sdk.Result) {
	turned, seen := 0, 0
	var at int
	for i, r := range f.good {
		asked, answered := f.sides(r)
		if r.plan.present == nil ||
			asked == nil ||
			answered == nil ||
			len(results[i].Example.Candidates) == 0 {
			continue
		}
		seen++
		if c := results[i].Example.Candidates[0]; hasAny(c.Prompt, answered) &&
			hasAny(c.Answer, asked) &&
			!hasAny(c.Answer, answered) {
			turned, at = turned+1, i
		}
	}
	if seen > 0 && turned == seen {
		f.Find(check.Finding{
			Text:  fmt.Sprintf("what is asked becomes the answer, and what is answered the prompt: %s", candidateText(results[at].Example.Candidates[0])),
			Cause: "the arguments of Candidate are the wrong way round, or the index of another column is read: Candidate(prompt, answer), columns in the order of Columns",
			Probe: f.show(f.good[at]),
		})
	}
}

func hasAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// marked asks whether the mark at which a text was split stays on the answer.
func (f *formatter) marked(results []sdk.Result) {
	for i, r := range f.good {
		if r.plan.present == nil || r.plan.style == 0 {
			continue
		}
		mark := strings.TrimSpace(f.make.marks[r.plan.style-1])
		for _, c := range results[i].Example.Candidates {
			if mark == "" ||
				!strings.HasPrefix(strings.TrimSpace(c.Answer), mark) ||
				len(wordsOf(c.Prompt)) == 0 {
				continue
			}
			f.Find(check.Finding{
				Text:  fmt.Sprintf("the answer begins with the mark %q that its text was split at: %s", mark, candidateText(c)),
				Cause: "the text is cut before the mark instead of behind it, so that the model learns to write the mark; it belongs to the prompt",
				Probe: f.show(r),
			})
			return
		}
	}
}

// glued notes two fields with nothing between them.
func (f *formatter) glued(results []sdk.Result) {
	for i, r := range f.good {
		if r.plan.present == nil {
			continue
		}
		asked, answered := f.sides(r)
		for _, c := range results[i].Example.Candidates {
			at := twoWords.FindString(c.Prompt + "\n" + c.Answer)
			if both := word.FindAllString(at, 2); at != "" &&
				slices.Contains(asked, both[0]) &&
				slices.Contains(answered, both[1]) {
				continue // as the host puts an answer to its prompt
			}
			if at != "" {
				f.Find(check.Finding{
					Warning: true,
					Text:    fmt.Sprintf("two texts of a record stand together with nothing between them: %q", at),
					Cause:   "a blank or line end is missing between two fields",
					Probe:   f.show(r),
				})
				return
			}
		}
	}
}

// unanswered asks whether a candidate has no answer although no text of its
// record is empty.
func (f *formatter) unanswered(results []sdk.Result) {
	for i, r := range f.good {
		for _, c := range results[i].Example.Candidates {
			if r.plan.present == nil || strings.TrimSpace(c.Answer) != "" {
				continue
			}
			f.Find(check.Finding{
				Text:  fmt.Sprintf("the answer of a candidate is empty although no text of its record is: %s", candidateText(c)),
				Cause: "there is nothing to learn from it but the end token: put the text that is to be learned into the answer, and make a candidate for each text there is, no more",
				Probe: f.show(r),
			})
			return
		}
	}
}
