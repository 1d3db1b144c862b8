package inspect

import (
	"fmt"
	"strings"

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
