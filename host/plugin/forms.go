package plugin

import (
	"fmt"
	"slices"

	"llmhost/sdk"
)

// formEntry is the JSON form of a kind of record that a formatter reads.
type formEntry struct {
	Name   string
	Chat   bool
	Fields []struct {
		Name, Holds string
		Keys        []string
	}
	Without []string
}

// readForms checks the forms that a formatter lists. One that lists none has the
// form of its required columns; where it has none of those either nothing is known.
func readForms(entries []formEntry, columns []sdk.Column) ([]sdk.Form, error) {
	if entries == nil {
		return requiredForm(columns), nil
	}
	if len(entries) > maxParts {
		return nil, fmt.Errorf("it has %d forms of records; at most %d are allowed", len(entries), maxParts)
	}
	var forms []sdk.Form
	for _, e := range entries {
		form, err := e.form(columns)
		if err != nil {
			return nil, err
		}
		forms = append(forms, form)
	}
	return forms, nil
}

// requiredForm is the form of the columns that are required.
func requiredForm(columns []sdk.Column) []sdk.Form {
	var form sdk.Form
	for _, c := range columns {
		if !c.Required {
			continue
		}
		if form.Name != "" {
			form.Name += " + "
		}
		form.Name += c.Name
		form.Fields = append(form.Fields, sdk.FormField{Name: c.Name, Holds: c.Type})
	}
	if form.Fields == nil {
		return nil
	}
	return []sdk.Form{form}
}

// form checks an entry, and fills in what the fields hold.
func (e formEntry) form(columns []sdk.Column) (sdk.Form, error) {
	form := sdk.Form{Name: line(e.Name), Chat: e.Chat, Without: e.Without}
	if form.Name == "" || len(e.Fields) == 0 || len(e.Fields) > maxParts || len(e.Without) > maxParts {
		return form, fmt.Errorf("its form %q has %d fields; want a name and 1 to %d fields", plain(e.Name), len(e.Fields), maxParts)
	}
	for _, f := range e.Fields {
		at := slices.IndexFunc(columns, func(c sdk.Column) bool { return c.Name == f.Name })
		if at < 0 {
			return form, fmt.Errorf("its form %q has the field %q, which is none of its columns", form.Name, plain(f.Name))
		}
		field := sdk.FormField{Name: f.Name, Holds: columns[at].Type, Keys: f.Keys}
		if f.Holds != "" {
			field.Holds = columnTypes[f.Holds]
		}
		if field.Holds == 0 || len(f.Keys) > maxParts {
			return form, fmt.Errorf("its form %q wants %q in the field %q; want a column type, and at most %d keys", form.Name, plain(f.Holds), f.Name, maxParts)
		}
		form.Fields = append(form.Fields, field)
	}
	return form, nil
}
