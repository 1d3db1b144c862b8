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
