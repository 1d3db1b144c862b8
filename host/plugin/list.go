package plugin

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"
)

// lineWidth is the characters of a line in a listing, and widest the most of
// its last column.
const (
	lineWidth = 120
	widest    = 60
)

// listTime bounds how long the components of one plugin may take to say what
// they need; each one has the same limit for itself.
const listTime = time.Second

// unknownNeeds is shown for a component whose needs cannot be found out.
const unknownNeeds = "? (plugins explain says what is wrong)"

// List writes each task and component of the plugins: what it is and, below
// that, what it needs.
func List(ctx context.Context, plugins []*Plugin) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	width := lastColumn(plugins)
	fmt.Fprintln(w, "NAME\tKIND\tTRANSPORT\tVERSION\tDIGEST\tWHAT IT IS, AND NEEDS")
	for _, p := range plugins {
		digest := "-"
		if p.Digest != "" {
			digest = p.Digest[:12]
		}
		row := func(name, kind, needs, doc string) {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t", name, kind, p.Transport, p.Version, digest)
			lines := append(folded(doc, width), folded("needs "+needs, width)...)
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

// ListFormats writes each formatter of the plugins: its name, what it reads, the
// fields of its records, those that may be absent in brackets, and the forms by which
// its records are recognised.
func ListFormats(ctx context.Context, plugins []*Plugin) string {
	var b strings.Builder
	for _, p := range plugins {
		for _, c := range p.Components {
			if c.Kind == Formatter {
				fmt.Fprintf(&b, "%s: %s\n    reads %s\n%s", c.Name, c.Doc, c.needs(ctx), c.formsText(ctx))
			}
		}
	}
	return b.String()
}

// formsText has a line for each form of a formatter's records.
func (c *Component) formsText(ctx context.Context) string {
	records, err := c.Records(ctx, nil)
	if err != nil || len(records.Forms) == 0 {
		return "    found only by name\n"
	}
	text := ""
	for _, form := range records.Forms {
		text += "    found by " + form.Name + "\n"
	}
	return text
}

// lastColumn is the width left for the last column of a listing.
func lastColumn(plugins []*Plugin) int {
	name := 0
	version := len("VERSION")
	digest := len("DIGEST")
	for _, p := range plugins {
		version = max(version, len(p.Version))
		if p.Digest != "" {
			digest = 12
		}
		for _, t := range p.tasks {
			name = max(name, len(t.Name))
		}
		for _, c := range p.Components {
			name = max(name, len(c.Name))
		}
	}
	others := name + len("formatter") + len("TRANSPORT") + version + digest + 5*len("  ")
	return min(widest, max(widest/2, lineWidth-others))
}

// folded wraps a text into lines of at most width characters; a longer word
// gets its own line.
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

// needs describes what a run must have for the task: its head, and its formatter's
// records.
func (t taskEntry) needs() string {
	needs := []string{"head " + t.Head}
	if t.Formatter != "" {
		needs = append(needs, "records of "+t.Formatter)
	}
	return strings.Join(needs, ", ")
}

// needs describes what the component reads under its default parameters: inputs
// of its program, or fields of records, the optional ones in brackets, and then
// what it gives.
func (c *Component) needs(ctx context.Context) string {
	if c.Kind != Formatter {
		trace, err := c.Trace(ctx, nil)
		if err != nil {
			return unknownNeeds
		}
		return strings.Join(trace.InputNames(), " ")
	}
	records, err := c.Records(ctx, nil)
	if err != nil {
		return unknownNeeds
	}
	var names []string
	for _, column := range records.Columns {
		name := column.Name
		if !column.Required {
			name = "[" + name + "]"
		}
		names = append(names, name)
	}
	return strings.Join(names, " ") + c.givesText(ctx, records)
}

// givesText names what a formatter gives to losses.
func (c *Component) givesText(ctx context.Context, records Records) string {
	var names []string
	all, _ := c.gives(ctx, records)
	for _, g := range all {
		names = append(names, g.Input())
	}
	if len(names) == 0 {
		return ""
	}
	return "; gives " + strings.Join(names, " ")
}
