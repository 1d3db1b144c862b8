package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"llmhost/sdk"
)

// given is something that a formatter gives to losses: as it declares it, as the
// records of its fields' examples show it, or both.
type given struct {
	sdk.Output
	declared  bool
	seen      bool
	low, high float64 // of the numbers that were seen
}

// gives lists what a formatter gives, with default parameters. What it does not
// declare is found out by formatting the examples of its fields; a formatter
// that takes none of them only has what it declares. What they become is returned
// too.
func (c *Component) gives(ctx context.Context, records Records) (all []given, examples []sdk.Example) {
	for _, output := range records.Gives {
		all = append(all, given{Output: output, declared: true})
	}
	examples = c.examples(ctx, records)
	for _, example := range examples {
		for _, candidate := range example.Candidates {
			all = see(all, sdk.CandidateColumn, candidate.Columns)
		}
		all = see(all, sdk.ExampleColumn, example.Columns)
		for head := range example.Labels {
			all = see(all, sdk.ClassLabel, map[string]float64{head: 0})
		}
	}
	return all, examples
}

// see adds columns of one example.
func see(all []given, kind sdk.OutputKind, columns map[string]float64) []given {
	for _, name := range slices.Sorted(maps.Keys(columns)) {
		output := sdk.Output{Name: line(name), Kind: kind}
		at := slices.IndexFunc(all, func(g given) bool { return g.Input() == output.Input() })
		if at < 0 {
			at, all = len(all), append(all, given{Output: output})
		}
		g, v := &all[at], columns[name]
		if !g.seen {
			g.seen, g.low, g.high = true, v, v
		}
		g.low, g.high = min(g.low, v), max(g.high, v)
	}
	return all
}

// examples are what the formatter makes of the examples of its fields.
func (c *Component) examples(ctx context.Context, records Records) (all []sdk.Example) {
	f, err := c.Formatter(ctx, nil)
	if err != nil {
		return nil
	}
	defer f.Close()
	results, err := f.Format(ctx, exampleRows(records.Columns))
	if err != nil {
		return nil
	}
	for _, r := range results {
		if r.Err == "" && r.Dropped == "" {
			all = append(all, r.Example)
		}
	}
	return all
}

// exampleRows are records of the examples of all fields, the first of each, then
// the second; a field without any has a value of its type.
func exampleRows(columns []sdk.Column) (rows []sdk.Row) {
	count := 1
	for _, c := range columns {
		count = max(count, len(c.Examples))
	}
	for i := range count {
		cells := make([]sdk.Cell, len(columns))
		for j, c := range columns {
			text := valuesOfTypes[c.Type]
			if i < len(c.Examples) {
				text = c.Examples[i]
			}
			cells[j] = cellOf(c.Type, text)
		}
		rows = append(rows, sdk.NewRow(cells))
	}
	return rows
}

var valuesOfTypes = map[sdk.ColumnType]string{
	sdk.String:     `"a text"`,
	sdk.Float:      `0.5`,
	sdk.Bool:       `true`,
	sdk.Int:        `1`,
	sdk.StringList: `["a text", "another"]`,
	sdk.FloatList:  `[0.5, 1]`,
	sdk.JSON:       `"a text"`,
}

// cellOf is a cell of a value in JSON; one that does not fit is absent.
func cellOf(t sdk.ColumnType, text string) sdk.Cell {
	cell := sdk.Cell{Type: t}
	var err error
	switch t {
	case sdk.String:
		err = json.Unmarshal([]byte(text), &cell.Str)
	case sdk.Float:
		err = json.Unmarshal([]byte(text), &cell.Float)
	case sdk.Int:
		err = json.Unmarshal([]byte(text), &cell.Int)
	case sdk.StringList:
		err = json.Unmarshal([]byte(text), &cell.Strs)
	case sdk.FloatList:
		err = json.Unmarshal([]byte(text), &cell.Floats)
	case sdk.Bool:
		cell.Int = map[string]int64{"true": 1}[text]
	case sdk.JSON:
		cell.Str = text
	}
	if err != nil || text == "null" {
		return sdk.Cell{}
	}
	return cell
}

// kindWords say what each kind of output is.
var kindWords = map[sdk.OutputKind]string{
	sdk.CandidateColumn: "a number a candidate",
	sdk.ExampleColumn:   "a number an example",
	sdk.ClassLabel:      "a class an example",
}

// writeGives writes what a formatter gives: name, type, role, what it is padded
// with, and the range that its examples have.
func writeGives(to io.Writer, all []given, known bool) {
	switch {
	case len(all) == 0 && known:
		fmt.Fprintln(to, "gives\n  prompts and answers alone, no column")
		return
	case len(all) == 0:
		fmt.Fprintln(to, "gives\n  what it does not declare, and the examples of its fields do not show")
		return
	}
	fmt.Fprintln(to, "gives")
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, g := range all {
		kind := sdk.OutputKind(strings.TrimSuffix(g.Input(), "."+g.Name))
		words := []string{kindWords[kind]}
		if kind != sdk.ClassLabel {
			words = append(words, roleText(g.Role))
		}
		if kind == sdk.CandidateColumn && g.declared {
			words = append(words, fmt.Sprintf("padded with %v", g.PaddingValue()))
		}
		if kind != sdk.ClassLabel && g.seen {
			words = append(words, fmt.Sprintf("%v … %v in examples", g.low, g.high))
		}
		if !g.declared {
			words = append(words, "not declared")
		}
		fmt.Fprintf(w, "  %s\t%s\n", g.Input(), strings.Join(words, "\t"))
	}
	w.Flush()
}
