package sdk

// Form is one kind of record that a formatter reads, by which a host recognises
// the records of a file: all of its fields are there, and hold what it says. A
// formatter lists its forms in a method Forms() []Form, called once a run like
// Columns. Without the method its one form is its required columns.
//
// Among formatters whose forms fit, a host takes the form with the most fields.
type Form struct {
	Name   string // as users know it, such as "prompt + completion (chat)"
	Fields []FormField
	Chat   bool // its examples are chats, which need a chat template

	// Without are fields, of this formatter or any, that make a record another kind.
	Without []string
}

// FormField is a field of a form.
type FormField struct {
	Name string // one that Columns declares

	// Holds says what the field holds; 0 stands for the type of its column.
	Holds ColumnType

	// Keys are keys of the JSON object that the field holds, or, where it holds
	// a list, of the first object in it: "role" for a list of messages.
	Keys []string
}

// appendForms appends the forms of a formatter that lists them.
func appendForms(b []byte, f Formatter) []byte {
	lister, has := f.(interface{ Forms() []Form })
	if !has {
		return b
	}
	b = append(appendKey(b, "forms"), '[')
	first := true
	for _, form := range lister.Forms() {
		b = appendForm(separate(b, &first), form)
	}
	return append(b, ']')
}

func appendForm(b []byte, form Form) []byte {
	b = appendField(append(b, '{'), "name", form.Name)
	if form.Chat {
		b = append(appendKey(b, "chat"), "true"...)
	}
	b = append(appendKey(b, "fields"), '[')
	first := true
	for _, field := range form.Fields {
		b = appendField(append(separate(b, &first), '{'), "name", field.Name)
		if field.Holds != 0 {
			b = appendField(b, "holds", columnTypeKeys[field.Holds])
		}
		if len(field.Keys) > 0 {
			b = appendList(appendKey(b, "keys"), field.Keys)
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	if len(form.Without) > 0 {
		b = appendList(appendKey(b, "without"), form.Without)
	}
	return append(b, '}')
}
