package inspect

import (
	"fmt"
	"slices"

	"llmhost/host/data/record"
)

var mixedTypes = &Check{
	Name:     "mixed-types",
	Doc:      "a field that is read and is of another type than in most other records",
	Severity: Error,
	Fix:      "write the field the same way in all records",
	Start: perSet(func(o Options) Pass {
		t := &fieldTypes{reads: o.Reads, fields: map[string]map[record.Kind]*typeCount{}}
		return Pass{Each: t.see, End: t.end}
	}),
}

// fieldTypes counts the types of each field that is read.
type fieldTypes struct {
	reads  []string // nil = all
	fields map[string]map[record.Kind]*typeCount
	names  []string // in the order of their first occurrence
}

type typeCount struct {
	count int
	first Place
	shown string
}

// mostFields bounds how many fields are counted.
const mostFields = 256

func (t *fieldTypes) see(i *Item, _ Find) {
	for _, f := range i.Record {
		kind := f.Value.Kind
		if kind == record.Null || t.reads != nil && !slices.Contains(t.reads, f.Name) { // null is as good as absent
			continue
		}
		types := t.fields[f.Name]
		if types == nil {
			if len(t.names) == mostFields {
				continue
			}
			types = map[record.Kind]*typeCount{}
			t.fields[f.Name] = types
			t.names = append(t.names, f.Name)
		}
		c := types[kind]
		if c == nil {
			c = &typeCount{first: i.Place, shown: kind.String()}
			if kind == record.Number || kind == record.Bool {
				c.shown = f.Value.Text
			}
			types[kind] = c
		}
		c.count++
	}
}

func (t *fieldTypes) end(find Find) {
	for _, name := range t.names {
		total, usual := 0, record.Kind(0)
		for kind, c := range t.fields[name] {
			total += c.count
			if best := t.fields[name][usual]; best == nil || c.count > best.count || c.count == best.count && kind < usual {
				usual = kind
			}
		}
		for kind := record.Bool; kind <= record.Object; kind++ {
			c := t.fields[name][kind]
			if c == nil || kind == usual || 2*c.count > total {
				continue
			}
			f := Finding{Field: name, All: true, Text: fmt.Sprintf("is %s; in %d of %d records it is %s", c.shown, t.fields[name][usual].count, total, usual)}
			if c.count > 1 {
				f.Text += fmt.Sprintf(" (the first of %d such records)", c.count)
			}
			find(f.at(c.first))
		}
	}
}
