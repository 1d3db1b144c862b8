// Package promptanswer holds the formatter of prompt/answer records, the data of
// supervised fine-tuning:
//
//	{"prompt": "What is the capital of France?", "answer": " Paris", "weight": 1}
//
// The model reads prompt and answer as one text, exactly as they are: a blank
// between the two must be part of one of them.
package promptanswer

import (
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Plugin is the formatter with its name.
var Plugin = sdk.Plugin{
	Name: "promptanswer", Version: "1.0.0", Doc: "records of a prompt and its answer",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"promptanswer",
		"a prompt, its answer and, if there is one, a weight",
		Default(),
	)},
}

// Formatter makes an example of one candidate from a prompt and its answer,
// with the example column "weight": the record's, or 1 where it has none.
//
// A record whose answer is empty or blank is dropped, unless KeepEmpty asks to
// learn from it that the text ends there.
type Formatter struct {
	PromptName string `llmhost:"sft_data_prompt_name,doc=field that holds the prompt; empty: prompt"`
	AnswerName string `llmhost:"sft_data_answer_name,doc=field that holds the answer; empty: answer"`
	WeightName string `llmhost:"weight_name,doc=field that holds the record's weight, 0 or more, which may be absent; empty: weight"`
	KeepEmpty  bool   `llmhost:"keep_empty_answers,doc=train on a record whose answer is empty, to end the text there, instead of dropping it"`
}

// Default returns the formatter with its parameters at their defaults.
func Default() Formatter { return Formatter{} }

// Validate checks that no two fields have one name.
func (f Formatter) Validate() error {
	return fields.Distinct(f.Columns(), "sft_data_prompt_name", "sft_data_answer_name", "weight_name")
}

// Columns declares prompt, answer and weight.
func (f Formatter) Columns() []sdk.Column {
	return []sdk.Column{
		{
			Name:     fields.Or(f.PromptName, "prompt"),
			Type:     sdk.String,
			Required: true,
			Doc:      "what the model is given",
			Examples: []string{`"What is the capital of France?"`, `"2 + 2 = "`},
		},
		{
			Name:     fields.Or(f.AnswerName, "answer"),
			Type:     sdk.String,
			Required: true,
			Doc:      "what it is to write",
			Examples: []string{`" Paris"`, `"4"`},
		},
		fields.WeightColumn(fields.Or(f.WeightName, "weight"), "null", "0.5"),
	}
}

// Gives declares the weight of the example.
func (Formatter) Gives() []sdk.Output { return []sdk.Output{fields.WeightOutput()} }

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	if !f.KeepEmpty && fields.Blank(r.Str(1)) {
		return o.Drop("an empty answer")
	}
	weight, err := fields.Weight(r, 2, fields.Or(f.WeightName, "weight"))
	if err != nil {
		return err
	}
	o.Candidate(r.Str(0), r.Str(1))
	o.Set("weight", weight)
	return nil
}
