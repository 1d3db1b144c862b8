package task

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmhost/host/data/source"
	"llmhost/sdk"
)

// Format says what the records of a run are taken for.
type Format struct {
	Formatter string   // its name, or FILE#NAME
	Form      string   // of the records; "" where the formatter lists none that fits
	Chat      bool     // examples are chats
	Detected  bool     // by the fields of the records; else it is the task's own, or the setting's
	Unread    []string // fields of the first records that the formatter does not read
}

// String is the line about it in a run's first lines.
func (f Format) String() string {
	line := "format "
	if f.Form == "" {
		line += "that of formatter " + f.Formatter
	} else {
		line += f.Form
	}
	if f.Detected {
		line += ", by its fields: formatter " + f.Formatter
	}
	if len(f.Unread) > 0 {
		line += "; fields not read: " + strings.Join(f.Unread, ", ")
	}
	return line
}

// naming gives the fields of the files for the names that formatters give them.
type naming map[string]string

// field is the field that a name means; "" where the file's field of that name goes by another.
func (n naming) field(name string) string {
	if field, renamed := n[name]; renamed {
		return field
	}
	for _, field := range n {
		if field == name {
			return ""
		}
	}
	return name
}

// columns are columns under the names of the files' fields.
func (n naming) columns(columns []sdk.Column) []sdk.Column {
	if len(n) == 0 {
		return columns
	}
	columns = slices.Clone(columns)
	for i, c := range columns {
		columns[i].Name = n.field(c.Name)
	}
	return columns
}

// formOf is the form with the most fields among those that a record has.
func formOf(r source.Record, forms []sdk.Form, names naming) (best sdk.Form, found bool) {
	for _, form := range forms {
		if lacking(r, form, names) == "" && (!found || len(form.Fields) > len(best.Fields)) {
			best, found = form, true
		}
	}
	return best, found
}

// lacking says all that a record lacks of a form, or "".
func lacking(r source.Record, form sdk.Form, names naming) string {
	have, err := r.Fields()
	if err != nil {
		return err.Error()
	}
	var lacks []string
	for _, f := range form.Fields {
		name := names.field(f.Name)
		if !slices.Contains(have, name) {
			lacks = append(lacks, fmt.Sprintf("no %q", f.Name))
		} else if what := unlike(r, name, f); what != "" {
			lacks = append(lacks, fmt.Sprintf("%q is %s", f.Name, what))
		}
	}
	for _, name := range form.Without {
		if slices.Contains(have, names.field(name)) {
			lacks = append(lacks, fmt.Sprintf("%q beside it", name))
		}
	}
	return strings.Join(lacks, " and ")
}

// unlike says what a field of a record is not, or "".
func unlike(r source.Record, name string, f sdk.FormField) string {
	holds := f.Holds
	if len(f.Keys) > 0 {
		holds = sdk.JSON
	}
	row, err := r.Row("", []sdk.Column{{Name: name, Type: holds, Required: true}})
	if err != nil {
		return "not " + holds.String()
	}
	if len(f.Keys) > 0 && !hasKeys(row.JSON(0), f.Keys) {
		return fmt.Sprintf("no object and no list of objects with %s", strings.Join(f.Keys, " and "))
	}
	return ""
}

// hasKeys tells whether a value is an object with the keys, or a list whose first
// element is one, or is empty, or a text that holds either as JSON.
func hasKeys(value string, keys []string) bool {
	var text string
	if json.Unmarshal([]byte(value), &text) == nil {
		value = text
	}
	var list []json.RawMessage
	if json.Unmarshal([]byte(value), &list) == nil {
		if len(list) == 0 {
			return true
		}
		value = string(list[0])
	}
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(value), &object) != nil || object == nil {
		return false
	}
	return !slices.ContainsFunc(keys, func(key string) bool {
		_, has := object[key]
		return !has
	})
}

// unread are the fields of records that no column reads, in their order.
func unread(records []source.Record, columns []sdk.Column) (names []string) {
	for _, r := range records {
		fields, err := r.Fields()
		if err != nil {
			continue
		}
		for _, name := range fields {
			read := slices.ContainsFunc(columns, func(c sdk.Column) bool { return c.Name == name })
			if !read && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// checkNames wants the names of [columns] to be names of the formatter's.
func (t *Task) checkNames() error {
	for _, name := range slices.Sorted(maps.Keys(t.names)) {
		var known []string
		for _, c := range t.formatting.Columns {
			known = append(known, c.Name)
		}
		if !slices.Contains(known, name) {
			return fmt.Errorf("columns.%s: formatter %s reads no field of that name; it reads %s", name, t.Formatter.Name, strings.Join(known, ", "))
		}
	}
	return nil
}
