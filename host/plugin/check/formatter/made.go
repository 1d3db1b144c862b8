package formatter

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/plugin"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// record is one row for a formatter. Its texts are made of words that occur
// nowhere else, so that what becomes of each can be followed.
type record struct {
	cells []sdk.Cell
	plan  plan
}

// record makes one by a plan.
func (m *maker) record(p plan) record {
	r := record{plan: p}
	items := 2 + m.rng.IntN(3) // of every list
	for i, c := range m.columns {
		cell := sdk.Cell{}
		if p.present[i] {
			cell = m.cell(c, p.style, items)
		}
		r.cells = append(r.cells, cell)
	}
	return r
}

// plan says how a record is made up: which of its fields are there, and how
// its texts are built.
type plan struct {
	present []bool
	style   int // of texts: 0 plain, else with one of the marks between prompt and answer
}

// plans are random ways to make a record: any of the optional fields, any style.
func (m *maker) plan() plan {
	p := plan{style: m.rng.IntN(len(m.marks) + 1)}
	for _, c := range m.columns {
		p.present = append(p.present, c.Required || m.rng.IntN(2) == 0)
	}
	return p
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
	m := &maker{
		rng:     rand.New(rand.NewPCG(seed, 3)),
		columns: columns,
		marks:   []string{"<sep>", "\n\nAssistant: ", "\n### Response:\n", "\t"},
	}
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

// cell makes up the value of a field, a list of so many items.
func (m *maker) cell(c sdk.Column, style, items int) sdk.Cell {
	cell := sdk.Cell{Type: c.Type}
	switch c.Type {
	case sdk.String:
		cell.Str = m.text()
		if style > 0 {
			cell.Str = m.answer(cell.Str, style)
		}
	case sdk.Float:
		cell.Float = m.number(c.Role)
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
			cell.Floats = append(cell.Floats, m.number(c.Role))
		}
	case sdk.JSON:
		cell.Str = m.json(style, items)
	}
	return cell
}

// number draws a number as its role allows.
func (m *maker) number(role sdk.ColumnRole) float64 {
	x := numbers.Rounded(2 * m.rng.NormFloat64())
	switch {
	case role == sdk.WeightRole:
		return math.Abs(x)
	case role == sdk.MaskRole && x > 0:
		return 1
	case role == sdk.MaskRole:
		return 0
	}
	return x
}

// json is a value of one of the shapes that data files have.
func (m *maker) json(style, items int) string {
	switch m.rng.IntN(6) {
	case 0:
		return strconv.FormatBool(m.rng.IntN(2) == 0)
	case 1:
		return sdktest.Numbers(numbers.Rounded(2 * m.rng.NormFloat64()))
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

// renamed is a text with other made-up words in it, in the same order of the
// alphabet and of the same length.
func renamed(text string) string {
	return word.ReplaceAllStringFunc(text, func(w string) string {
		n, _ := strconv.Atoi(w[1 : len(w)-1])
		return madeUp(n + renaming)
	})
}

// renaming is how far renamed words are from the old ones.
const renaming = 5_000_000

// renamedRecord is a record with renamed texts.
func renamedRecord(r record) record {
	out := record{cells: slices.Clone(r.cells), plan: r.plan}
	for i, cell := range out.cells {
		cell.Str, cell.Strs = renamed(cell.Str), slices.Clone(cell.Strs)
		for j, text := range cell.Strs {
			cell.Strs[j] = renamed(text)
		}
		out.cells[i] = cell
	}
	return out
}

// wordsOf lists the made-up words of a text.
func wordsOf(text string) []string {
	found := word.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// mostSubsets is how many sets of optional fields are tried.
const mostSubsets = 256

// declared are records of the values that columns give as examples: every value
// once at least, and beside the fields that a record must have any of the others,
// for some may exclude each other. None where a field that must be there has no
// example.
func declared(columns []sdk.Column) []record {
	most, subsets := 0, 1
	for _, c := range columns {
		if c.Required && len(c.Examples) == 0 {
			return nil
		}
		most = max(most, len(c.Examples))
		if !c.Required && len(c.Examples) > 0 {
			subsets = min(2*subsets, mostSubsets)
		}
	}
	var all []record
	for i := range max(most, subsets) {
		if most > 0 {
			all = append(all, exemplary(columns, i%subsets, i))
		}
	}
	return all
}

// exemplary is a record of the i-th examples, with the optional fields whose bits
// are set in subset.
func exemplary(columns []sdk.Column, subset, i int) record {
	r := record{cells: make([]sdk.Cell, len(columns))}
	for j, c := range columns {
		if len(c.Examples) == 0 {
			continue
		}
		there := c.Required
		if !there {
			there = subset&1 == 1
			subset >>= 1
		}
		if cell, fits := cellOf(c.Type, c.Examples[i%len(c.Examples)]); there && fits {
			r.cells[j] = cell
		}
	}
	return r
}

// cellOf is a value that is given as JSON, and whether it is of the type.
func cellOf(t sdk.ColumnType, text string) (sdk.Cell, bool) {
	cell := sdk.Cell{Type: t}
	var to any
	switch t {
	case sdk.String:
		to = &cell.Str
	case sdk.Float:
		to = &cell.Float
	case sdk.Int:
		to = &cell.Int
	case sdk.StringList:
		to = &cell.Strs
	case sdk.FloatList:
		to = &cell.Floats
	case sdk.Bool:
		cell.Int = map[string]int64{"true": 1}[text]
		return cell, text == "true" || text == "false"
	case sdk.JSON:
		cell.Str = text
		return cell, true
	}
	return cell, json.Unmarshal([]byte(text), to) == nil
}
