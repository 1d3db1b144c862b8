package inspect

import (
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"

	"llmhost/host/data/record"
	"llmhost/host/data/source"
)

var duplicates = &Check{
	Name:     "duplicates",
	Doc:      "a record whose texts are those of an earlier one",
	Severity: Warning,
	Minor:    0.002, // a few among thousands change nothing
	Fix:      "take one of the two out; llmhost data split --deduplicate writes the records without repetitions",
	Start: func(Options) Pass {
		seen := newSeen()
		return Pass{
			Each: func(i *Item, find Find) {
				content := contentOf(i)
				if content == "" {
					return
				}
				if first, again := seen.add(hashOf(content), i.Place); again && first.Eval == i.Eval {
					find(Finding{Field: answerField(i), Text: "the same texts as " + first.Position.String()})
				}
			},
			End: seen.confess(Finding{Check: "duplicates"}),
		}
	},
}

var samePrompts = &Check{
	Name:     "same-prompt",
	Doc:      "a prompt, or a classified text, that an earlier record has with another answer or label",
	Severity: Note, // several answers to one prompt are usual; two labels of one text are not
	Fix:      "keep them if both answers are right",
	Start: func(Options) Pass {
		seen, answers := newSeen(), newSeen()
		return Pass{Each: func(i *Item, find Find) {
			prompt, field := promptOf(i)
			if len(words(prompt)) < wordsOfAPrompt {
				return
			}
			if _, again := answers.add(hashOf(contentOf(i)), i.Place); again {
				return // a duplicate
			}
			first, again := seen.add(hashOf(prompt), i.Place)
			switch {
			case !again || first.Eval != i.Eval:
			case isClassified(i):
				find(Finding{Field: i.View.LabelField, Severity: Warning, Text: fmt.Sprintf("the text of %s with another label, %q", first.Position, i.View.Label),
					Fix: "correct one of the labels"})
			case !strings.Contains(i.View.Kind, "label"):
				find(Finding{Field: field, Text: fmt.Sprintf("the prompt of %s with another answer: %s", first.Position, short(prompt))})
			}
		}}
	},
}

var overlap = &Check{
	Name:     "overlap",
	Doc:      "an evaluation record that the training data has too: the same texts, or the same prompt",
	Severity: Error,
	Fix:      "take it out of the training files; llmhost data split keeps equal records in one part",
	Start: func(Options) Pass {
		texts, prompts := newSeen(), newSeen()
		return Pass{Each: func(i *Item, find Find) {
			content := contentOf(i)
			if content == "" {
				return
			}
			prompt, field := promptOf(i)
			if !i.Eval {
				texts.add(hashOf(content), i.Place)
				if len(words(prompt)) >= wordsOfAPrompt {
					prompts.add(hashOf(prompt), i.Place)
				}
				return
			}
			if first, known := texts.get(hashOf(content)); known {
				find(Finding{Field: answerField(i), Text: "the training data has the same texts at " + first.Position.String()})
			} else if first, known := prompts.get(hashOf(prompt)); known && isClassified(i) {
				find(Finding{Field: field, Text: "the training data has the same text with another label at " + first.Position.String()})
			} else if known && prompt != "" {
				find(Finding{Field: field, Severity: Warning, Text: fmt.Sprintf("the training data has the same prompt at %s: %s", first.Position, short(prompt))})
			}
		}}
	},
}

// contentOf is what is compared of a record: its texts, in which any white space is a
// blank, its scores and its label.
func contentOf(i *Item) string {
	texts := textOf(i)
	if texts == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(texts)
	for _, s := range i.View.Scores {
		b.WriteString(strconv.FormatFloat(s, 'g', -1, 64))
		b.WriteByte(1)
	}
	return b.String() + i.View.Label
}

// textOf is the texts of a record alone.
func textOf(i *Item) string {
	var b strings.Builder
	for _, t := range i.View.Texts {
		b.WriteString(strings.Join(strings.Fields(t.Text), " "))
		b.WriteByte(0)
	}
	return b.String()
}

// isClassified tells whether a record is a text with the label of its class.
func isClassified(i *Item) bool { return strings.HasPrefix(i.View.Kind, "text") && i.View.Label != "" }

// promptOf is the prompt of a record and its field; of a classified text the text.
func promptOf(i *Item) (prompt, field string) {
	if i.Err != nil {
		return "", ""
	}
	if isClassified(i) {
		for _, t := range i.View.Texts {
			prompt += t.Text + "\x00"
		}
		return prompt, "text"
	}
	if len(i.Candidates) == 0 || i.View.Kind == "text" {
		return "", ""
	}
	c := i.Candidates[0]
	return strings.Join(strings.Fields(c.Prompt), " "), c.PromptField
}

// answerField is where a reader looks first.
func answerField(i *Item) string {
	for _, t := range i.View.Texts {
		if t.Part == record.Answer || t.Part == record.Whole {
			return t.Field
		}
	}
	if len(i.View.Texts) > 0 {
		return i.View.Texts[0].Field
	}
	return ""
}

// hashing is the same for all texts of one run of the program.
var hashing = maphash.MakeSeed()

func hashOf(text string) uint64 { return maphash.String(hashing, text) }

// mostSeen bounds how many texts are remembered, at about 50 bytes each.
const mostSeen = 1 << 20

// seen remembers where texts were first seen. Where there are too many it goes on with
// half of them, and then a quarter, chosen by their hashes: of a text that is still
// looked at every repetition is found.
type seen struct {
	places map[uint64]spot
	files  []string
	mask   uint64 // a hash with one of these bits is not looked at
}

// spot is a place in few bytes.
type spot struct {
	line, row, number uint32
	file              uint16
	eval              bool
}

// mostFiles bounds how many files are told apart by name; the others are called by the last one's.
const mostFiles = 1 << 16

// spot packs a place.
func (s *seen) spot(at Place) spot {
	if n := len(s.files); n == 0 || s.files[n-1] != at.File && n < mostFiles {
		s.files = append(s.files, at.File)
	}
	return spot{uint32(at.Line), uint32(at.Position.Row), uint32(at.Number), uint16(len(s.files) - 1), at.Eval}
}

// place is that of a spot.
func (s *seen) place(at spot) Place {
	position := source.Position{File: s.files[at.file], Line: int(at.line), Row: int(at.row)}
	return Place{Position: position, Number: int(at.number), Eval: at.eval}
}

func newSeen() *seen { return &seen{places: map[uint64]spot{}} }

// add remembers a text, unless it was seen before at first.
func (s *seen) add(hash uint64, at Place) (first Place, again bool) {
	if hash&s.mask != 0 {
		return first, false
	}
	if first, again = s.get(hash); again {
		return first, true
	}
	s.places[hash] = s.spot(at)
	if len(s.places) > mostSeen {
		s.mask = s.mask<<1 | 1
		for h := range s.places {
			if h&s.mask != 0 {
				delete(s.places, h)
			}
		}
	}
	return first, false
}

func (s *seen) get(hash uint64) (first Place, known bool) {
	at, known := s.places[hash]
	if !known {
		return first, false
	}
	return s.place(at), true
}

// confess says at the end that only a part of the texts was looked at.
func (s *seen) confess(f Finding) func(Find) {
	return func(find Find) {
		if s.mask > 0 {
			f.Severity, f.All = Note, true
			f.Text = fmt.Sprintf("only one in %d different records was looked at, so that memory is bounded; there are about so many times as many", s.mask+1)
			f.Fix = "data in parts"
			find(f)
		}
	}
}
