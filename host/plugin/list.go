package plugin

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// widest is how many characters the last column of a listing has at most.
const widest = 60

// listTime is how long the components of one plugin may take to be asked what
// they need; each of them has as long for itself.
const listTime = time.Second

// unknownNeeds stands for the needs of a component that does not tell them.
const unknownNeeds = "? (plugins explain says what is wrong)"

// List writes each task and component of the plugins with what it is and, below
// that, what it needs.
func List(ctx context.Context, plugins []*Plugin) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tROAD\tVERSION\tDIGEST\tWHAT IT IS, AND NEEDS")
	for _, p := range plugins {
		digest := "-"
		if p.Digest != "" {
			digest = p.Digest[:12]
		}
		row := func(name, kind, needs, doc string) {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t", name, kind, p.Road, p.Version, digest)
			lines := append(folded(doc, widest), folded("needs "+needs, widest)...)
			fmt.Fprintln(w, strings.Join(lines, "\n\t\t\t\t\t"))
		}
		for _, t := range p.tasks {
			row(t.Name, "task", t.needs(), t.Doc)
		}
		until := time.Now().Add(listTime)
		for _, c := range p.Components {
			needs := unknownNeeds
			if time.Now().Before(until) {
				needs = c.needs(ctx)
			}
			row(c.Name, string(c.Kind), needs, c.Doc)
		}
	}
	w.Flush()
	return b.String()
}

// folded cuts a text between words into lines of at most width characters; a
// word that is longer stands by itself.
func folded(text string, width int) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		last := len(lines) - 1
		if last < 0 || utf8.RuneCountInString(lines[last]+" "+word) > width {
			lines = append(lines, word)
			continue
		}
		lines[last] += " " + word
	}
	return lines
}

// needs says what a run must have for the task: its head, and its formatter's records.
func (t taskEntry) needs() string {
	needs := []string{"head " + t.Head}
	if t.Formatter != "" {
		needs = append(needs, "records of "+t.Formatter)
	}
	return strings.Join(needs, ", ")
}

// needs says what the component reads under its default parameters: inputs of
// its program, or fields of records, those in brackets where a record has them.
func (c *Component) needs(ctx context.Context) string {
	if c.Kind != Formatter {
		trace, err := c.Trace(ctx, nil)
		if err != nil {
			return unknownNeeds
		}
		return strings.Join(trace.Needs(), " ")
	}
	columns, err := c.Columns(ctx, nil)
	if err != nil {
		return unknownNeeds
	}
	var names []string
	for _, column := range columns {
		name := column.Name
		if !column.Required {
			name = "[" + name + "]"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}
