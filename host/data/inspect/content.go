package inspect

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/data/record"
	"llmhost/sdk"
)

var empty = &Check{
	Name:     "empty",
	Doc:      "an empty or blank prompt, answer, text or turn",
	Severity: Warning,
	Fix:      "fill it in or take the record out",
	Start:    each(findEmpty),
}

func findEmpty(i *Item, find Find) {
	if i.Err != nil {
		return
	}
	found := map[string]bool{}
	report := func(field, what string) {
		if !found[field] {
			found[field] = true
			find(Finding{Field: field, Text: what + " is empty"})
		}
	}
	for _, c := range i.View.Chats {
		if len(c.Turns) == 0 {
			report(c.Field, "the chat")
		}
		for _, t := range c.Turns {
			if blank(t.Content) && !t.Calls {
				report(t.Field, "the turn of role "+t.Role)
			}
		}
	}
	for _, t := range i.View.Texts {
		if t.Part != record.Aside && blank(t.Text) && !inChat(i, t.Field) {
			report(t.Field, map[record.Part]string{record.Prompt: "the prompt", record.Answer: "the answer", record.Whole: "the text"}[t.Part])
		}
	}
	for _, c := range i.Candidates {
		if !c.Chat && blank(c.Answer) && c.AnswerField != "" {
			report(c.AnswerField, "the answer")
		}
	}
	if len(i.View.Texts) == 0 && len(i.View.Chats) == 0 && i.View.Kind != "" {
		find(Finding{Text: "the record has no text"})
	}
}

var unreadPrompt = &Check{
	Name:     "unread-prompt",
	Doc:      "a field that looks like the prompt and is not read",
	Severity: Warning,
	Fix:      "name the field in [columns], or give a formatter that reads it",
	Start: func(o Options) Pass {
		return Pass{Each: func(i *Item, find Find) {
			reads := o.Reads
			if i.Reads != nil {
				reads = i.Reads
			}
			findUnreadPrompt(i, reads, find)
		}}
	},
}

func findUnreadPrompt(i *Item, reads []string, find Find) {
	if i.formatted == nil {
		return
	}
	for _, t := range i.View.Texts {
		text := strings.TrimSpace(t.Text)
		if t.Part != record.Prompt || text == "" || inChat(i, t.Field) || slices.Contains(reads, t.Field) {
			continue
		}
		if !slices.ContainsFunc(i.formatted.Candidates, func(c sdk.Candidate) bool { return c.Chat != nil || strings.Contains(c.Prompt+c.Answer, text) }) {
			find(Finding{Field: t.Field, Text: "looks like the prompt and is not read: answers are learned without it"})
		}
	}
}

// inChat tells whether a field is a turn's.
func inChat(i *Item, field string) bool {
	for _, c := range i.View.Chats {
		for _, t := range c.Turns {
			if t.Field == field {
				return true
			}
		}
	}
	return false
}

var equalAnswers = &Check{
	Name:     "equal-answers",
	Doc:      "chosen equal to rejected, or two equal answers with different scores",
	Severity: Error,
	Fix:      "take the record out: two equal answers have no better one",
	Start:    each(findEqualAnswers),
}

func findEqualAnswers(i *Item, find Find) {
	if strings.HasPrefix(i.View.Kind, "prompt + completions") {
		return
	}
	all := i.View.Candidates
	for n, a := range all {
		for m, b := range all[:n] {
			if blank(a.Answer) || strings.TrimSpace(a.Answer) != strings.TrimSpace(b.Answer) || a.Prompt != b.Prompt {
				continue
			}
			if len(i.View.Scores) == len(all) && i.View.Scores[n] == i.View.Scores[m] {
				continue // a tie of equal texts says nothing wrong
			}
			if len(i.View.Scores) != len(all) && !strings.Contains(i.View.Kind, "chosen") {
				continue // nobody compares them
			}
			find(Finding{Field: a.AnswerField, Text: fmt.Sprintf("is equal to %s: %s", b.AnswerField, short(a.Answer))})
			return
		}
	}
}

var repeats = &Check{
	Name:     "repeats",
	Doc:      "a prompt that ends in its answer or holds it whole, or an answer that begins with its prompt",
	Severity: Warning,
	Minor:    0.02, // a task may be to copy a sentence; that of most records is not
	Fix:      "take the repetition out: the answer can be read off the prompt, or the model learns to repeat its prompt",
	Start:    each(findRepeats),
}

// Below so many words a text that occurs in another may do so by chance, as the name
// that a question asks for does in its passage.
const (
	wordsAtTheEnd  = 3 // of an answer that a prompt ends in
	wordsAnywhere  = 8 // of an answer that a prompt holds
	wordsOfAPrompt = 4 // that an answer begins with
)

func findRepeats(i *Item, find Find) {
	if i.Err != nil {
		return
	}
	for _, c := range i.Candidates {
		prompt, answer := strings.TrimSpace(c.Prompt), strings.TrimSpace(c.Answer)
		if prompt == "" || answer == "" {
			continue
		}
		if c.Chat { // the turn before the answer
			prompt = lastTurn(prompt)
		}
		n := len(words(answer))
		switch {
		case prompt == answer:
			find(Finding{Field: c.AnswerField, Text: "the answer is equal to the prompt: " + short(answer)})
		case n >= wordsAtTheEnd && strings.HasSuffix(prompt, answer):
			find(Finding{Field: c.PromptField, Text: "the prompt ends in its answer: " + short(answer)})
		case n >= wordsAnywhere && strings.Contains(prompt, answer):
			find(Finding{Field: c.PromptField, Text: "the prompt holds its whole answer: " + short(answer)})
		case strings.HasPrefix(answer, prompt) && len(words(prompt)) >= wordsOfAPrompt:
			find(Finding{Field: c.AnswerField, Text: "the answer begins with its prompt: " + short(prompt)})
		default:
			continue
		}
		return
	}
}

// lastTurn is the last of turns that were joined.
func lastTurn(joined string) string {
	if at := strings.LastIndex(joined, "\n"+record.User+": "); at >= 0 {
		return joined[at+len("\n"+record.User+": "):]
	}
	return strings.TrimPrefix(joined, record.User+": ")
}
