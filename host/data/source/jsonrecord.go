package source

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"llmhost/sdk"
)

// object is the text of one JSON object, not yet parsed.
type object struct {
	file  string
	place Place // of its first character
	after Place
	text  []byte

	row     int  // of a table in JSON, from 1; 0 = the text is where place says
	replace bool // U+FFFD is read for what is no text
}

func (o object) Position() Position {
	if o.row > 0 {
		return Position{File: o.file, Row: o.row}
	}
	return Position{File: o.file, Line: o.place.Line}
}

func (o object) Place() Place { return o.place }

func (o object) After() Place { return o.after }

func (o object) Bytes() int { return len(o.text) }

func (o object) Row(reader string, columns []sdk.Column) (sdk.Row, error) {
	fields, names, err := o.fields(columns)
	if err != nil {
		return sdk.Row{}, err
	}
	cells := make([]sdk.Cell, len(columns))
	for i, c := range columns {
		v, has := fields[c.Name]
		switch null := has && v.kind == kindNull; {
		case has && !null:
		case !c.Required:
			continue
		case null:
			return sdk.Row{}, fmt.Errorf("%s: field %q is null; %s needs it as %s", o.Position(), c.Name, reader, c.Type)
		default:
			return sdk.Row{}, missing(o.Position(), c, reader, names)
		}
		cells[i], err = cell(v, c.Type, strconv.Quote(c.Name))
		if err != nil {
			return sdk.Row{}, fmt.Errorf("%s: field %w", o.Position(), err)
		}
	}
	return sdk.NewRow(cells), nil
}

// Nulls names the declared fields that are null.
func (o object) Nulls(columns []sdk.Column) (names []string) {
	fields, _, err := o.fields(columns)
	for _, c := range columns {
		if v, has := fields[c.Name]; err == nil && has && v.kind == kindNull {
			names = append(names, c.Name)
		}
	}
	return names
}

// Fields names the record's fields.
func (o object) Fields() ([]string, error) {
	_, names, err := o.fields(nil)
	return names, err
}

// fields returns the declared fields of o that it has, and the names of all fields.
func (o object) fields(columns []sdk.Column) (map[string]value, []string, error) {
	wanted := map[string]bool{}
	for _, c := range columns {
		wanted[c.Name] = true
	}
	fields := map[string]value{}
	names := []string(nil)
	if !utf8.Valid(o.text) {
		if !o.replace {
			return nil, nil, o.broken(firstInvalid(o.text), `a byte that is not UTF-8; data files are UTF-8; encoding_errors = "replace" reads U+FFFD for it`)
		}
		o.text = bytes.ToValidUTF8(o.text, []byte("\ufffd"))
	}
	p := parser{text: o.text}
	err := p.object(0, func(name string, v value) error {
		if _, twice := fields[name]; twice {
			return &syntaxError{p.at - len(v.raw), "field " + strconv.Quote(name) + " occurs twice in the record"}
		}
		if wanted[name] {
			at, half := halfPair(v.raw)
			if half && !o.replace {
				return &syntaxError{p.at - len(v.raw) + at, string(v.raw[at:at+6]) + ` is half of a surrogate pair and no text; write the other half too; encoding_errors = "replace" reads U+FFFD for it`}
			}
			if half {
				v.raw = wholePairs(v.raw)
			}
			fields[name] = v
		}
		names = append(names, name)
		return nil
	})
	if err == nil && !p.atEnd() {
		err = p.fail("the end of the line after the record")
	}
	if syntax, is := err.(*syntaxError); is {
		return nil, nil, o.broken(syntax.at, syntax.what)
	}
	return fields, names, nil
}

// broken is the error for what at byte offset of o: "file:line:column: what".
func (o object) broken(offset int, what string) error {
	before := string(o.text[:offset])
	at := o.Position()
	at.Line += strings.Count(before, "\n")
	column := o.place.Column
	if i := strings.LastIndexByte(before, '\n'); i >= 0 {
		before = before[i+1:]
		column = 1
	}
	return fmt.Errorf("%s:%d: %s", at, column+utf8.RuneCountInString(before), what)
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
