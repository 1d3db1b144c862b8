package source

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"llmhost/sdk"
)

// plainField is the one field of a line of plain text, as in Hugging Face's datasets.
const plainField = "text"

// readPlain yields the lines of a file of plain text: those that are empty too, as
// datasets does.
func readPlain(f Files, in *input, from Place, yield func(Record, error) bool) error {
	t, err := f.openText(in, from)
	if err != nil {
		return err
	}
	defer t.Close()
	for {
		begin := t.at
		line, err := t.line()
		if err != nil && err != io.EOF {
			return t.located(begin, err)
		}
		if i := bytes.IndexByte(line, 0); i >= 0 {
			return fmt.Errorf("%s:%d: %s", t.position(begin), 1+utf8.RuneCount(line[:i]), nulByte)
		}
		if len(line) > 0 {
			t.at = t.at.nextRow()
			raw := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
			row := textRow{
				file:    t.file,
				place:   begin,
				after:   t.at,
				names:   plainNames,
				cells:   []string{string(raw)},
				size:    len(line),
				replace: t.replace,
				plain:   true,
			}
			if !yield(row, nil) {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

var plainNames = newHeader([]string{plainField})

// header is the names of the cells of a table's rows.
type header struct {
	names []string
	index map[string]int

	// Of a table, by the beginning of the file: which columns hold texts, and which hold
	// numbers and other values alone. Of other files both are nil.
	isText, isValue []bool
}

func newHeader(names []string) *header {
	h := &header{names: names, index: map[string]int{}}
	for i, name := range names {
		h.index[name] = i
	}
	return h
}

// textRow is a record whose cells are texts: a row of CSV, a line of plain text.
type textRow struct {
	file         string
	place, after Place
	names        *header
	cells        []string
	size         int

	replace bool // U+FFFD is read for what is no text
	plain   bool // a cell is its text, whatever it spells
}

func (r textRow) Position() Position        { return Position{File: r.file, Line: r.place.Line} }
func (r textRow) Place() Place              { return r.place }
func (r textRow) After() Place              { return r.after }
func (r textRow) Bytes() int                { return r.size }
func (r textRow) Fields() ([]string, error) { return r.names.names, nil }

func (r textRow) Row(reader string, columns []sdk.Column) (sdk.Row, error) {
	cells := make([]sdk.Cell, len(columns))
	for i, c := range columns {
		at, has := r.names.index[c.Name]
		switch {
		case has && !r.isNull(at):
		case !c.Required:
			continue
		case has:
			return sdk.Row{}, fmt.Errorf("%s: field %q is %s; %s needs it as %s", r.Position(), c.Name, nullText(r.cells[at]), reader, c.Type)
		default:
			return sdk.Row{}, missing(r.Position(), c, reader, r.names.names)
		}
		cell, err := r.cell(at, c.Type)
		if err != nil {
			return sdk.Row{}, fmt.Errorf("%s: field %w", r.Position(), err)
		}
		cells[i] = cell
	}
	return sdk.NewRow(cells), nil
}

// Nulls names the declared fields whose cells are null.
func (r textRow) Nulls(columns []sdk.Column) (names []string) {
	for _, c := range columns {
		if at, has := r.names.index[c.Name]; has && r.isNull(at) {
			names = append(names, c.Name)
		}
	}
	return names
}

func (r textRow) isNull(at int) bool { return !r.plain && nullTexts[r.cells[at]] }

// text is a cell as text, which must be one.
func (r textRow) text(at int) (string, error) {
	return readable(r.cells[at], r.names.names[at], r.replace)
}

// readable is what is read of a cell that holds s.
func readable(s, name string, replace bool) (string, error) {
	switch {
	case utf8.ValidString(s):
		return s, nil
	case replace:
		return string(bytes.ToValidUTF8([]byte(s), []byte("\ufffd"))), nil
	}
	at := firstInvalid([]byte(s))
	return "", fmt.Errorf(`%q holds the byte %#x behind %d characters, which is not UTF-8; data files are UTF-8; encoding_errors = "replace" reads U+FFFD for it`,
		name, s[at], utf8.RuneCountInString(s[:at]))
}
