package formatter

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// origin is one text of a record with its generated words.
type origin struct {
	words []string
	item  bool // of a list
}

// origins are the texts of a record.
func origins(r record) []origin {
	var all []origin
	for _, cell := range r.cells {
		switch cell.Type {
		case sdk.String, sdk.JSON:
			all = append(all, origin{words: wordsOf(cell.Str)})
		case sdk.StringList:
			for _, text := range cell.Strs {
				all = append(all, origin{words: wordsOf(text), item: true})
			}
		}
	}
	return all
}

// foreignPrompt reports a candidate whose prompt is not its own: the prompt that
// others have is missing, another candidate's answer is in it, or its text's own
// prompt gave way to another's.
func (f *formatter) foreignPrompt(results []sdk.Result) {
	for i, r := range f.good {
		candidates := results[i].Example.Candidates
		if r.plan.present == nil || len(candidates) < 2 {
			continue
		}
		for k := range candidates {
			text, cause := foreign(origins(r), candidates, k)
			if text == "" {
				continue
			}
			f.Find(check.Finding{Text: fmt.Sprintf("%s: %s", text, candidateText(candidates[k])), Cause: cause, Probe: f.show(r)})
			return
		}
	}
}

// foreign says what is wrong with the prompt of candidate k, and why; both are ""
// if nothing is.
func foreign(all []origin, candidates []sdk.Candidate, k int) (text, cause string) {
	own := candidates[k]
	for j, other := range candidates {
		if j == k {
			continue
		}
		for _, s := range all {
			inPrompt, inAnswer := hasAny(other.Prompt, s.words), hasAny(other.Answer, s.words)
			switch {
			case inAnswer && !inPrompt && hasAll(own.Prompt, s.words):
				return fmt.Sprintf("the prompt of candidate %d has the answer of candidate %d", k, j), "an answer was added to the prompt that all candidates share"
			case inPrompt && !inAnswer && !s.item && !hasAny(own.Prompt+own.Answer, s.words) && !hasPromptBeyond(all, own, other):
				return fmt.Sprintf("candidate %d lacks the prompt of candidate %d", k, j), "Candidate was given another prompt, or none; the answers of one prompt share it"
			case inPrompt && inAnswer && hasAny(own.Prompt, s.words) && !hasAny(own.Answer, s.words) && beheaded(all, own):
				return fmt.Sprintf("the answer of candidate %d is put under the prompt of candidate %d, and its own is lost", k, j), "a text is cut at the length of another's prompt: check that it begins with that prompt (strings.CutPrefix), and return an error if not"
			}
		}
	}
	return "", ""
}

func hasAll(text string, words []string) bool {
	return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// hasPromptBeyond reports whether a candidate's prompt has a text that another
// candidate lacks: each has its own prompt.
func hasPromptBeyond(all []origin, own, other sdk.Candidate) bool {
	return slices.ContainsFunc(all, func(s origin) bool {
		return hasAny(own.Prompt, s.words) && !hasAny(other.Prompt+other.Answer, s.words)
	})
}

// beheaded reports whether the answer's text lost some of its words.
func beheaded(all []origin, own sdk.Candidate) bool {
	return slices.ContainsFunc(all, func(s origin) bool {
		return hasAny(own.Answer, s.words) && !hasAny(own.Prompt, s.words) && !hasAll(own.Answer, s.words)
	})
}

// shortest is the shortest text of a given record that is looked for, in letters.
const shortest = 8

// asGiven looks for the texts of the caller's records, letter by letter and then as
// they are: what is found only by its letters was changed on its way.
func (f *formatter) asGiven(results []sdk.Result) {
	if f.Setting != 0 {
		return
	}
	for i, r := range f.good {
		if r.plan.present != nil || !isGood(results[i]) {
			continue
		}
		for _, text := range textsOf(r) {
			if !byLettersAlone(results[i].Example, text) {
				continue
			}
			f.Find(check.Finding{
				Text:  fmt.Sprintf("a text of a given record is in its example by its letters, but not as it is: %.120q", text),
				Cause: "blanks, capitals or marks are changed on the way; hand texts on as they are",
				Probe: f.show(r),
			})
			return
		}
	}
}

// echoed checks given records, whose words cannot be traced one by one: if every
// answer is in its prompt, or every prompt in its answer, that is no chance.
func (f *formatter) echoed(results []sdk.Result) {
	seen, leaks, at := 0, 0, 0
	for i, r := range f.good {
		if r.plan.present != nil || !isGood(results[i]) {
			continue
		}
		c := results[i].Example.Candidates[0]
		prompt, answer := lettersOf(c.Prompt), lettersOf(c.Answer)
		if seen++; len(answer) >= 3 && strings.Contains(prompt, answer) || len(prompt) >= shortest && strings.Contains(answer, prompt) {
			leaks++
			at = i
		}
	}
	if seen < 2 || leaks < seen {
		return
	}
	f.Find(check.Finding{
		Text:  fmt.Sprintf("of each of %d given records, the prompt and the answer have the same text: %s", seen, candidateText(results[at].Example.Candidates[0])),
		Cause: "the whole text was used as the answer (or the prompt), so the model sees what it is to learn, or learns what it is given",
		Probe: f.show(f.good[at]),
	})
}

// byLettersAlone reports whether a text is in a prompt or an answer by its letters,
// and in none as it is.
func byLettersAlone(e sdk.Example, text string) bool {
	own, found := lettersOf(text), false
	if len(own) < shortest {
		return false
	}
	for _, c := range e.Candidates {
		for _, side := range []string{c.Prompt, c.Answer} {
			if strings.Contains(side, strings.TrimSpace(text)) {
				return false
			}
			found = found || strings.Contains(lettersOf(side), own)
		}
	}
	return found
}

func textsOf(r record) []string {
	var all []string
	for _, cell := range r.cells {
		switch cell.Type {
		case sdk.String:
			all = append(all, cell.Str)
		case sdk.StringList:
			all = append(all, cell.Strs...)
		}
	}
	return all
}

// lettersOf are the letters and digits of a text, in lower case.
func lettersOf(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}
