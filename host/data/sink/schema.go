package sink

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"llmhost/host/data/record"
)

// Schema is what the fields of some records are, for files in which every field has one
// type. Its zero value is that of no record. Fields, and those of structs, stand in the
// order in which they first came.
type Schema struct {
	fields []*field
	index  map[string]*field
	size   int // of fields, with those in structs
}

// field is a field of records, or of a struct.
type field struct {
	name string
	kind kind
	item *field   // of a list
	sub  []*field // of a struct
	note string   // what was done to values of several kinds
}

// kind is what the values of a field are. Null stands for a field of which no value is
// known.
type kind int

const (
	null kind = iota
	boolean
	integer
	float
	text
	list
	object
)

// names of kinds, for errors.
var kindNames = [...]string{"null", "true or false", "a whole number", "a number", "a text", "a list", "an object"}

// maxFields bounds how many fields records may have, with those in objects: an object
// whose names are data, such as words, would make a column of each.
const maxFields = 10_000

// Add makes the schema one of a record too. The error says which field has values of
// kinds that no type holds.
func (s *Schema) Add(r record.Record) error {
	if s.index == nil {
		s.index = map[string]*field{}
	}
	for _, m := range r {
		f := s.index[m.Name]
		if f == nil {
			f = &field{name: m.Name}
			s.index[m.Name] = f
			s.fields = append(s.fields, f)
			s.size++
		}
		if err := s.merge(f, m.Value, strconv.Quote(m.Name)); err != nil {
			return err
		}
	}
	if s.size > maxFields {
		return fmt.Errorf("the records have more than %d fields, with those in objects; write JSON, which needs no column for each", maxFields)
	}
	return nil
}

// Notes says what is done to values that do not fit a field's type as they are.
func (s *Schema) Notes() []string { return notes(s.fields, "") }

func notes(fields []*field, in string) (all []string) {
	for _, f := range fields {
		if f.note != "" {
			all = append(all, fmt.Sprintf("field %q %s", in+f.name, f.note))
		}
		all = append(all, notes(f.sub, in+f.name+".")...)
		if f.item != nil {
			all = append(all, notes([]*field{f.item}, in+f.name)...)
		}
	}
	return all
}

// merge makes f hold v too. name is how errors call the field.
func (s *Schema) merge(f *field, v record.Value, name string) error {
	k := kindOfValue(v)
	if k == float && !strings.ContainsAny(v.Text, ".eE") {
		f.note = "holds whole numbers of more than 64 bits, which lose digits"
	}
	switch {
	case k == null || k == f.kind:
	case f.kind == null:
		f.kind = k
	case isNumber(f.kind) && isNumber(k):
		f.kind = float
	case isScalar(f.kind) && isScalar(k):
		f.note = "holds " + kindNames[f.kind] + " here and " + kindNames[k] + " there; it is written as text"
		f.kind = text
	default:
		return fmt.Errorf("field %s is %s in one record and %s in another, and a column has one type; write .jsonl instead", name, kindNames[f.kind], kindNames[k])
	}
	switch k {
	case list:
		return s.mergeList(f, v, name)
	case object:
		return s.mergeObject(f, v, name)
	}
	return nil
}

func (s *Schema) mergeList(f *field, v record.Value, name string) error {
	if f.item == nil {
		f.item = &field{name: "[]"}
	}
	for _, item := range v.Items {
		if err := s.merge(f.item, item, name+"[]"); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) mergeObject(f *field, v record.Value, name string) error {
	for _, m := range v.Members {
		sub := f.find(m.Name)
		if sub == nil {
			sub = &field{name: m.Name}
			f.sub = append(f.sub, sub)
			if s.size++; s.size > maxFields {
				return fmt.Errorf("field %s has objects of more than %d names in all, so that they seem to be data; write .jsonl, which needs no column for each", name, maxFields)
			}
		}
		if err := s.merge(sub, m.Value, name+"."+m.Name); err != nil {
			return err
		}
	}
	return nil
}

// find is the field of a struct with a name, nil for none.
func (f *field) find(name string) *field {
	for _, sub := range f.sub {
		if sub.name == name {
			return sub
		}
	}
	return nil
}

func isNumber(k kind) bool { return k == integer || k == float }

func isScalar(k kind) bool { return k >= boolean && k <= text }

func kindOfValue(v record.Value) kind {
	switch v.Kind {
	case record.Bool:
		return boolean
	case record.Number:
		if _, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			return integer
		}
		return float
	case record.String:
		return text
	case record.List:
		return list
	case record.Object:
		return object
	}
	return null
}

var errEmptyObjects = errors.New("has objects without a single name, which no column holds; write .jsonl instead")

// complete checks that every field has a type: a field whose values are all null is
// text, and objects must have a name.
func complete(fields []*field, in string) error {
	for _, f := range fields {
		name := in + f.name
		switch {
		case f.kind == null:
			f.kind = text
		case f.kind == object && len(f.sub) == 0:
			return fmt.Errorf("field %q %w", name, errEmptyObjects)
		}
		below := f.sub
		if f.item != nil {
			below = []*field{f.item}
			name = strings.TrimSuffix(name, ".")
		} else {
			name += "."
		}
		if err := complete(below, name); err != nil {
			return err
		}
	}
	return nil
}
