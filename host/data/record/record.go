// Package record holds what is known of a record without a formatter: its fields
// in their order with every number as it is written, which of them are prompts,
// answers, turns of a chat, scores and labels by the names that people give
// them, and the same content in other forms. It reads and writes no file. Start
// at Look for the meaning and at Forms for the forms.
package record

// Record is the fields of one record, in their order.
type Record []Member

// Get returns the field of a name; its Kind is 0 where there is none.
func (r Record) Get(name string) Value { return Value{Members: r}.Get(name) }

// Has tells whether the record has a field of a name that is not null.
func (r Record) Has(name string) bool { return r.Get(name).Kind > Null }

// Names are the names of the fields, in their order.
func (r Record) Names() []string {
	names := make([]string, len(r))
	for i, f := range r {
		names[i] = f.Name
	}
	return names
}

// Renamed is the record with the names that formatters give its fields: columns has the
// record's own by those.
func (r Record) Renamed(columns map[string]string) Record {
	if len(columns) == 0 {
		return r
	}
	out := make(Record, len(r))
	for i, f := range r {
		out[i] = f
		for name, own := range columns {
			if own == f.Name {
				out[i].Name = name
			}
		}
	}
	return out
}

// Value is the record as an object.
func (r Record) Value() Value { return Value{Kind: Object, Members: r} }

// named is the first of some names that the record has, be it null; "" where it has none.
func (r Record) named(names ...string) string {
	for _, name := range names {
		if r.Get(name).Kind != 0 {
			return name
		}
	}
	return ""
}

// first is the first of some names that the record has; "" where it has none.
func (r Record) first(names ...string) string {
	for _, name := range names {
		if r.Has(name) {
			return name
		}
	}
	return ""
}
