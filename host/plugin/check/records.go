package check

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/plugin"
	"llmhost/sdk"
)

// record is one row for a formatter. Its texts are made of words that occur
// nowhere else, so that what becomes of each can be followed.
type record struct {
	cells []sdk.Cell
	plan  plan
}

// plan says how a record is made up: which of its fields are there, and how
// its texts are built.
type plan struct {
	present []bool
	style   int // of texts: 0 plain, else with one of the marks between prompt and answer
}

// word is one made-up word.
var word = regexp.MustCompile(`w[0-9]+q`)

// twoWords are two made-up words without anything between them.
var twoWords = regexp.MustCompile(`w[0-9]+qw[0-9]+q`)

// maker makes records up.
type maker struct {
	rng     *rand.Rand
	columns []sdk.Column
	marks   []string // that may stand between prompt and answer in one text
	names   []string // that a field of a JSON value may have
	filler  string   // behind every text
	words   int
}

// newMaker collects what may stand between a prompt and an answer: besides
// what is common, the texts that parameters are. Those may be names
// of fields too, as in "source=1,rank=0.5".
func newMaker(c *plugin.Component, values map[string]any, columns []sdk.Column, seed uint64) *maker {
	m := &maker{rng: rand.New(rand.NewPCG(seed, 3)), columns: columns, marks: []string{"<sep>", "\n\nAssistant: ", "\n### Response:\n", "\t"}}
	for _, p := range c.Params {
		text, _ := p.Default.(string)
		if given, is := values[p.Name].(string); is {
			text = given
		}
		if p.Choices != nil {
			continue
		}
		for _, item := range strings.Split(text, ",") {
			if name, _, _ := strings.Cut(item, "="); name != "" {
				m.names = append(m.names, name)
			}
		}
		for _, mark := range strings.Split(text, "|") {
			if mark = strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(mark); mark != "" {
				m.marks = append(m.marks, mark)
			}
		}
	}
	return m
}

// text is a few new words.
func (m *maker) text() string {
	text := make([]byte, 0, 30+len(m.filler))
	for i := range 3 {
		if i > 0 {
			text = append(text, ' ')
		}
		m.words++
		text = append(text, madeUp(m.words)...)
	}
	return string(append(text, m.filler...))
}

// madeUp is word n, which has the same length for every n.
func madeUp(n int) string {
	digits := strconv.Itoa(n)
	return "w0000000"[:8-len(digits)] + digits + "q"
}

// answer continues a prompt, with the mark of a style between the two.
func (m *maker) answer(prompt string, style int) string {
	switch {
	case style == 0:
		return prompt + " " + m.text()
	case strings.Contains(m.marks[style-1], "Assistant: "):
		return "\n\nHuman: " + prompt + m.marks[style-1] + m.text()
	}
	return prompt + m.marks[style-1] + m.text()
}

// plans are random ways to make a record: any of the optional fields, any style.
func (m *maker) plan() plan {
	p := plan{style: m.rng.IntN(len(m.marks) + 1)}
	for _, c := range m.columns {
		p.present = append(p.present, c.Required || m.rng.IntN(2) == 0)
	}
	return p
}

// record makes one by a plan.
func (m *maker) record(p plan) record {
	r := record{plan: p}
	items := 2 + m.rng.IntN(3) // of every list
	for i, c := range m.columns {
		cell := sdk.Cell{}
		if p.present[i] {
			cell = m.cell(c.Type, p.style, items)
		}
		r.cells = append(r.cells, cell)
	}
	return r
}

func (m *maker) cell(t sdk.ColumnType, style, items int) sdk.Cell {
	cell := sdk.Cell{Type: t}
	switch t {
	case sdk.String:
		cell.Str = m.text()
		if style > 0 {
			cell.Str = m.answer(cell.Str, style)
		}
	case sdk.Float:
		cell.Float = rounded(2 * m.rng.NormFloat64())
	case sdk.Bool:
		cell.Int = int64(m.rng.IntN(2))
	case sdk.Int:
		cell.Int = int64(m.rng.IntN(4))
	case sdk.StringList:
		prompt := m.text()
		for range items {
			cell.Strs = append(cell.Strs, m.answer(prompt, style))
		}
	case sdk.FloatList:
		for range items {
			cell.Floats = append(cell.Floats, rounded(2*m.rng.NormFloat64()))
		}
	case sdk.JSON:
		cell.Str = m.json(style, items)
	}
	return cell
}

