package formatter

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// hostile puts one strange record at a time among good ones: the good ones must
// give the same results as always, and the strange one must not panic or end
// the batch.
func (f *formatter) hostile() error {
	neighbours := f.good
	for len(neighbours) < 4 {
		neighbours = append(neighbours, f.make.record(f.make.plan()))
	}
	neighbours = neighbours[:4]
	calm, err := f.call(neighbours)
	if err != nil {
		return err
	}
	tried := 0
	for i := range f.Columns {
		for _, h := range f.spoilt(neighbours[0], i) {
			tried++
			if bad, err := f.isolate(h, neighbours, calm); bad || err != nil {
				return err
			}
		}
	}
	f.Note = fmt.Sprintf("%d strange records, each among good ones", tried)
	return nil
}

// strange is a record with something wrong with it.
type strange struct {
	what string
	mild bool // such as data files occasionally contain
	record
}

// spoilt are variants of r with a strange field i.
func (f *formatter) spoilt(r record, i int) []strange {
	column := f.Columns[i]
	var all []strange
	add := func(what string, cell sdk.Cell) {
		cells := slices.Clone(r.cells)
		cells[i] = cell
		mild := slices.Contains([]string{"absent", "empty", "of blanks", "with items empty", "of 0", "of -1", "of []"}, what)
		all = append(all, strange{fmt.Sprintf("field %q %s", column.Name, what), mild, record{cells: cells}})
	}
	if !column.Required {
		add("absent", sdk.Cell{})
	}
	for _, t := range []struct{ what, text string }{
		{"empty", ""}, {"of blanks", " \n\t "}, {"of 1 MB", strings.Repeat("lorem ", 1<<20/6)}, {"of one line of 1 MB without a blank", strings.Repeat("x", 1<<20)},
		{"with zero bytes", "a\x00b"}, {"that is not UTF-8", "a\xff\xfe\xc3"}, {"of marks alone", strings.Join(f.make.marks, "")}, {"with quotes and backslashes", `"\"'` + "`{{}}%s%d"},
	} {
		switch column.Type {
		case sdk.String:
			add(t.what, sdk.Cell{Type: sdk.String, Str: t.text})
		case sdk.StringList:
			add("with items "+t.what, sdk.Cell{Type: sdk.StringList, Strs: []string{t.text, t.text}})
			add("with one item "+t.what, sdk.Cell{Type: sdk.StringList, Strs: []string{t.text}})
		}
	}
	for _, cell := range strangeCells(column.Type) {
		add(fmt.Sprintf("of %.40s", cellText(cell)), cell)
	}
	add("of another type", sdk.Cell{
		Type:   otherType(column.Type),
		Str:    "x",
		Strs:   []string{"x"},
		Floats: []float64{1},
	})
	return all
}

// strangeCells are values that are allowed but easily forgotten.
func strangeCells(t sdk.ColumnType) []sdk.Cell {
	var all []sdk.Cell
	switch t {
	case sdk.Float:
		for _, v := range []float64{0, math.Copysign(0, -1), -1, 3e38, -3e38, 1e-45} {
			all = append(all, sdk.Cell{Type: t, Float: v})
		}
	case sdk.Int:
		for _, v := range []int64{0, -1, math.MaxInt64, math.MinInt64} {
			all = append(all, sdk.Cell{Type: t, Int: v})
		}
	case sdk.StringList:
		all = append(all, sdk.Cell{Type: t, Strs: []string{}}, sdk.Cell{Type: t, Strs: make([]string, 1000)})
	case sdk.FloatList:
		all = append(
			all,
			sdk.Cell{Type: t, Floats: []float64{}},
			sdk.Cell{Type: t, Floats: make([]float64, 1000)},
			sdk.Cell{Type: t, Floats: []float64{3e38, -3e38}},
			sdk.Cell{Type: t, Floats: []float64{1}},
		)
	case sdk.JSON:
		for _, text := range []string{"null", "[]", "{}", `""`, "1e999", `[{}]`, `[{"role":1,"content":null}]`, strings.Repeat("[", 900) + strings.Repeat("]", 900)} {
			all = append(all, sdk.Cell{Type: t, Str: text})
		}
	}
	return all
}

// otherType is a type other than a field's.
func otherType(t sdk.ColumnType) sdk.ColumnType {
	if t == sdk.String {
		return sdk.StringList
	}
	return sdk.String
}

// slowest bounds the time of five records, one of them large, on a busy
// machine.
const slowest = 3 * time.Second

// isolate formats a strange record among good ones, and reports what is wrong
// with the results.
func (f *formatter) isolate(h strange, neighbours []record, calm []sdk.Result) (bad bool, err error) {
	batch := []record{neighbours[0], neighbours[1], h.record, neighbours[2], neighbours[3]}
	begin := time.Now()
	results, err := f.call(batch)
	taken := time.Since(begin)
	if errors.Is(err, check.ErrLate) {
		return false, err
	}
	text, cause := "", ""
	switch {
	case err != nil:
		text = fmt.Sprintf("one record with %s ends the whole batch: %v", h.what, err)
		cause = "a panic or trap: check lengths and types before using them, and return an error, which concerns only that record"
	case taken > f.Slower(slowest):
		text = fmt.Sprintf("one record with %s takes %.1f s", h.what, taken.Seconds())
		cause = "the time grows with the square of the text's length: a run stops a WASM formatter that takes longer than half a second"
	default:
		text, cause = h.wrong(results, calm)
	}
	if text == "" {
		return false, nil
	}
	f.Find(check.Finding{Text: text, Cause: cause, Probe: f.show(h.record)})
	return true, nil
}

// wrong says what is wrong with the results of a strange record, the third, and of
// its neighbours, whose results without it are calm; both texts are "" if nothing
// is.
func (h strange) wrong(results, calm []sdk.Result) (text, cause string) {
	own := results[2].Err
	if strings.Contains(own, "panicked: ") {
		return fmt.Sprintf("panics on a record with %s: %s", h.what, own), "check lengths and types before using them, and return an error"
	}
	if breach := breachOf(own, h.record); breach != nil && h.mild {
		return fmt.Sprintf("a record with %s ends in: %s", h.what, own), breach.cause
	}
	others := slices.Concat(results[:2], results[3:])
	for i, was := range calm {
		if !sameResult(was, others[i]) {
			text := fmt.Sprintf(
				"one record with %s changes the results of its neighbours: %s instead of %s",
				h.what,
				shown(others[i]),
				shown(was),
			)
			return text, "state is kept from record to record"
		}
	}
	return "", ""
}
