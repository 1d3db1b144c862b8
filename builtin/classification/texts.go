package classification

import (
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Texts names what is to be classified: one text, the answer of a candidate without a
// prompt, or a pair, of which the first is the prompt and the second the answer. An
// encoder such as BERT reads them as a pair, any other model as one text, so a
// blank between them must be part of one of them. A record whose text is empty or
// blank is dropped.
type Texts struct {
	TextName string `llmhost:"cls_data_text_name,default=text,doc=field that holds the text; empty: text"`
	PairName string `llmhost:"cls_data_text_pair_name,default=text_pair,doc=field that holds a second text, which may be absent; empty: text_pair"`
}

// Columns declares both.
func (t Texts) Columns() []sdk.Column {
	return []sdk.Column{
		{
			Name:     fields.Or(t.TextName, "text"),
			Type:     sdk.String,
			Required: true,
			Doc:      "what is to be classified",
			Examples: []string{`"Cats purr."`, `"Cats purr."`},
		},
		{
			Name:     fields.Or(t.PairName, "text_pair"),
			Type:     sdk.String,
			Doc:      "a second text, where it takes two",
			Examples: []string{"null", `"Cats are silent."`},
		},
	}
}

// Add makes the candidate from the record's texts, which are its first columns.
// The error may be a drop.
func (t Texts) Add(r *sdk.Row, o *sdk.Out) error {
	switch text, pair := r.Str(0), r.Str(1); {
	case fields.Blank(text):
		return o.Drop("an empty text")
	case fields.Blank(pair):
		o.Candidate("", text)
	default:
		o.Candidate(text, pair)
	}
	return nil
}
