package formatter

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk"
)

// fields changes one field at a time: a declared column that changes nothing
// is not read.
func (f *formatter) fields() error {
	untried := 0
	for i, column := range f.Columns {
		seen, changed := 0, false
		for n, r := range f.good {
			other, has := f.otherwise(n, i)
			if !has {
				continue
			}
			results, err := f.call([]record{r, other})
			if err != nil {
				return err
			}
			seen++
			changed = changed || !sameResult(results[0], results[1])
		}
		if seen == 0 {
			untried++
		}
		if seen >= f.fewestOthers() && !changed {
			f.Find(check.Finding{
				Text: fmt.Sprintf(
					"field %q is declared but changes nothing: with another %s in it, %d records give the same results",
					column.Name,
					column.Type,
					seen,
				),
				Cause: "Format never reads it, or reads another column's index; remove it from Columns, or use it",
				Probe: f.show(f.good[0]),
			})
		}
	}
	f.Note = fmt.Sprintf("%d fields, each of which matters", len(f.Columns)-untried)
	if untried == len(f.Columns) {
		return &check.Skip{Reason: "there is no second record to take other values from; give several Examples of each column"}
	}
	return nil
}

// fewestOthers is how many records must stay the same before a field counts as
// unread; given records are few.
func (f *formatter) fewestOthers() int {
	if f.good[0].plan.present == nil {
		return 2
	}
	return 4
}

// otherwise is record n with another value in a field: a new one of a generated
// record, that of another record of a given one, or else one that is a little more.
func (f *formatter) otherwise(n, field int) (record, bool) {
	r := f.good[n]
	cell := r.cells[field]
	if cell.Type == 0 {
		return r, false
	}
	if r.plan.present != nil {
		return withCell(r, field, f.make.cell(f.Columns[field], r.plan.style, len(cell.Strs)+len(cell.Floats))), true
	}
	for _, other := range f.good {
		if own := other.cells[field]; own.Type != 0 && !reflect.DeepEqual(own, cell) {
			return withCell(r, field, own), true
		}
	}
	more := withCell(r, field, cell)
	if more.cells[field].Type == sdk.JSON {
		return r, false
	}
	own := &more.cells[field]
	own.Float, own.Int = cell.Float+1, cell.Int+1
	if own.Type == sdk.Bool {
		own.Int = 1 - cell.Int
	}
	*own = grownCells([]sdk.Cell{*own}, " more")[0]
	for i := range own.Floats {
		own.Floats[i]++
	}
	return more, true
}

// lists reorders the items of all lists of a record: the candidates may be
// reordered, but must be the same, each with the numbers at its text's index.
func (f *formatter) lists() error {
	paired, whole := 0, 0
	for _, r := range f.good {
		texts, numbers := listsOf(r)
		if texts == nil || numbers == nil || len(texts) != len(numbers) {
			continue
		}
		paired++
		turned := record{plan: r.plan}
		for _, cell := range r.cells {
			turned.cells = append(turned.cells, shiftedCell(cell))
		}
		results, err := f.call([]record{r, turned})
		if err != nil {
			return err
		}
		if !f.aligned(r, texts, numbers, results[0]) || !f.sameCandidates(r, results[0], results[1]) {
			return nil
		}
		whole += truncated(numbers, results[0].Example)
	}
	if paired >= 8 && whole == paired {
		f.Find(check.Finding{
			Text:  "every number next to a text loses its fraction, which makes different candidates equal",
			Cause: "a float is converted to an int; keep it a float",
			Probe: f.show(f.good[0]),
		})
	}
	if f.Note = "no record with texts and numbers in lists"; paired > 0 {
		f.Note = fmt.Sprintf("%d records with their lists in another order", paired)
	}
	return nil
}

// listsOf are the texts and the numbers of a record that has one list of each.
func listsOf(r record) (texts []string, numbers []float64) {
	for _, cell := range r.cells {
		switch {
		case cell.Type == sdk.StringList && texts == nil:
			texts = cell.Strs
		case cell.Type == sdk.FloatList && numbers == nil:
			numbers = cell.Floats
		case cell.Type == sdk.StringList || cell.Type == sdk.FloatList:
			return nil, nil
		}
	}
	return texts, numbers
}

// shiftedCell rotates the cell's items by one.
func shiftedCell(c sdk.Cell) sdk.Cell {
	c.Strs, c.Floats = numbers.Rotated(c.Strs), numbers.Rotated(c.Floats)
	return c
}

// aligned checks for each candidate that the numbers in its columns belong to
// its own text.
func (f *formatter) aligned(r record, texts []string, numbers []float64, result sdk.Result) bool {
	for _, c := range result.Example.Candidates {
		own := -1
		for i, text := range texts {
			if last := lastWord(text); last != "" && strings.Contains(c.Answer, last) {
				own = i
			}
		}
		for name, v := range c.Columns {
			at := slices.Index(numbers, v)
			if own < 0 || at < 0 || at == own {
				continue
			}
			f.Find(check.Finding{
				Text: fmt.Sprintf(
					"text %d gets the %s %v, which belongs to text %d; its own is %v",
					own,
					name,
					v,
					at,
					numbers[own],
				),
				Cause: "the texts were filtered, sorted or cut without their numbers, or an index is off by one",
				Probe: f.show(r),
			})
			return false
		}
	}
	return true
}

// truncated is 1 if the candidates' columns hold the record's numbers without
// their fractions.
func truncated(numbers []float64, e sdk.Example) int {
	var cut, got []float64
	for _, v := range numbers {
		cut = append(cut, math.Trunc(v))
	}
	for _, c := range e.Candidates {
		for _, v := range c.Columns {
			got = append(got, v)
		}
	}
	slices.Sort(cut)
	slices.Sort(got)
	if slices.Equal(cut, got) {
		return 1
	}
	return 0
}

// lastWord is the last generated word of a text, which is its answer's.
func lastWord(text string) string {
	found := word.FindAllString(text, -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

func (f *formatter) sameCandidates(r record, before, after sdk.Result) bool {
	was := sortedCandidates(before.Example)
	is := sortedCandidates(after.Example)
	if before.Err == "" && before.Dropped == "" && !slices.Equal(was, is) {
		f.Find(check.Finding{
			Text: fmt.Sprintf(
				"with texts and numbers reordered, the record gives other candidates: %s instead of %s",
				shown(after),
				shown(before),
			),
			Cause: "a position in the list is given a meaning, such as the first text for the best",
			Probe: f.show(r),
		})
		return false
	}
	return true
}

func sortedCandidates(e sdk.Example) []string {
	var all []string
	for _, c := range e.Candidates {
		all = append(all, candidateText(c))
	}
	slices.Sort(all)
	return all
}
