package source

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"llmhost/sdk"
)

// readAhead is how many bytes of a file are read at a time.
const readAhead = 1 << 16

// JSON reads records that are JSON objects: one a line in a .jsonl file, the
// elements of the one array in a .json file.
type JSON struct{}

// Endings returns .jsonl and .json.
func (JSON) Endings() []Ending {
	return []Ending{
		{Name: ".jsonl", Content: "one object a line"},
		{Name: ".json", Content: "one array of objects"},
	}
}

// Records yields the objects of the file at path.
func (JSON) Records(path string, unreadable Unreadable) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer file.Close()
		s := &splitter{
			in:     bufio.NewReaderSize(file, readAhead),
			at:     Position{File: path, Line: 1},
			column: 1,
		}
		s.skipMark()
		found := func(r object) bool {
			r.replace = unreadable == Replace
			return yield(r, nil)
		}
		if strings.EqualFold(filepath.Ext(path), ".jsonl") {
			err = s.lines(found)
		} else {
			err = s.array(found)
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// object is the text of one JSON object, not yet parsed.
type object struct {
	at     Position
	column int // of its first character in its line, from 1
	text   []byte

	replace bool // U+FFFD is read for what is no text
}

func (o object) Position() Position { return o.at }

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
			return sdk.Row{}, fmt.Errorf("%s: field %q is null; %s needs it as %s", o.at, c.Name, reader, c.Type)
		default:
			return sdk.Row{}, missing(o.at, c, reader, names)
		}
		cells[i], err = cell(v, c.Type, strconv.Quote(c.Name))
		if err != nil {
			return sdk.Row{}, fmt.Errorf("%s: field %w", o.at, err)
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
	if err == nil && p.peek() != 0 {
		err = p.fail("the end of the line after the record")
	}
	if syntax, is := err.(*syntaxError); is {
		return nil, nil, o.broken(syntax.at, syntax.what)
	}
	return fields, names, nil
}

// broken is the error for what at byte at of o: "file:line:column: what".
func (o object) broken(at int, what string) error {
	before := string(o.text[:at])
	line := o.at.Line + strings.Count(before, "\n")
	column := o.column
	if i := strings.LastIndexByte(before, '\n'); i >= 0 {
		before = before[i+1:]
		column = 1
	}
	return fmt.Errorf("%s:%d: %s", Position{o.at.File, line}, column+utf8.RuneCountInString(before), what)
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

// splitter cuts a file into the texts of its records. It looks only as far
// into the JSON as it must; the parser finds what is wrong inside a record.
type splitter struct {
	in     *bufio.Reader
	at     Position
	column int // of the next character, from 1
}

// skipMark skips the byte order mark that some editors write first.
func (s *splitter) skipMark() {
	if mark, err := s.in.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = s.in.Discard(3)
	}
}

// lines yields each line that is not blank, until yield says no more.
func (s *splitter) lines(yield func(object) bool) error {
	for ; ; s.at.Line++ {
		line, err := s.in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s: %w", s.at, err)
		}
		switch text := bytes.TrimSpace(line); {
		case len(text) == 0:
		case text[0] == '[':
			return fmt.Errorf("%s: found an array; want one object a line, or name the file .json if it is one array of objects", s.at)
		case !yield(object{
			at:     s.at,
			column: 1,
			text:   bytes.TrimRight(line, "\r\n"),
		}):
			return nil
		}
		if err == io.EOF {
			return nil
		}
	}
}

// array yields each element of the array that makes up the file, until yield says no more.
func (s *splitter) array(yield func(object) bool) error {
	c, err := s.skipSpace()
	switch {
	case err == io.EOF:
		return nil
	case err == nil && c != '[':
		return s.wrong(c, "[, for a .json file is one array of objects; a file with one object a line is named .jsonl")
	case err == nil:
		c, err = s.skipSpace()
	}
	if err == nil && c == ']' {
		return s.atEnd()
	}
	for err == nil {
		record, failed := s.element(c)
		if failed != nil || !yield(record) {
			return failed
		}
		switch c, err = s.skipSpace(); {
		case err != nil:
		case c == ']':
			return s.atEnd()
		case c != ',':
			return s.wrong(c, "a comma or ]")
		default:
			c, err = s.skipSpace()
		}
	}
	return s.ended(err)
}

// atEnd demands that nothing follows the array.
func (s *splitter) atEnd() error {
	switch c, err := s.skipSpace(); err {
	case io.EOF:
		return nil
	case nil:
		return s.wrong(c, "the end of the file after the array")
	default:
		return s.ended(err)
	}
}

// element reads one object of the array; c is its first byte, just read.
func (s *splitter) element(c byte) (object, error) {
	if c != '{' {
		return object{}, s.wrong(c, "an object")
	}
	o := object{at: s.at, column: s.column - 1, text: []byte{c}}
	inText, escaped := false, false
	for depth := 1; depth > 0; {
		c, err := s.next()
		if err != nil {
			return object{}, s.ended(err)
		}
		o.text = append(o.text, c)
		switch {
		case escaped:
			escaped = false
		case inText:
			escaped = c == '\\'
			inText = c != '"'
		case c == '"':
			inText = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
	}
	return o, nil
}

// next reads a byte and keeps count of lines and columns; a character of
// several bytes is one column.
func (s *splitter) next() (byte, error) {
	c, err := s.in.ReadByte()
	switch {
	case err != nil:
	case c == '\n':
		s.at.Line = s.at.Line + 1
		s.column = 1
	case c&0xc0 != 0x80:
		s.column++
	}
	return c, err
}

func (s *splitter) skipSpace() (byte, error) {
	for {
		c, err := s.next()
		if err != nil || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, err
		}
	}
}

// wrong is the error that c, just read, is not what was wanted.
func (s *splitter) wrong(c byte, wanted string) error {
	return fmt.Errorf("%s:%d: found %q; want %s", s.at, s.column-1, rune(c), wanted)
}

func (s *splitter) ended(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%s:%d: the file ends inside its array", s.at, s.column)
	}
	return fmt.Errorf("%s: %w", s.at, err)
}

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
