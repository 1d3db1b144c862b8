// Package jsonobject changes single keys of a JSON object and keeps the order of
// all, so that a Hugging Face file that is written back keeps its layout.
package jsonobject

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Member is one key of an object with its value as text.
type Member struct {
	Key   string
	Value json.RawMessage
}

// Object is the members of an object in their order.
type Object []Member

// Parse reads the text of an object. A value is kept as it is written.
func Parse(text []byte) (o Object, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("is not a JSON object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		o = append(o, Member{key.(string), value})
	}
	_, err = d.Token()
	return o, err
}

// Get returns the value of key, nil where there is none.
func (o Object) Get(key string) json.RawMessage {
	for _, m := range o {
		if m.Key == key {
			return m.Value
		}
	}
	return nil
}

// Set returns the object with a value for key, in its old place or at the end; nil
// removes it. The value is one that JSON can hold.
func (o Object) Set(key string, value any) Object {
	var kept Object
	text := encode(value)
	found := false
	for _, m := range o {
		if m.Key == key {
			if found = true; value == nil {
				continue
			}
			m.Value = text
		}
		kept = append(kept, m)
	}
	if !found && value != nil {
		kept = append(kept, Member{key, text})
	}
	return kept
}

// UnmarshalJSON is Parse.
func (o *Object) UnmarshalJSON(text []byte) (err error) {
	*o, err = Parse(text)
	return err
}

// MarshalJSON writes the object on one line.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(m.Key))
		b.WriteByte(':')
		b.Write(m.Value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Text writes the object as transformers does, indented by two blanks.
func (o Object) Text() []byte {
	line, _ := o.MarshalJSON() // which never fails
	var out bytes.Buffer
	_ = json.Indent(&out, line, "", "  ") // it is JSON, as every part is
	out.WriteByte('\n')
	return out.Bytes()
}

// encode writes a value with "<s>" as it reads.
func encode(value any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err) // the caller's own values
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
