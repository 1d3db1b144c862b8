package record

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind is what a JSON value is.
type Kind uint8

// The kinds of values; the zero value is none of them.
const (
	Null Kind = iota + 1
	Bool
	Number
	String
	List
	Object
)

// String names the kind with its article: "a list".
func (k Kind) String() string {
	names := [...]string{"nothing", "null", "true or false", "a number", "a text", "a list", "an object"}
	return names[k]
}

// Value is one JSON value: numbers as they are written, members in their order.
type Value struct {
	Kind    Kind
	Text    string // of a String decoded, of a Number or Bool as it is written
	Items   []Value
	Members []Member
}

// Member is one member of an object.
type Member struct {
	Name  string
	Value Value
}

var errNotJSON = errors.New("is not JSON")

// mostDeep bounds how deep values nest, as the readers of files do.
const mostDeep = 1000

// Parse reads one JSON value.
func Parse(text string) (Value, error) {
	if !utf8.ValidString(text) {
		return Value{}, errNotJSON
	}
	p := parser{text: text}
	v, err := p.value(0)
	if err == nil && p.peek() != 0 {
		err = errNotJSON
	}
	return v, err
}

// Get returns the member of a name; its Kind is 0 where there is none.
func (v Value) Get(name string) Value {
	for _, m := range v.Members {
		if m.Name == name {
			return m.Value
		}
	}
	return Value{}
}

// Has tells whether v is an object with a member of a name that is not null.
func (v Value) Has(name string) bool { return v.Get(name).Kind > Null }

// IsBlank tells whether v is absent, null, or a text of white space.
func (v Value) IsBlank() bool {
	return v.Kind <= Null || v.Kind == String && strings.TrimSpace(v.Text) == ""
}

// number is the value of a Number; 0 of anything else.
func (v Value) number() float64 {
	f, _ := strconv.ParseFloat(v.Text, 64) // 0 where it is none
	return f
}

// Of is the text as a value.
func Of(text string) Value { return Value{Kind: String, Text: text} }

// Append appends the JSON of v, spaced as Python's json.dumps does by default.
func (v Value) Append(b []byte) []byte {
	switch v.Kind {
	case String:
		return appendText(b, v.Text)
	case List:
		b = append(b, '[')
		for i, item := range v.Items {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = item.Append(b)
		}
		return append(b, ']')
	case Object:
		b = append(b, '{')
		for i, m := range v.Members {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = m.Value.Append(append(appendText(b, m.Name), ": "...))
		}
		return append(b, '}')
	case Number, Bool:
		return append(b, v.Text...)
	}
	return append(b, "null"...)
}

// JSON is the text of v.
func (v Value) JSON() string { return string(v.Append(nil)) }

// appendText appends a text in quotes. Characters that are not ASCII stay.
func appendText(b []byte, text string) []byte {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string has JSON
	return append(b, strings.TrimSuffix(out.String(), "\n")...)
}

// parser reads JSON from the front of text.
type parser struct {
	text string
	at   int
}

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

func (p *parser) value(depth int) (v Value, err error) {
	if depth > mostDeep {
		return v, errNotJSON
	}
	switch p.peek() {
	case '"':
		v.Kind = String
		v.Text, err = p.string()
	case '[':
		v.Kind = List
		err = p.list(']', func() error {
			item, err := p.value(depth + 1)
			v.Items = append(v.Items, item)
			return err
		})
	case '{':
		v.Kind = Object
		err = p.list('}', func() error {
			m, err := p.member(depth + 1)
			v.Members = append(v.Members, m)
			return err
		})
	default:
		v, err = p.word()
	}
	return v, err
}

func (p *parser) member(depth int) (m Member, err error) {
	if p.peek() != '"' {
		return m, errNotJSON
	}
	if m.Name, err = p.string(); err != nil {
		return m, err
	}
	if p.peek() != ':' {
		return m, errNotJSON
	}
	p.at++
	m.Value, err = p.value(depth)
	return m, err
}

// list reads the items up to end; p stands at the bracket that opens.
func (p *parser) list(end byte, item func() error) error {
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
		case ',':
			p.at++
		case end:
			p.at++
			return nil
		default:
			return errNotJSON
		}
	}
}

func (p *parser) string() (text string, err error) {
	for i := p.at + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c < ' ':
			return "", errNotJSON
		case c == '\\':
			i++
		case c == '"':
			raw := p.text[p.at : i+1]
			p.at = i + 1
			if strings.IndexByte(raw, '\\') < 0 {
				return raw[1 : len(raw)-1], nil
			}
			err = json.Unmarshal([]byte(raw), &text)
			return text, err
		}
	}
	return "", errNotJSON
}

func (p *parser) word() (Value, error) {
	start := p.at
	for p.at < len(p.text) && strings.IndexByte(",]} \t\r\n", p.text[p.at]) < 0 {
		p.at++
	}
	word := p.text[start:p.at]
	if !json.Valid([]byte(word)) {
		return Value{}, errNotJSON
	}
	switch word {
	case "null":
		return Value{Kind: Null}, nil
	case "true", "false":
		return Value{Kind: Bool, Text: word}, nil
	}
	return Value{Kind: Number, Text: word}, nil
}
