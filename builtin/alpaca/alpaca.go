// Package alpaca holds the formatter of instruction records:
//
//	{"instruction": "Add the numbers.", "input": "1, 2, 3", "output": "6"}
//
// The prompt is laid out by the template that Stanford Alpaca published
// (https://github.com/tatsu-lab/stanford_alpaca), which has one form for
// records with an input and one for records without, or as one turn of a dialog
// between a human and an assistant. Models that were tuned with a layout expect
// it to the letter.
package alpaca

import (
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Plugin is the formatter with its name.
var Plugin = sdk.Plugin{
	Name: "alpaca", Version: "1.0.0", Doc: "records of an instruction, perhaps an input to it, and the output",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"alpaca",
		"an instruction, perhaps with an input, laid out by a template, and the output as the answer",
		Default(),
	)},
}

// The values of Formatter.Template.
const (
	Alpaca         = "alpaca"
	HumanAssistant = "human_assistant"
)

// The templates, in the parts that do not change.
const (
	withInput    = "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\n"
	withoutInput = "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n"
	beforeInput  = "\n\n### Input:\n"
	beforeOutput = "\n\n### Response:"

	human     = "Human: "
	assistant = "\n\nAssistant: "
)

// Formatter makes an example of one candidate: the prompt, laid out by the
// template, and the output as it is, with nothing in between, as published. The
// template human_assistant is "Human: ", the instruction, the input on a line of
// its own where there is one, an empty line, and "Assistant: ".
//
// A record whose output is empty or blank is dropped, unless KeepEmpty asks to
// learn from it that the text ends there.
type Formatter struct {
	Template        string `llmhost:"prompt_template,default=alpaca,choices=alpaca|human_assistant,doc=how instruction and input are laid out: as Stanford Alpaca does, or as a human's turn before an assistant's"`
	InstructionName string `llmhost:"instruction_name,doc=field that holds the instruction; empty: instruction"`
	InputName       string `llmhost:"input_name,doc=field that holds its input, which may be absent or empty; empty: input"`
	OutputName      string `llmhost:"output_name,doc=field that holds the output; empty: output"`
	KeepEmpty       bool   `llmhost:"keep_empty_answers,doc=train on a record whose answer is empty, to end the text there, instead of dropping it"`
}

// Default returns the formatter with its parameters at their defaults.
func Default() Formatter { return Formatter{Template: Alpaca} }

// Validate checks that no two fields have one name.
func (f Formatter) Validate() error {
	return fields.Distinct(f.Columns(), "instruction_name", "input_name", "output_name")
}

// Columns declares instruction, input and output.
func (f Formatter) Columns() []sdk.Column {
	return []sdk.Column{
		{
			Name:     fields.Or(f.InstructionName, "instruction"),
			Type:     sdk.String,
			Required: true,
			Doc:      "what the model is to do",
			Examples: []string{`"Add the numbers."`, `"Name a colour."`},
		},
		{
			Name:     fields.Or(f.InputName, "input"),
			Type:     sdk.String,
			Doc:      "what it is to do it with; empty is as good as absent",
			Examples: []string{`"1, 2, 3"`, `""`},
		},
		{
			Name:     fields.Or(f.OutputName, "output"),
			Type:     sdk.String,
			Required: true,
			Doc:      "what it is to write",
			Examples: []string{`"6"`, `"Red."`},
		},
	}
}

// Gives says that examples have no columns and no labels.
func (Formatter) Gives() []sdk.Output { return nil }

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	instruction := r.Str(0)
	input := r.Str(1)
	output := r.Str(2)
	if !f.KeepEmpty && fields.Blank(output) {
		return o.Drop("an empty answer")
	}
	o.Candidate(f.prompt(instruction, input), output)
	return nil
}

// prompt lays out the prompt.
func (f Formatter) prompt(instruction, input string) string {
	switch {
	case f.Template == HumanAssistant && input == "":
		return human + instruction + assistant
	case f.Template == HumanAssistant:
		return human + instruction + "\n" + input + assistant
	case input == "":
		return withoutInput + instruction + beforeOutput
	}
	return withInput + instruction + beforeInput + input + beforeOutput
}
