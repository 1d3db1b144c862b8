package record

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"llmhost/sdk"
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

// Parse reads one JSON value, by the reader that formatters have.
func Parse(text string) (v Value, err error) {
	text = strings.Trim(text, " \t\r\n")
	if text == "" || !utf8.ValidString(text) {
		return v, errors.New("is not JSON in UTF-8")
	}
	switch text[0] {
	case '"':
		is := false
		if v.Text, is = sdk.JSONText(text); !is {
			return v, errors.New("is not a text as JSON has it")
		}
		v.Kind = String
		return v, nil
	case '[':
		return parseList(text)
	case '{':
		return parseObject(text)
	}
	return parseWord(text)
}

func parseList(text string) (Value, error) {
	elements, err := sdk.JSONElements(text)
	v := Value{Kind: List, Items: make([]Value, len(elements))}
	for i := 0; err == nil && i < len(elements); i++ {
		v.Items[i], err = Parse(elements[i])
	}
	return v, err
}

func parseObject(text string) (Value, error) {
	fields, err := sdk.JSONFields(text)
	v := Value{Kind: Object, Members: make([]Member, len(fields))}
	for i := 0; err == nil && i < len(fields); i++ {
		v.Members[i].Name = fields[i].Key
		v.Members[i].Value, err = Parse(fields[i].Value)
	}
	return v, err
}

func parseWord(word string) (Value, error) {
	switch word {
	case "null":
		return Value{Kind: Null}, nil
	case "true", "false":
		return Value{Kind: Bool, Text: word}, nil
	}
	if !json.Valid([]byte(word)) {
		return Value{}, errors.New("is not JSON")
	}
	return Value{Kind: Number, Text: word}, nil
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

// lineEnds are characters at which some readers of lines, Python's splitlines among them,
// end a line.
var lineEnds = strings.NewReplacer("\u2028", `\u2028`, "\u2029", `\u2029`)

// appendText appends a text in quotes. Characters that are not ASCII stay.
func appendText(b []byte, text string) []byte {
	return append(b, lineEnds.Replace(sdk.JSONQuote(text))...)
}
