package inspect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var constantAnswers = &Check{
	Name:     "constant-answer",
	Doc:      "one answer of several words to a large part of the prompts",
	Severity: Warning,
	Fix:      "leave out most of these records: the model learns to give this answer to anything",
	Start: func(Options) Pass {
		c := &answerCounts{counts: map[uint64]*answerCount{}}
		return Pass{Each: c.see, End: c.end}
	},
}

// answerCounts counts equal answers.
type answerCounts struct {
	answers int
	counts  map[uint64]*answerCount
}

type answerCount struct {
	count int
	first Place
	field string
	text  string
}

// Which answers are told: of so many words, so often, to such a part of the prompts.
const (
	constantWords = 4
	constantCount = 20
	constantShare = 0.2
	mostAnswers   = 1 << 16 // that are counted: a frequent one is among the first
)

func (c *answerCounts) see(i *Item, _ Find) {
	if i.Err != nil || i.Eval {
		return
	}
	for _, candidate := range i.Candidates {
		answer := strings.TrimSpace(candidate.Answer)
		if answer == "" || candidate.Prompt == "" {
			continue
		}
		c.answers++
		key := hashOf(answer)
		if seen := c.counts[key]; seen != nil {
			seen.count++
		} else if len(c.counts) < mostAnswers && len(words(answer)) >= constantWords {
			c.counts[key] = &answerCount{1, i.Place, candidate.AnswerField, short(answer)}
		}
	}
}

func (c *answerCounts) end(find Find) {
	for _, key := range slices.Sorted(maps.Keys(c.counts)) {
		a := c.counts[key]
		if a.count >= constantCount && float64(a.count) >= constantShare*float64(c.answers) {
			find(Finding{
				Field: a.field,
				Text:  fmt.Sprintf("%d of %d answers are %s, the first of them here", a.count, c.answers, a.text),
				All:   true,
			}.at(a.first))
		}
	}
}

var leakedLabels = &Check{
	Name:     "leaked-label",
	Doc:      "texts to be classified that say their own label",
	Severity: Warning,
	Fix:      "take the label out of the texts: nothing else would be learned",
	Start: func(Options) Pass {
		l := &leaks{}
		return Pass{Each: l.see, End: l.end}
	},
}

// leaks counts records of a class whose text says its name.
type leaks struct {
	records, told int
	first         Place
	field, text   string
}

// Of so many records such a share says its label by more than chance.
const (
	leakedRecords = 10
	leakedShare   = 0.9
)

func (l *leaks) see(i *Item, _ Find) {
	label := strings.ToLower(strings.TrimSpace(i.View.Label))
	if i.Err != nil || i.Eval || len(i.Candidates) > 0 || strings.IndexFunc(label, unicode.IsLetter) < 0 || utf8.RuneCountInString(label) < 3 {
		return
	}
	l.records++
	for _, t := range i.View.Texts {
		if t.Field != i.View.LabelField && strings.Contains(strings.ToLower(t.Text), label) && slices.Contains(words(t.Text), label) {
			if l.told++; l.told == 1 {
				l.first, l.field, l.text = i.Place, t.Field, label
			}
			return
		}
	}
}

func (l *leaks) end(find Find) {
	if l.records >= leakedRecords && float64(l.told) >= leakedShare*float64(l.records) {
		find(Finding{
			Field: l.field,
			Text:  fmt.Sprintf("%d of %d texts hold the name of their own class, here %q", l.told, l.records, l.text),
			All:   true,
		}.at(l.first))
	}
}
