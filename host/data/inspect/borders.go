package inspect

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"llmhost/host/data/record"
)

var borders = &Check{
	Name:     "borders",
	Doc:      "blanks at the borders of prompt and answer: two, or none, between them; a prompt that ends in one and is tokenised otherwise without its answer",
	Severity: Warning,
	Minor:    0.02,
	Fix:      "move the blank from the end of the prompt to the beginning of the answer; generate from prompts without it",
	Start:    each(findBorders),
}

func findBorders(i *Item, find Find) {
	if i.Err != nil {
		return
	}
	for n, c := range i.Candidates {
		if c.Chat || blank(c.Prompt) || blank(c.Answer) {
			continue
		}
		if f, wrong := wrongBorder(c, i.merged(n)); wrong {
			find(f)
			return
		}
	}
	for _, t := range i.View.Texts {
		if t.Part == record.Answer && t.Text != strings.TrimRight(t.Text, " \t\n\r") && !blank(t.Text) {
			find(Finding{Field: t.Field, Severity: Note, Text: fmt.Sprintf("the answer ends in blanks, which the model learns to write: %q", lastRunes(t.Text)),
				Fix: "take them off, unless they are meant"})
			return
		}
	}
}

// wrongBorder looks at the place where a prompt ends and its answer begins. merged says
// that a token spans it.
func wrongBorder(c record.Candidate, merged bool) (f Finding, wrong bool) {
	last, _ := utf8.DecodeLastRuneInString(c.Prompt)
	first, _ := utf8.DecodeRuneInString(c.Answer)
	shown := fmt.Sprintf("%q and %q", lastRunes(c.Prompt), firstRunes(c.Answer))
	switch {
	case (last == ' ' || last == '\t') && (first == ' ' || first == '\t'):
		return Finding{Field: c.AnswerField, Text: "prompt and answer both have a blank where they meet: " + shown,
			Fix: "take one of the two away"}, true
	case merged && unicode.IsSpace(last):
		return Finding{Field: c.PromptField, Text: "the prompt ends in a blank that becomes part of the answer's first token: " + shown + "; asked with this prompt, the model sees a token that it was not trained on"}, true
	case last == ' ' || last == '\t':
		return Finding{Field: c.PromptField, Severity: Note, Text: "the prompt ends in a blank, which most tokenizers join with the answer's first word: " + shown}, true
	case spaced(last) && spaced(first) && !unicode.IsSpace(last) && !unicode.IsSpace(first) && !strings.ContainsRune(opening, last):
		return Finding{Field: c.AnswerField, Text: "nothing is between prompt and answer, which are read as one text: " + shown,
			Fix: "begin the answer with a blank or a line break, or give a formatter that lays both out"}, true
	}
	return f, false
}

// opening are marks that a word follows without a blank.
const opening = "([{\"'“‘«<>/\\-_=*#`@$~|"

// spaced tells whether a character is of a script that sets words apart by blanks, or
// a mark.
func spaced(r rune) bool {
	if unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(".?!:;,", r)
}

func lastRunes(text string) string {
	runes := []rune(text)
	return string(runes[max(0, len(runes)-12):])
}

func firstRunes(text string) string {
	runes := []rune(text)
	return string(runes[:min(12, len(runes))])
}

// merged tells whether the tokens of candidate n span the border between prompt and answer.
func (i *Item) merged(n int) bool { return n < len(i.Merged) && i.Merged[n] }
