package reward

import (
	"errors"
	"slices"
	"strconv"

	"llmhost/builtin/fields"
	"llmhost/builtin/preference"
	"llmhost/sdk"
)

// Formatter makes an example of whole texts, which a reward model reads as they
// are:
//
//	{"texts": ["2 + 2 = 4", "2 + 2 = 5"], "scores": [1, 0], "weight": 1}
//	{"prompt": "2 + 2 = ", "chosen": "4", "rejected": "5"}
//
// Each text is the answer of a candidate without a prompt and has a column
// "score"; a chosen text has 1 and a rejected one 0, and the prompt, if there is
// one, comes before both. The example has the column "weight", 1 if the record has
// none. A record is dropped if a text is empty or blank, or if it makes no pair,
// because it has one text or all its scores are equal: nothing can be learned from
// it, unless the loss learns good texts too.
type Formatter struct {
	preference.Fields
	AddLM         bool    `llmhost:"add_lm_loss,default=true,doc=also train the likelihood of good texts, if lm_loss_coeff is above 0"`
	LMCoefficient float64 `llmhost:"lm_loss_coeff,default=0,min=0,doc=weight of that likelihood"`
	KeepPairless  bool    `llmhost:"keep_without_pair,doc=keep records that make no pair, so that their rewards count in evaluations"`

	WeightName   string `llmhost:"weight_name,doc=field that holds the record's weight, 0 or more, which may be absent; empty: weight"`
	PromptName   string `llmhost:"prompt_name,doc=field that holds the text before chosen and rejected; empty: prompt"`
	ChosenName   string `llmhost:"chosen_name,doc=field that holds the better text; empty: chosen"`
	RejectedName string `llmhost:"rejected_name,doc=field that holds the worse text; empty: rejected"`
	MarginName   string `llmhost:"margin_name,doc=field that holds the gap wanted between the rewards of a record's pairs, which may be absent; empty: margin"`
}

// Validate checks the padding, and that no two fields have one name.
func (f Formatter) Validate() error {
	if err := f.Fields.Validate(); err != nil {
		return err
	}
	return fields.Distinct(f.own(), "weight_name", "prompt_name", "chosen_name", "rejected_name", "margin_name")
}

// own are the columns other than texts and scores.
func (f Formatter) own() []sdk.Column {
	return []sdk.Column{
		fields.WeightColumn(fields.Or(f.WeightName, "weight"), "null", "0.5"),
		{
			Name:     fields.Or(f.PromptName, "prompt"),
			Type:     sdk.String,
			Doc:      "the text before chosen and rejected",
			Examples: []string{"null", `"2 + 2 = "`},
		},
		{
			Name:     fields.Or(f.ChosenName, "chosen"),
			Type:     sdk.String,
			Doc:      "the better text",
			Examples: []string{"null", `"4"`},
		},
		{
			Name:     fields.Or(f.RejectedName, "rejected"),
			Type:     sdk.String,
			Doc:      "the worse text",
			Examples: []string{"null", `"5"`},
		},
		fields.MarginColumn(fields.Or(f.MarginName, "margin"), "null", "0.5"),
	}
}

// Columns declares texts and scores, then weight, prompt, chosen, rejected and margin.
func (f Formatter) Columns() []sdk.Column { return append(f.Fields.Columns(), f.own()...) }

// Forms are those of preference.Fields, and pairs with and without a prompt.
func (f Formatter) Forms() []sdk.Form {
	prompt := fields.Or(f.PromptName, "prompt")
	chosen := fields.Or(f.ChosenName, "chosen")
	rejected := fields.Or(f.RejectedName, "rejected")
	texts := []sdk.FormField{{Name: prompt}, {Name: chosen}, {Name: rejected}}
	pair := chosen + " + " + rejected
	return append(f.Fields.Forms(),
		sdk.Form{Name: prompt + " + " + pair, Fields: texts},
		sdk.Form{Name: pair, Fields: texts[1:]},
	)
}

// Gives declares the score of each candidate, and the weight and margin of the example.
func (f Formatter) Gives() []sdk.Output {
	return append(f.Fields.Gives(), fields.WeightOutput(), fields.MarginOutput())
}

// Format makes a candidate of each text.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	first := len(f.Names())
	texts, scores, err := f.texts(r, first)
	if err != nil {
		return err
	}
	weight, err := fields.Weight(r, first, fields.Or(f.WeightName, "weight"))
	if err != nil {
		return err
	}
	if reason := f.pairless(scores); reason != "" {
		return o.Drop(reason)
	}
	for i, text := range texts {
		if fields.Blank(text) {
			return o.Drop("an empty text")
		}
		o.Candidate("", text).Set("score", scores[i])
	}
	o.Set("weight", weight)
	o.Set("margin", r.Float(first+4))
	return nil
}

// pairless says why scores make no pair, or "" if they make one or the record is kept anyway.
func (f Formatter) pairless(scores []float64) string {
	if f.KeepPairless || f.AddLM && f.LMCoefficient != 0 {
		return ""
	}
	switch {
	case len(scores) == 1:
		return "no pair: a single text"
	case slices.Min(scores) == slices.Max(scores):
		return "no pair: all scores are equal"
	}
	return ""
}

// texts reads the record in either of its forms.
func (f Formatter) texts(r *sdk.Row, first int) ([]string, []float64, error) {
	prompt := first + 1
	chosen := first + 2
	rejected := first + 3
	switch {
	case r.Has(chosen) && r.Has(rejected):
		p := r.Str(prompt)
		return []string{p + r.Str(chosen), p + r.Str(rejected)}, []float64{1, 0}, nil
	case r.Has(chosen) || r.Has(rejected):
		names := []string{fields.Or(f.ChosenName, "chosen"), fields.Or(f.RejectedName, "rejected")}
		if r.Has(chosen) {
			names[0], names[1] = names[1], names[0]
		}
		return nil, nil, errors.New("field " + strconv.Quote(names[0]) + " missing beside " + strconv.Quote(names[1]))
	}
	return f.Read(r)
}
