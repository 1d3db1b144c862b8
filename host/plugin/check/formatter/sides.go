package formatter

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// The usual names of fields in data files, by the side of the example that they
// belong to.
var (
	askedNames    = []string{"prompt", "question", "instruction", "query", "input", "source"}
	answeredNames = []string{"answer", "output", "response", "completion", "reply", "chosen", "rejected", "target"}
)

// sides are a record's words of the question and of the answer, going by the
// names of its fields and by the roles of a dialog.
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

// swapped checks whether the answer is in the prompt, and the question in the
// answer.
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
			Text:  fmt.Sprintf("the question becomes the answer, and the answer the prompt: %s", candidateText(results[at].Example.Candidates[0])),
			Cause: "the arguments of Candidate are the wrong way round, or another column's index is read: Candidate(prompt, answer), columns in the order of Columns",
			Probe: f.show(f.good[at]),
		})
	}
}

func hasAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// marked checks whether the mark at which a text was split stays on the answer.
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
				Text: fmt.Sprintf(
					"the answer begins with the mark %q that its text was split at: %s",
					mark,
					candidateText(c),
				),
				Cause: "the text is cut before the mark instead of after it, so the model learns to write the mark; it belongs to the prompt",
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
				continue // as the host joins a prompt and an answer
			}
			if at != "" {
				f.Find(check.Finding{
					Warning: true,
					Text:    fmt.Sprintf("two texts of a record are joined with nothing between them: %q", at),
					Cause:   "a space or newline is missing between two fields",
					Probe:   f.show(r),
				})
				return
			}
		}
	}
}

// unanswered checks whether a candidate has no answer although no text of its
// record is empty.
func (f *formatter) unanswered(results []sdk.Result) {
	for i, r := range f.good {
		for _, c := range results[i].Example.Candidates {
			if r.plan.present == nil || strings.TrimSpace(c.Answer) != "" {
				continue
			}
			f.Find(check.Finding{
				Text:  fmt.Sprintf("the answer of a candidate is empty although no text of its record is: %s", candidateText(c)),
				Cause: "only the end token can be learned from it: put the text to learn into the answer, and make exactly one candidate for each text",
				Probe: f.show(r),
			})
			return
		}
	}
}
