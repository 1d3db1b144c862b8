package data

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"llmhost/sdk"
)

// Row parses r and returns the cells that columns declare. formatter names who
// declares them, for errors. Malformed JSON is an error with file, line and
// column; a field that is missing or of another type one with file and line.
func (r Record) Row(formatter string, columns []sdk.Column) (sdk.Row, error) {
	fields, names, err := r.fields(columns)
	if err != nil {
		return sdk.Row{}, err
	}
	cells := make([]sdk.Cell, len(columns))
	for i, c := range columns {
		v, has := fields[c.Name]
		if !has || v.kind == kindNull {
			if c.Required {
				return sdk.Row{}, fmt.Errorf("%s: field %q missing; %s needs it as %s; the record has %s", r.Position, c.Name, formatter, c.Type, listNames(names))
			}
			continue
		}
		if cells[i], err = cell(v, c.Type, strconv.Quote(c.Name)); err != nil {
			return sdk.Row{}, fmt.Errorf("%s: field %w", r.Position, err)
		}
	}
	return sdk.NewRow(cells), nil
}

// fields returns the declared fields of r that it has, and the names of all fields.
func (r Record) fields(columns []sdk.Column) (map[string]value, []string, error) {
	wanted := map[string]bool{}
	for _, c := range columns {
		wanted[c.Name] = true
	}
	fields, names := map[string]value{}, []string(nil)
	if !utf8.Valid(r.text) {
		return nil, nil, r.broken(firstInvalid(r.text), "a byte that is not UTF-8; data files are UTF-8")
	}
	p := parser{text: r.text}
	err := p.object(0, func(name string, v value) error {
		if _, twice := fields[name]; twice {
			return &syntaxError{p.at - len(v.raw), "field " + strconv.Quote(name) + " stands twice in the record"}
		}
		if wanted[name] {
			fields[name] = v
		}
		names = append(names, name)
		return nil
	})
	if err == nil && p.peek() != 0 {
		err = p.fail("the end of the line after the record")
	}
	if syntax, is := err.(*syntaxError); is {
		return nil, nil, r.broken(syntax.at, syntax.what)
	}
	return fields, names, nil
}

// broken is the error for what at byte at of the record: "file:line:column: what".
func (r Record) broken(at int, what string) error {
	before := string(r.text[:at])
	line, column := r.Line+strings.Count(before, "\n"), r.column
	if i := strings.LastIndexByte(before, '\n'); i >= 0 {
		before, column = before[i+1:], 1
	}
	return fmt.Errorf("%s:%d: %s", Position{r.File, line}, column+utf8.RuneCountInString(before), what)
}

func firstInvalid(text []byte) int {
	at := 0
	for at < len(text) {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return at
}

// listNames lists a record's field names, sorted, the first few of many.
func listNames(names []string) string {
	if len(names) == 0 {
		return "no field"
	}
	sort.Strings(names)
	var quoted []string
	for i, name := range names {
		if i == 8 {
			quoted = append(quoted, fmt.Sprintf("and %d more", len(names)-i))
			break
		}
		quoted = append(quoted, strconv.Quote(name))
	}
	return strings.Join(quoted, ", ")
}

// cell turns v into a cell of type t. name is how an error calls it, such as "scores"[1].
func cell(v value, t sdk.ColumnType, name string) (sdk.Cell, error) {
	c := sdk.Cell{Type: t}
	var err error
	switch t {
	case sdk.JSON:
		c.Str = string(v.raw)
	case sdk.String:
		c.Str, err = stringOf(v, name)
	case sdk.Float:
		c.Float, err = floatOf(v, name)
	case sdk.Bool:
		if v.kind != kindBool {
			err = notA(v, name, t)
		} else if v.raw[0] == 't' {
			c.Int = 1
		}
	case sdk.Int:
		if c.Int, err = strconv.ParseInt(string(v.raw), 10, 64); err != nil {
			err = notA(v, name, t)
		}
	case sdk.StringList:
		c.Strs, err = listOf(v, name, t, stringOf)
	case sdk.FloatList:
		c.Floats, err = listOf(v, name, t, floatOf)
	}
	return c, err
}

func notA(v value, name string, t sdk.ColumnType) error {
	return fmt.Errorf("%s is %s; want %s", name, v, t)
}

func stringOf(v value, name string) (string, error) {
	if v.kind != kindString {
		return "", notA(v, name, sdk.String)
	}
	return v.text(), nil
}

func floatOf(v value, name string) (float64, error) {
	switch v.kind {
	case kindNotFinite:
		return 0, fmt.Errorf("%s is %s; want a finite number", name, v)
	case kindNumber:
		f, fits := v.number()
		if !fits || math.Abs(f) > math.MaxFloat32 {
			return 0, fmt.Errorf("%s is %s; want a finite number that a float32 holds", name, v)
		}
		return f, nil
	}
	return 0, notA(v, name, sdk.Float)
}

func listOf[T any](v value, name string, t sdk.ColumnType, element func(value, string) (T, error)) ([]T, error) {
	if v.kind != kindArray {
		return nil, notA(v, name, t)
	}
	list := []T{}
	for i, e := range v.elements() {
		one, err := element(e, name+"["+strconv.Itoa(i)+"]")
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}
