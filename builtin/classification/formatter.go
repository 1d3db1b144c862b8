package classification

import (
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Formatter makes an example of a text, or a pair of texts, and its class:
//
//	{"text": "Cats purr.", "label": "animal"}
//	{"text": "Cats purr.", "text_pair": "Cats are silent.", "label": "contradiction"}
//
// The label is a text, a number, true or false; to the host a number is one class
// whatever its spelling, 0, 0.0 or "0". Texts says which fields are read.
type Formatter struct {
	Texts
	LabelName string `llmhost:"cls_data_label_name,default=label,doc=field that holds the name of the text's class; empty: label"`
	Head      string `llmhost:"cls_head,default=label,doc=name of the classification head; used for nothing else"`
}

// Validate checks that the fields have different names.
func (f Formatter) Validate() error {
	return fields.Distinct(f.Columns(), "cls_data_text_name", "cls_data_text_pair_name", "cls_data_label_name")
}

func (f Formatter) label() string { return fields.Or(f.LabelName, "label") }

// Columns declares the texts and the label.
func (f Formatter) Columns() []sdk.Column {
	return append(f.Texts.Columns(), sdk.Column{
		Name:     f.label(),
		Type:     sdk.JSON,
		Required: true,
		Doc:      "the name of its class",
		Examples: []string{`"animal"`, `"contradiction"`},
	})
}

// Gives declares the class under the head.
func (f Formatter) Gives() []sdk.Output {
	return []sdk.Output{{Name: f.Head, Kind: sdk.ClassLabel}}
}

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	label, err := fields.Scalar(f.label(), r.JSON(2))
	if err != nil {
		return err
	}
	if err := f.Add(r, o); err != nil {
		return err
	}
	o.Label(f.Head, label)
	return nil
}
