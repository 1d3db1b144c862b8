// Package plaintext holds the formatter of plain texts, the data of pretraining:
//
//	{"text": "Once upon a time there was a fox."}
package plaintext

import (
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Plugin is the formatter with its name.
var Plugin = sdk.Plugin{
	Name: "plain_text", Version: "1.0.0", Doc: "records of a text that is learned as a whole",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"plain_text",
		"a text that is learned as a whole",
		Formatter{},
	)},
}

// Formatter makes an example of one candidate without a prompt, whose answer is the
// text, with the example column "weight". A record whose text is empty or blank is
// dropped.
type Formatter struct {
	TextName string `llmhost:"text_name,aliases=dataset_text_field,doc=field that holds the text; empty: text"`
}

// Columns declares text and weight.
func (f Formatter) Columns() []sdk.Column {
	return []sdk.Column{
		{
			Name:     fields.Or(f.TextName, "text"),
			Type:     sdk.String,
			Required: true,
			Doc:      "what is learned",
			Examples: []string{`"Once upon a time there was a fox."`, `"Foxes dig."`},
		},
		fields.WeightColumn("weight", "null", "0.5"),
	}
}

// Forms is the one form of records.
func (f Formatter) Forms() []sdk.Form {
	return []sdk.Form{{Name: "text", Fields: []sdk.FormField{{Name: fields.Or(f.TextName, "text")}}}}
}

// Gives declares the weight of the example.
func (Formatter) Gives() []sdk.Output { return []sdk.Output{fields.WeightOutput()} }

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	if fields.Blank(r.Str(0)) {
		return o.Drop("an empty text")
	}
	weight, err := fields.Weight(r, 1, "weight")
	if err != nil {
		return err
	}
	o.Candidate("", r.Str(0))
	o.Set("weight", weight)
	return nil
}