// json is a value of one of the shapes that data files have.
func (m *maker) json(style, items int) string {
	switch m.rng.IntN(6) {
	case 0:
		return strconv.FormatBool(m.rng.IntN(2) == 0)
	case 1:
		return number(rounded(2 * m.rng.NormFloat64()))
	case 2:
		if len(m.names) > 0 {
			return fmt.Sprintf(`{%q:%q}`, m.names[m.rng.IntN(len(m.names))], m.text())
		}
	}
	switch style % 4 {
	case 0: // a dialog
		return fmt.Sprintf(`[{"role":"user","content":%q},{"role":"assistant","content":%q}]`, m.text(), m.text())
	case 1:
		return strconv.Quote(m.text())
	case 2:
		var texts []string
		for range items {
			texts = append(texts, strconv.Quote(m.text()))
		}
		return "[" + strings.Join(texts, ",") + "]"
	}
	return fmt.Sprintf(`{"from":"human","value":%q}`, m.text())
}

// rows turns records into what a formatter takes.
func rows(records []record) []sdk.Row {
	out := make([]sdk.Row, len(records))
	for i, r := range records {
		out[i] = sdk.NewRow(r.cells)
	}
	return out
}

// cellsOf takes a row apart again.
func cellsOf(r sdk.Row, columns []sdk.Column) []sdk.Cell {
	cells := make([]sdk.Cell, len(columns))
	for i, c := range columns {
		if !r.Has(i) {
			continue
		}
		cells[i].Type = c.Type
		switch c.Type {
		case sdk.String:
			cells[i].Str = r.Str(i)
		case sdk.JSON:
			cells[i].Str = r.JSON(i)
		case sdk.Float:
			cells[i].Float = r.Float(i)
		case sdk.Int:
			cells[i].Int = r.Int(i)
		case sdk.Bool:
			if r.Bool(i) {
				cells[i].Int = 1
			}
		case sdk.StringList:
			cells[i].Strs = r.Strs(i)
		case sdk.FloatList:
			cells[i].Floats = r.Floats(i)
		}
	}
	return cells
}

// show writes a record as JSON would.
func (f *formatter) show(r record) string {
	var parts []string
	for i, cell := range r.cells {
		if cell.Type != 0 {
			parts = append(parts, fmt.Sprintf("%q: %.160s", f.columns[i].Name, cellText(cell)))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func cellText(c sdk.Cell) string {
	switch c.Type {
	case sdk.String:
		return strconv.Quote(c.Str)
	case sdk.Float:
		return number(c.Float)
	case sdk.Bool, sdk.Int:
		return fmt.Sprint(c.Int)
	case sdk.StringList:
		return fmt.Sprintf("%q", c.Strs)
	case sdk.FloatList:
		return fmt.Sprint(c.Floats)
	}
	return c.Str
}

// shown writes a result for a finding.
func shown(r sdk.Result) string {
	switch {
	case r.Err != "":
		return "the error " + strconv.Quote(r.Err)
	case r.Dropped != "":
		return "the drop " + strconv.Quote(r.Dropped)
	}
	return fmt.Sprintf("%.200s", exampleText(r.Example))
}

// exampleText writes an example for a finding.
func exampleText(e sdk.Example) string {
	var all []string
	for _, c := range e.Candidates {
		all = append(all, candidateText(c))
	}
	if len(e.Columns) > 0 {
		all = append(all, paramText(asAny(e.Columns)))
	}
	if len(e.Labels) > 0 {
		all = append(all, fmt.Sprintf("labels %q", e.Labels))
	}
	return strings.Join(all, "; ")
}

func candidateText(c sdk.Candidate) string {
	text := fmt.Sprintf("%q → %q", c.Prompt, c.Answer)
	if len(c.Columns) > 0 {
		text += " " + paramText(asAny(c.Columns))
	}
	return text
}

func asAny(columns map[string]float64) map[string]any {
	out := map[string]any{}
	for name, v := range columns {
		out[name] = v
	}
	return out
}

// sameResult says whether two results are equal.
func sameResult(a, b sdk.Result) bool {
	return a.Err == b.Err && a.Dropped == b.Dropped && maps.Equal(a.Example.Columns, b.Example.Columns) &&
		maps.Equal(a.Example.Labels, b.Example.Labels) &&
		slices.EqualFunc(a.Example.Candidates, b.Example.Candidates, func(x, y sdk.Candidate) bool {
			return x.Prompt == y.Prompt && x.Answer == y.Answer && maps.Equal(x.Columns, y.Columns)
		})
}
