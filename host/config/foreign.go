package config

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// settingsPage is the table of the settings of other programs. It is read as
// data, so that what a run answers and what the page says are one.
//
//go:embed SETTINGS.md
var settingsPage string

// Foreign is a setting of another program, as a row of SETTINGS.md has it, or one
// value of a setting, whose name is then NAME=VALUE.
type Foreign struct {
	Name string
	Of   string // the heading that it stands under
	// Here is the second column: "the same", "parameter", "parameter or no", "no
	// effect", "no", "only" with the accepted values in Only, or the name that it has
	// here in Ours.
	Here string
	Only []string
	Ours string
	Why  string
}

// Foreigners lists SETTINGS.md.
var Foreigners = sync.OnceValue(func() []Foreign {
	var all []Foreign
	of := ""
	for line := range strings.Lines(settingsPage) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			of = strings.TrimSpace(heading)
		}
		if of != "" && strings.HasPrefix(line, "| `") {
			all = append(all, readRow(of, line)...)
		}
	}
	return all
})

// foreigners are Foreigners by name.
var foreigners = sync.OnceValue(func() map[string]Foreign {
	byName := map[string]Foreign{}
	for _, f := range Foreigners() {
		byName[f.Name] = f
	}
	return byName
})

// readRow reads one line of the table, which may name several settings.
func readRow(of, line string) (rows []Foreign) {
	cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
	here := strings.TrimSpace(cells[1])
	f := Foreign{Of: of, Here: here, Why: strings.TrimSpace(cells[2])}
	if word, values, _ := strings.Cut(here, " "); word == "only" {
		f.Here = word
		f.Only = quotedIn(values)
	} else if name := quotedIn(here); name != nil {
		f.Here = ""
		f.Ours = name[0]
	}
	for _, name := range quotedIn(cells[0]) {
		f.Name = name
		rows = append(rows, f)
	}
	return rows
}

// quotedIn are the texts between pairs of backquotes.
func quotedIn(text string) (quoted []string) {
	for i, part := range strings.Split(text, "`") {
		if i%2 == 1 {
			quoted = append(quoted, part)
		}
	}
	return quoted
}

// parameterOrNo is the second column of a parameter that no task may pass over.
const parameterOrNo = "parameter or no"

// MustHold reports whether a parameter of some tasks is one that other programs give
// every task, so that a task without it must refuse it.
func MustHold(name string) bool { return foreigners()[name].Here == parameterOrNo }

// asksForNothing are values that no program takes for a wish.
var asksForNothing = []string{"", "none", "null"}

// answerTo is what the user is told about a setting of another program that
// llmhost lacks; refused says that the value wants something. known is false where
// the table says nothing about the name.
func answerTo(name string, value any) (answer string, refused, known bool) {
	f, ok := foreigners()[name]
	if !ok || f.Ours != "" || f.Here == "the same" || f.Here == "parameter" || f.Here == parameterOrNo {
		return "", false, false
	}
	text := strings.ToLower(fmt.Sprint(value))
	switch {
	case f.Here == "no effect":
		return fmt.Sprintf("llmhost has no such setting: %s; it has no effect: %s", name, f.Why), false, true
	case slices.Contains(asksForNothing, text), slices.Contains(f.Only, text):
		return fmt.Sprintf("llmhost has no such setting: %s; %s = %s is what it does in any case", name, name, text), false, true
	}
	return fmt.Sprintf("llmhost has no such setting: %s; %s", name, f.Why), true, true
}

// Answer is what a parameter that the task lacks is answered with where another
// program has a setting of its name: a note, or an error.
func (p Param) Answer(name string) (note string, err error) {
	answer, refused, known := answerTo(name, p.Value)
	switch {
	case !known:
		return "", nil
	case refused:
		return "", &Error{Where: p.Where, Text: answer}
	}
	return p.Where + ": " + answer, nil
}
