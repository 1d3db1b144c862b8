// Package alpaca holds the formatter of instruction records:
//
//	{"instruction": "Add the numbers.", "input": "1, 2, 3", "output": "6"}
//
// The prompt is laid out by the template that Stanford Alpaca published
// (https://github.com/tatsu-lab/stanford_alpaca), which has one form for
// records with an input and one for records without. Models that were tuned
// with it expect it to the letter.
package alpaca

import (
	"errors"
	"strconv"
	"strings"

	"llmhost/sdk"
)

// Plugin is the formatter with its name.
var Plugin = sdk.Plugin{
	Name: "alpaca", Version: "1.0.0", Doc: "records of an instruction, perhaps an input to it, and the output",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter("alpaca", "instruction and input laid out as Stanford Alpaca does, the output as the answer", Default())},
}

// The template, in the parts that do not change.
const (
	withInput    = "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\n"
	withoutInput = "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n"
	beforeInput  = "\n\n### Input:\n"
	beforeOutput = "\n\n### Response:"
)

// Formatter makes an example of one candidate: the prompt by the template, and
// the output as it stands. Nothing stands between the two, as published.
//
// A record whose output is empty or holds nothing but blanks is dropped, unless
// KeepEmpty asks to learn from it that the text ends there.
type Formatter struct {
	InstructionName string `llmhost:"instruction_name,doc=field that holds the instruction; empty: instruction"`
	InputName       string `llmhost:"input_name,doc=field that holds the input to it, which records may lack or leave empty; empty: input"`
	OutputName      string `llmhost:"output_name,doc=field that holds the output; empty: output"`
	KeepEmpty       bool   `llmhost:"keep_empty_answers,doc=learn the end of the text from a record whose answer is empty, where otherwise it is dropped"`
}

// Default returns the formatter with its parameters at their defaults.
func Default() Formatter { return Formatter{} }

// Validate checks that no two fields have one name.
func (f Formatter) Validate() error {
	parameters := map[string]string{}
	for i, parameter := range []string{"instruction_name", "input_name", "output_name"} {
		name := f.Columns()[i].Name
		if other, twice := parameters[name]; twice {
			return errors.New(other + " and " + parameter + " are both " + strconv.Quote(name) + "; want different fields")
		}
		parameters[name] = parameter
	}
	return nil
}

// Columns declares instruction, input and output.
func (f Formatter) Columns() []sdk.Column {
	return []sdk.Column{
		{Name: either(f.InstructionName, "instruction"), Type: sdk.String, Required: true, Doc: "what the model is to do"},
		{Name: either(f.InputName, "input"), Type: sdk.String, Doc: "what it is to do it with; empty is as good as absent"},
		{Name: either(f.OutputName, "output"), Type: sdk.String, Required: true, Doc: "what it is to write"},
	}
}

func either(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	instruction, input, output := r.Str(0), r.Str(1), r.Str(2)
	if !f.KeepEmpty && strings.TrimSpace(output) == "" {
		return o.Drop("an empty answer")
	}
	if input == "" {
		o.Candidate(withoutInput+instruction+beforeOutput, output)
		return nil
	}
	o.Candidate(withInput+instruction+beforeInput+input+beforeOutput, output)
	return nil
}
