package source

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"

	"llmhost/sdk"
)

// typedRow is a record of a file whose fields have types, such as Parquet. It holds the
// values of the fields that were asked for, and shares no memory with the file.
type typedRow struct {
	file         string
	place, after Place
	names        *header
	values       []value // by field; of kind 0 where it was not asked for
	size         int

	replace bool // U+FFFD is read for what is no text
}

func (r typedRow) Position() Position        { return Position{File: r.file, Row: int(r.place.Row) + 1} }
func (r typedRow) Place() Place              { return r.place }
func (r typedRow) After() Place              { return r.after }
func (r typedRow) Bytes() int                { return r.size }
func (r typedRow) Fields() ([]string, error) { return r.names.names, nil }

func (r typedRow) Row(reader string, columns []sdk.Column) (sdk.Row, error) {
	cells := make([]sdk.Cell, len(columns))
	for i, c := range columns {
		v, has := r.value(c.Name)
		switch null := v.kind == kindNull; {
		case has && !null:
		case !c.Required:
			continue
		case null:
			return sdk.Row{}, fmt.Errorf("%s: field %q is null; %s needs it as %s", r.Position(), c.Name, reader, c.Type)
		default:
			return sdk.Row{}, missing(r.Position(), c, reader, r.names.names)
		}
		one, err := r.cell(v, c)
		if err != nil {
			return sdk.Row{}, fmt.Errorf("%s: field %w", r.Position(), err)
		}
		cells[i] = one
	}
	return sdk.NewRow(cells), nil
}

// value is the value of a field.
func (r typedRow) value(name string) (v value, has bool) {
	at, has := r.names.index[name]
	if has {
		v = r.values[at]
	}
	return v, has
}

// cell turns the value of a field into a cell.
func (r typedRow) cell(v value, c sdk.Column) (sdk.Cell, error) {
	name := strconv.Quote(c.Name)
	switch {
	case v.kind == 0:
		return sdk.Cell{}, fmt.Errorf("%s was not read: Files.Columns lacks it", name)
	case v.kind == kindOther:
		return sdk.Cell{}, fmt.Errorf("%s is %s; want %s", name, v.raw, c.Type)
	case !utf8.Valid(v.raw) && !r.replace:
		_, err := readable(string(v.raw), c.Name, false)
		return sdk.Cell{}, err
	case !utf8.Valid(v.raw):
		v.raw = bytes.ToValidUTF8(v.raw, []byte("\ufffd"))
	}
	if v.kind == kindNumber && c.Type == sdk.Int {
		v = wholeNumber(v)
	}
	if v.code != nil && (c.Type == sdk.Float || c.Type == sdk.Int) {
		v = value{kind: kindNumber, raw: v.code}
	}
	return cell(v, c.Type, name)
}

// Nulls names the declared fields that are null.
func (r typedRow) Nulls(columns []sdk.Column) (names []string) {
	for _, c := range columns {
		if v, has := r.value(c.Name); has && v.kind == kindNull {
			names = append(names, c.Name)
		}
	}
	return names
}

// wantedFields says of each field whether it is asked for.
func (f Files) wantedFields(names []string) []bool {
	wanted := make([]bool, len(names))
	for i, name := range names {
		wanted[i] = f.Columns == nil
		for _, c := range f.Columns {
			wanted[i] = wanted[i] || c == name
		}
	}
	return wanted
}
