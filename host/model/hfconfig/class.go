// Package hfconfig reads config.json by tables: a Class lists every field that a
// config class of transformers has, with its default and what llmhost does with
// it. Start at Class.Decode.
package hfconfig

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Class is a config class of transformers.
type Class struct {
	ModelType string  // the value of model_type
	Name      string  // of the class
	Models    string  // what the names of its model classes begin with
	Causal    string  // its model class that predicts the next token, "" where it has none
	Fields    []Field // its own; those of every class are Shared
}

// All returns the fields of the class: its own and those of every class.
func (c Class) All() []Field { return slices.Concat(c.Fields, Shared) }

// Decode reads the text of a config.json into a struct, whose keys are fields that
// the class reads. A key that is left out has transformers' default. A value
// that transformers does not take, or whose effect is not implemented, is an error
// that names the key.
func (c Class) Decode(text []byte, into any) error {
	given := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &given); err != nil {
		return err
	}
	read := map[string]json.RawMessage{"model_type": given["model_type"]}
	for _, f := range c.All() {
		value, is := given[f.Name]
		if is {
			if err := f.check(value); err != nil {
				return err
			}
		} else {
			value = json.RawMessage(f.Default)
		}
		if f.use == shapes && len(value) > 0 {
			read[f.Name] = value
		}
	}
	settled, err := json.Marshal(read)
	if err != nil {
		return err
	}
	return json.Unmarshal(settled, into)
}

// Value is what a config.json has for a field, or else its default; nil where it
// has none.
func (c Class) Value(text []byte, name string) json.RawMessage {
	given := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &given); err != nil {
		return nil
	}
	if value, is := given[name]; is {
		return value
	}
	for _, f := range c.All() {
		if f.Name == name && f.Default != "" {
			return json.RawMessage(f.Default)
		}
	}
	return nil
}

// Find returns the class of a model_type among classes.
func Find(classes []Class, text []byte) (Class, error) {
	var head struct {
		ModelType string `json:"model_type"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return Class{}, err
	}
	var known []string
	for _, c := range classes {
		if c.ModelType == head.ModelType {
			return c, nil
		}
		known = append(known, c.ModelType)
	}
	return Class{}, fmt.Errorf("model_type is %q; want one of %s", head.ModelType, strings.Join(known, ", "))
}

// Types lists the values of model_type of classes.
func Types(classes []Class) (types []string) {
	for _, c := range classes {
		types = append(types, c.ModelType)
	}
	return types
}
