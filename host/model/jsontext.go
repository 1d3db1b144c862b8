package model

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// member is one key of a JSON object with its value as text.
type member struct {
	key   string
	value json.RawMessage
}

// jsonObject is an object whose keys keep their order, so that what is written
// back has the layout that was read.
type jsonObject []member

func parseObject(text []byte) (o jsonObject, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("is not a JSON object")
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
		o = append(o, member{key.(string), value})
	}
	_, err = d.Token()
	return o, err
}

// set gives key a value, in its old place or at the end; nil takes it away.
func (o jsonObject) set(key string, value any) jsonObject {
	var kept jsonObject
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // the host's own values
	}
	found := false
	for _, m := range o {
		if m.key == key {
			if found = true; value == nil {
				continue
			}
			m.value = text
		}
		kept = append(kept, m)
	}
	if !found && value != nil {
		kept = append(kept, member{key, text})
	}
	return kept
}

// text writes the object as transformers does, indented by two blanks.
func (o jsonObject) text() []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, _ := json.Marshal(m.key)
		b.Write(key)
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	var out bytes.Buffer
	json.Indent(&out, b.Bytes(), "", "  ") // it is JSON, as every part is
	out.WriteByte('\n')
	return out.Bytes()
}
