package source

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"llmhost/sdk"
)

// cell turns v into a cell of type t. name is how an error calls it, such as "scores"[1].
func cell(v value, t sdk.ColumnType, name string) (sdk.Cell, error) {
	c := sdk.Cell{Type: t}
	var err error
	switch t {
	case sdk.JSON:
		c.Str, err = jsonOf(v, name)
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

// jsonOf is the text of a value. The parser also takes NaN and Infinity, which
// other readers of JSON refuse, and which are a class or a score only by mistake.
func jsonOf(v value, name string) (string, error) {
	switch {
	case v.plain:
		return quoteJSON(string(v.raw)), nil
	case v.kind == kindNotFinite:
		return "", fmt.Errorf("%s is %s, which is no JSON value; correct the record or take it out", name, v)
	case !json.Valid(v.raw):
		return "", fmt.Errorf("%s holds NaN or Infinity, which are no JSON values; correct the record or take it out", name)
	}
	return string(v.raw), nil
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

// shownNames is how many field names of a record an error lists.
const shownNames = 8

// missing is the error of a record at a position that lacks a column that
// reader requires. names are the fields that it has.
func missing(at Position, c sdk.Column, reader string, names []string) error {
	return fmt.Errorf(
		"%s: field %q missing; %s needs it as %s; the record has %s",
		at,
		c.Name,
		reader,
		c.Type,
		listNames(names),
	)
}

// listNames lists a record's field names, sorted, the first few of many.
func listNames(names []string) string {
	if len(names) == 0 {
		return "no field"
	}
	var quoted []string
	for i, name := range slices.Sorted(slices.Values(names)) {
		if i == shownNames {
			quoted = append(quoted, fmt.Sprintf("and %d more", len(names)-i))
			break
		}
		quoted = append(quoted, strconv.Quote(name))
	}
	return strings.Join(quoted, ", ")
}
