package sdktest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"llmhost/sdk"
)

// Format runs a formatter over records as they stand in a JSONL file: one JSON
// object each. Fields that the formatter does not declare are ignored, and null is
// a field that is absent. The error is about the records; what the formatter says
// of one is in its result.
//
//	results, err := sdktest.Format(qa.Formatter{}, `{"question": "Who?", "answers": ["Ann"]}`)
func Format(f sdk.Formatter, records ...string) ([]sdk.Result, error) {
	rows, err := recordRows(f.Columns(), records)
	if err != nil {
		return nil, err
	}
	return sdk.FormatRows(f, rows), nil
}

// CheckFormatter requires that every record becomes an example, that the examples
// do not depend on the order of the records, and that they come out of a plugin's
// file as they went in. llmhost plugins check tries more, on records of its own.
func CheckFormatter(t testing.TB, f sdk.Formatter, records ...string) {
	t.Helper()
	rows, err := recordRows(f.Columns(), records)
	if err != nil {
		t.Fatal(err)
	}
	results := sdk.FormatRows(f, rows)
	for i, r := range results {
		if r.Err != "" || r.Dropped != "" {
			t.Errorf("record %d: %s%s; want an example", i, r.Err, r.Dropped)
		}
	}
	backwards := slices.Clone(rows)
	slices.Reverse(backwards)
	again := sdk.FormatRows(f, backwards)
	slices.Reverse(again)
	if i := unlike(results, again); i >= 0 {
		t.Errorf("record %d gives two examples, as the records' order is; want Format to depend on its row and the parameters alone", i)
	}
	carried, err := sdk.DecodeResults(sdk.EncodeResults(results), len(results))
	if err != nil {
		t.Fatal(err)
	}
	if i := unlike(results, carried); i >= 0 {
		t.Errorf("record %d gives another example where it is carried to a host; want texts of UTF-8, and nil for no messages", i)
	}
}

// unlike is the first of two lists of results that is not equal, or -1.
func unlike(a, b []sdk.Result) int {
	for i := range a {
		if !reflect.DeepEqual(a[i], b[i]) {
			return i
		}
	}
	return -1
}

func recordRows(columns []sdk.Column, records []string) ([]sdk.Row, error) {
	rows := make([]sdk.Row, len(records))
	for i, record := range records {
		fields, err := sdk.JSONFields(record)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		cells := make([]sdk.Cell, len(columns))
		for c, column := range columns {
			if cells[c], err = cellOf(column, fields); err != nil {
				return nil, fmt.Errorf("record %d: field %q %w", i, column.Name, err)
			}
		}
		rows[i] = sdk.NewRow(cells)
	}
	return rows, nil
}

// cellOf is what a column gets of a record with the fields.
func cellOf(column sdk.Column, fields []sdk.Field) (sdk.Cell, error) {
	value := "null"
	for _, f := range fields {
		if f.Key == column.Name {
			value = f.Value
		}
	}
	if value == "null" && column.Required {
		return sdk.Cell{}, errors.New("is missing; the formatter needs it")
	}
	if value == "null" {
		return sdk.Cell{}, nil
	}
	cell := sdk.Cell{Type: column.Type}
	if !fillCell(&cell, value) {
		return sdk.Cell{}, fmt.Errorf("is %s; want %s", value, column.Type)
	}
	return cell, nil
}

// fillCell reads a value of the cell's type, and reports whether it is one.
func fillCell(cell *sdk.Cell, value string) (is bool) {
	var err error
	switch cell.Type {
	case sdk.String:
		cell.Str, is = sdk.JSONText(value)
		return is
	case sdk.JSON:
		cell.Str = value
	case sdk.Float:
		cell.Float, err = strconv.ParseFloat(value, 64)
	case sdk.Int:
		cell.Int, err = strconv.ParseInt(value, 10, 64)
	case sdk.Bool:
		if value == "true" {
			cell.Int = 1
		}
		return value == "true" || value == "false"
	default:
		return fillList(cell, value)
	}
	return err == nil
}

func fillList(cell *sdk.Cell, value string) bool {
	elements, err := sdk.JSONElements(value)
	if err != nil {
		return false
	}
	for _, element := range elements {
		one := sdk.Cell{Type: sdk.String}
		if cell.Type == sdk.FloatList {
			one.Type = sdk.Float
		}
		if strings.TrimSpace(element) == "null" || !fillCell(&one, element) {
			return false
		}
		if cell.Type == sdk.FloatList {
			cell.Floats = append(cell.Floats, one.Float)
		} else {
			cell.Strs = append(cell.Strs, one.Str)
		}
	}
	return true
}
