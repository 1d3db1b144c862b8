package inspect

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"llmhost/host/data/record"
)

var unknownForm = &Check{
	Name:     "unknown-form",
	Doc:      "records that no formatter reads: their fields are those of no known form",
	Severity: Error,
	Fix:      "name the fields in [columns], or the task or formatter that reads them; llmhost data formats lists the forms",
	Start: func(o Options) Pass {
		f := &forms{hasFormatter: o.Reads != nil}
		return Pass{Each: f.see, End: f.end}
	},
}

// forms remembers whether a record has a known form: one among others that has none is
// found by its fields.
type forms struct {
	hasFormatter, known bool
	first               Place
	names               []string
}

func (f *forms) see(i *Item, _ Find) {
	f.known = f.known || f.hasFormatter || i.View.Kind != "" || i.formatted != nil || i.Refused != "" || i.Dropped != ""
	if i.Err == nil && f.names == nil {
		f.first, f.names = i.Place, namesOf(i.Record)
	}
}

func (f *forms) end(find Find) {
	if !f.known && f.names != nil {
		find(Finding{Text: "no formatter reads records of the fields " + quoted(f.names), All: true}.at(f.first))
	}
}

// namesOf are the names of the first fields of a record.
func namesOf(r record.Record) (names []string) {
	const most = 8
	for _, m := range r[:min(most, len(r))] {
		names = append(names, m.Name)
	}
	return names
}

var placeholder = &Check{
	Name:     "placeholder",
	Doc:      "a text that is only what a program writes for a missing one: nan, undefined, [deleted]",
	Severity: Warning,
	Fix:      "fill it in or take the record out",
	Start: each(func(i *Item, find Find) {
		for _, t := range i.View.Texts {
			if text := strings.TrimSpace(t.Text); t.Part != record.Aside && placeholders[text] {
				find(Finding{Field: t.Field, Text: "is only " + text + ", which a program wrote for a missing text"})
			}
		}
	}),
}

var placeholders = map[string]bool{
	"nan": true, "NaN": true, "undefined": true, "[object Object]": true, "[deleted]": true, "[removed]": true, "<NA>": true, "#REF!": true, "#VALUE!": true, "#NAME?": true,
}

var escapedLines = &Check{
	Name:     "escaped-lines",
	Doc:      `line breaks written as the two characters \n: a text that was escaped twice`,
	Severity: Warning,
	Minor:    0.01, // one text may be about them
	Fix:      `decode the texts once more; in Python json.loads('"' + text + '"') or text.replace("\\n", "\n")`,
	Start: each(func(i *Item, find Find) {
		for _, t := range i.View.Texts {
			at := strings.Index(t.Text, `\n`)
			if at >= 0 && !strings.Contains(t.Text, "\n") && (strings.Contains(t.Text, `\n\n`) || strings.Count(t.Text, `\n`) > 2) && !isAboutMarkup(i) {
				find(Finding{Field: t.Field, Text: `has no line break and several \n as text: ` + around(t.Text, at)})
				return
			}
		}
	}),
}

var encodedData = &Check{
	Name:     "encoded-data",
	Doc:      "base64 and the like: letters and digits in a row that no one reads",
	Severity: Warning,
	Fix:      "take it out: it is long, and nothing can be learned of it",
	Start: inTexts(func(text string) string {
		if at, length := encodedAt(text); length > 0 {
			return fmt.Sprintf("holds %d letters and digits in a row, as base64 has them: %s", length, around(text, at))
		}
		return ""
	}),
}

// mostInARow is how many letters and digits stand in a row in no text that people write.
const mostInARow = 300

// encodedAt finds letters of both cases and digits in a row that are more than mostInARow.
func encodedAt(text string) (at, length int) {
	if len(text) <= mostInARow {
		return 0, 0
	}
	begin, kinds := 0, 0
	for i := 0; i <= len(text); i++ {
		c := byte(' ')
		if i < len(text) {
			c = text[i]
		}
		switch {
		case c >= 'a' && c <= 'z':
			kinds |= 1
		case c >= 'A' && c <= 'Z':
			kinds |= 2
		case c >= '0' && c <= '9':
			kinds |= 4
		case c != '+' && c != '/' && c != '-' && c != '_' && c != '=':
			if i-begin > mostInARow && kinds == 7 {
				return begin, i - begin
			}
			begin, kinds = i+1, 0
		}
	}
	return 0, 0
}

var cutTexts = &Check{
	Name:     "cut-texts",
	Doc:      "texts of one field that end in their middle, all at the same length",
	Severity: Warning,
	Fix:      "take the texts from where they are whole, or leave those out that are cut; max_length cuts by itself",
	Start: func(Options) Pass {
		l := &longest{fields: map[string]*longestOf{}}
		return Pass{Each: l.see, End: l.end}
	},
}

// longest are the longest texts of each field.
type longest struct{ fields map[string]*longestOf }

type longestOf struct {
	texts   int
	length  int             // in characters
	at      Place           // of the first
	field   string          // in it
	endings map[string]bool // how they end, each once: equal texts are one
	open    int             // that end in a word
}

// What counts as cut: so many texts, of so many characters at least.
const (
	fewestCut   = 5
	shortestCut = 100
	endingBytes = 48
)

var index = regexp.MustCompile(`\[\d+\]`)

func (l *longest) see(i *Item, _ Find) {
	for _, t := range i.View.Texts {
		if t.Part == record.Aside || len(t.Text) < shortestCut {
			continue
		}
		name := index.ReplaceAllString(t.Field, "")
		if l.fields[name] == nil {
			l.fields[name] = &longestOf{}
		}
		l.fields[name].see(i.Place, t)
	}
}

func (l *longestOf) see(at Place, t record.Text) {
	l.texts++
	length := utf8.RuneCountInString(t.Text)
	if length < l.length || length < shortestCut {
		return
	}
	if length > l.length {
		*l = longestOf{texts: l.texts, length: length, at: at, field: t.Field, endings: map[string]bool{}}
	}
	ending := t.Text[max(0, len(t.Text)-endingBytes):]
	if l.endings[ending] || len(l.endings) > 1<<16 {
		return
	}
	l.endings[ending] = true
	if r, _ := utf8.DecodeLastRuneInString(strings.TrimRight(t.Text, " ")); unicode.IsLetter(r) || unicode.IsDigit(r) || r == ',' {
		l.open++
	}
}

func (l *longest) end(find Find) {
	for _, name := range slices.Sorted(maps.Keys(l.fields)) {
		of := l.fields[name]
		if n := len(of.endings); n >= fewestCut && 2*of.open > n {
			find(Finding{
				Field: of.field,
				Text:  fmt.Sprintf("%d of %d texts have exactly %d characters, and none has more: they were cut there", n, of.texts, of.length),
				All:   true,
			}.at(of.at))
		}
	}
}

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
