package hfconfig

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Type is a set of the kinds of values that a field takes.
type Type int

// The kinds of values. A Float has a point or an exponent, as transformers wants it.
const (
	Null Type = 1 << iota
	Int
	Float
	Bool
	String
	List
	Object

	Number = Int | Float
	Any    = Null | Int | Float | Bool | String | List | Object
)

var kinds = []struct {
	kind Type
	name string
}{
	{Int, "a whole number"}, {Float, "a number with a decimal point"}, {Bool, "true or false"},
	{String, "a string"}, {List, "a list"}, {Object, "an object"}, {Null, "null"},
}

// String lists the kinds in words, for messages.
func (t Type) String() string {
	var names []string
	if t&Number == Number {
		names = append(names, "a number")
		t &^= Number
	}
	for _, k := range kinds {
		if t&k.kind != 0 {
			names = append(names, k.name)
		}
	}
	return strings.Join(names, " or ")
}

// typeOf is the kind of a JSON value.
func typeOf(value json.RawMessage) Type {
	switch text := string(value); text[0] {
	case 'n':
		return Null
	case 't', 'f':
		return Bool
	case '"':
		return String
	case '[':
		return List
	case '{':
		return Object
	default:
		if strings.ContainsAny(text, ".eE") {
			return Float
		}
		return Int
	}
}

type use int

const (
	shapes use = iota // shapes the computation
	only              // would shape it, and one value alone is implemented
	kept              // shapes no computation here, and is written on
	saved             // written by what was trained
)

// Field is one key of config.json.
type Field struct {
	Name    string
	Types   Type
	Default string // transformers' own as JSON, "" where it has none
	Doc     string // what llmhost does with it
	// Old says that the class has no such field: versions before wrote the key, or it
	// is read all the same.
	Old    bool
	use    use
	values []string // the only ones accepted, as JSON
}

// Read is a field that shapes the computation.
func Read(name string, types Type, def, doc string) Field {
	return Field{Name: name, Types: types, Default: def, Doc: doc, use: shapes}
}

// Only is a field that would shape the computation, of which only its default and
// the values given are implemented.
func Only(name string, types Type, def, doc string, values ...string) Field {
	return Field{Name: name, Types: types, Default: def, Doc: doc, use: only, values: append([]string{def}, values...)}
}

// Kept is a field that shapes no computation and is written on.
func Kept(name string, types Type, def, doc string) Field {
	return Field{Name: name, Types: types, Default: def, Doc: doc, use: kept}
}

// Saved is a field that is written by what was trained.
func Saved(name string, types Type, def, doc string) Field {
	return Field{Name: name, Types: types, Default: def, Doc: doc, use: saved}
}

// old marks a key that is no field of the class.
func old(f Field) Field {
	f.Old = true
	return f
}

// Old marks keys that are no fields of the class.
func Old(fields ...Field) (marked []Field) {
	for _, f := range fields {
		marked = append(marked, old(f))
	}
	return marked
}

// check reports a value that the field does not take.
func (f Field) check(value json.RawMessage) error {
	if f.use == only && !slices.ContainsFunc(f.values, func(v string) bool { return sameJSON(v, string(value)) }) {
		return fmt.Errorf("%s is %s; want %s, as %s", f.Name, short(value), f.accepted(), f.Doc)
	}
	if kind := typeOf(value); kind&f.Types == 0 {
		return fmt.Errorf("%s is %s; want %s", f.Name, short(value), f.Types)
	}
	return nil
}

// short is a value for a message.
func short(value json.RawMessage) string {
	const most = 60
	if len(value) > most {
		return string(value[:most]) + "…"
	}
	return string(value)
}

// accepted lists the values of an Only.
func (f Field) accepted() string {
	var values []string
	for _, v := range f.values {
		if v != "" && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return "no such key"
	}
	return strings.Join(values, " or ")
}

// sameJSON compares two values, whatever blanks are in them.
func sameJSON(a, b string) bool {
	squeeze := strings.NewReplacer(" ", "", "\n", "", "\t", "", "\r", "")
	return squeeze.Replace(a) == squeeze.Replace(b)
}
