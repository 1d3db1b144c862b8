package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep arrays and objects of a record may nest.
const maxDepth = 1000

// valueKind is what a JSON value is.
type valueKind uint8

const (
	kindNull valueKind = iota + 1
	kindBool
	kindNumber
	kindNotFinite // NaN, Infinity, -Infinity: Python writes them, JSON has none
	kindString
	kindArray
	kindObject
	kindOther // what a typed file holds and JSON has no value for; raw says what it is
)

// value is one JSON value that was skipped, not yet decoded.
type value struct {
	kind  valueKind
	raw   []byte
	plain bool   // raw is a text itself, not a text as JSON has it
	code  []byte // the number of a class whose name raw is, nil for none
}

// syntaxError says where in a record's text the JSON breaks off.
type syntaxError struct {
	at   int
	what string
}

func (e *syntaxError) Error() string { return e.what }

// parser reads JSON from the front of text. It differs from encoding/json
// where a data file needs it to: it accepts the literals for numbers that are
// not finite, keeps offsets, and does not decode values that nobody asked for.
type parser struct {
	text []byte
	at   int
}

// object reads one object and calls field with each name and its value.
func (p *parser) object(depth int, field func(name string, v value) error) error {
	return p.list('{', '}', "an object", func() error {
		if p.peek() != '"' {
			return p.fail("a field name in double quotes")
		}
		name, err := p.value(depth)
		if err != nil {
			return err
		}
		if p.peek() != ':' {
			return p.fail("a colon after the field name")
		}
		p.at++
		v, err := p.value(depth)
		if err != nil {
			return err
		}
		return field(name.text(), v)
	})
}

// array reads one array and calls element with each value.
func (p *parser) array(depth int, element func(v value) error) error {
	return p.list('[', ']', "an array", func() error {
		v, err := p.value(depth)
		if err != nil {
			return err
		}
		return element(v)
	})
}

// list reads the items between open and end, with commas between them.
func (p *parser) list(open, end byte, what string, item func() error) error {
	if p.peek() != open {
		return p.fail(what)
	}
	p.at++
	if p.peek() == end {
		p.at++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch p.peek() {
		case end:
			p.at++
			return nil
		case ',':
			p.at++
		default:
			return p.fail("a comma or " + string(end))
		}
	}
}

// value skips one value of any kind that is nested in depth arrays and objects.
func (p *parser) value(depth int) (v value, err error) {
	c := p.peek()
	start := p.at
	switch {
	case depth > maxDepth:
		err = &syntaxError{p.at, "nested more than " + strconv.Itoa(maxDepth) + " deep"}
	case c == '"':
		v.kind, err = kindString, p.skipString()
	case c == '[':
		v.kind, err = kindArray, p.array(depth+1, func(value) error { return nil })
	case c == '{':
		v.kind, err = kindObject, p.object(depth+1, func(string, value) error { return nil })
	default:
		v.kind, err = p.skipWord()
	}
	v.raw = p.text[start:p.at]
	return v, err
}

func (p *parser) skipString() error {
	for i := p.at + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			p.at = i + 1
			return nil
		case c == '\\':
			length := escapeLength(p.text[i:])
			if length == 0 {
				return &syntaxError{p.at, "a text with a broken escape or a bare control character"}
			}
			i += length - 1
		case c < ' ':
			return &syntaxError{p.at, "a text with a broken escape or a bare control character"}
		}
	}
	return &syntaxError{p.at, "a text that is not closed"}
}

// escapeLength is how many bytes the escape at the front of text takes, 0 where it is
// none that JSON has.
func escapeLength(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	if text[1] != 'u' {
		if strings.IndexByte(`"\/bfnrt`, text[1]) < 0 {
			return 0
		}
		return 2
	}
	if len(text) < 6 {
		return 0
	}
	for _, c := range text[2:6] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return 0
		}
	}
	return 6
}

// skipWord skips a number or a literal.
func (p *parser) skipWord() (valueKind, error) {
	end := p.at
	for end < len(p.text) && (wordByte(p.text[end])) {
		end++
	}
	word := p.text[p.at:end]
	var k valueKind
	switch string(word) {
	case "null":
		k = kindNull
	case "true", "false":
		k = kindBool
	case "NaN", "Infinity", "-Infinity":
		k = kindNotFinite
	default:
		if len(word) == 0 || !json.Valid(word) {
			return 0, p.fail("a value")
		}
		k = kindNumber
	}
	p.at = end
	return k, nil
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' ||
		c >= 'a' && c <= 'z' ||
		c >= 'A' && c <= 'Z' ||
		c == '-' ||
		c == '+' ||
		c == '.'
}

// peek skips white space and returns the byte after it, 0 at the end.
func (p *parser) peek() byte {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; c {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return c
		}
	}
	return 0
}

// atEnd says whether nothing but white space is left.
func (p *parser) atEnd() bool {
	p.peek()
	return p.at == len(p.text)
}

// fail is the error of what was found at the parser's place instead of what it wanted.
func (p *parser) fail(wanted string) error {
	p.peek()
	found := "the end of the record"
	if p.at < len(p.text) {
		r, _ := utf8.DecodeRune(p.text[p.at:])
		found = strconv.QuoteRune(r)
	}
	return &syntaxError{p.at, "found " + found + "; want " + wanted}
}

// text returns the value of v, a string. Half a surrogate
// pair becomes U+FFFD.
func (v value) text() string {
	if v.plain {
		return string(v.raw)
	}
	if bytes.IndexByte(v.raw, '\\') < 0 {
		return string(v.raw[1 : len(v.raw)-1])
	}
	var s string
	if err := json.Unmarshal(v.raw, &s); err != nil {
		panic(err) // skipString accepts what Unmarshal does
	}
	return s
}

// number returns the value of v, a number; ok is false where
// it is too large for a float64.
func (v value) number() (f float64, ok bool) {
	f, err := strconv.ParseFloat(string(v.raw), 64)
	return f, err == nil || !errors.Is(err, strconv.ErrRange)
}

// elements returns the values of v, an array.
func (v value) elements() []value {
	var all []value
	p := parser{text: v.raw}
	_ = p.array(0, func(e value) error { // it was skipped once, so it is well formed
		all = append(all, e)
		return nil
	})
	return all
}

// String describes v for an error: its text where that is short, else its kind.
func (v value) String() string {
	switch v.kind {
	case kindArray:
		return "a list"
	case kindObject:
		return "an object"
	case kindNumber:
		if len(v.raw) > 30 {
			return fmt.Sprintf("a number of %d characters", len(v.raw))
		}
	case kindString:
		if len(v.raw) > 30 {
			return "a text"
		}
		if v.plain {
			return "the text " + strconv.Quote(string(v.raw))
		}
		return "the text " + string(bytes.ToValidUTF8(v.raw, []byte("�")))
	}
	return string(v.raw)
}
