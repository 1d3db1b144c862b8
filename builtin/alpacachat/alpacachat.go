// Package alpacachat holds the formatters of instruction records as chats, as
// LLaMA-Factory reads them:
//
//	{"instruction": "Add the numbers.", "input": "1, 2, 3", "output": "6", "system": "Be brief.", "history": [["hi", "hello"]]}
//
// The user says the instruction and, on a line of its own, the input; history
// comes before that, and system first. Package alpaca lays the same records out as
// texts.
package alpacachat

import (
	"encoding/json"
	"errors"
	"strings"

	"llmhost/builtin/chat"
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Plugin holds the formatters with their names.
var Plugin = sdk.Plugin{
	Name: "alpaca_chat", Version: "1.0.0", Doc: "records of an instruction as turns of a chat",
	Formatters: []sdk.FormatterSpec{
		sdk.NewFormatter(
			"alpaca_chat",
			"an instruction, perhaps with an input, and the output, which the chat template lays out",
			Formatter{},
		),
		sdk.NewFormatter(
			"alpaca_pairs",
			"an instruction, and a chosen and a rejected output",
			Pairs{},
		),
		sdk.NewFormatter(
			"alpaca_labelled",
			"an instruction, its output and whether that is good",
			Labelled{},
		),
	},
}

// The columns of all three, in their order; those of chat.ExtraColumns follow.
const (
	instruction = iota
	input
	system
	history
	extras
	own = 7 // the first of a formatter's own
)

// columns are those that all three read, then a formatter's own.
func columns(more ...sdk.Column) []sdk.Column {
	shared := []sdk.Column{
		{
			Name:     "instruction",
			Type:     sdk.String,
			Required: true,
			Doc:      "what the model is to do",
			Examples: []string{`"Add the numbers."`, `"Name a colour."`},
		},
		{
			Name:     "input",
			Type:     sdk.String,
			Doc:      "what it is to do it with; empty is as good as absent",
			Examples: []string{`"1, 2, 3"`, `""`},
		},
		{
			Name:     "system",
			Type:     sdk.String,
			Doc:      "the system message",
			Examples: []string{"null", `"Be brief."`},
		},
		{
			Name:     "history",
			Type:     sdk.JSON,
			Doc:      "turns before, each a list of what the user and what the model said",
			Examples: []string{"null", `[["hi", "hello"]]`},
		},
	}
	return append(append(shared, chat.ExtraColumns()...), more...)
}

// read reads the prompt and what accompanies it. said is false where there is
// neither an instruction nor an input.
func read(r *sdk.Row) (whole sdk.Chat, said bool, err error) {
	if whole, err = chat.Extras(r, extras); err != nil {
		return whole, false, err
	}
	if whole.Tools, err = chat.Envelopes(whole.Tools); err != nil {
		return whole, false, err
	}
	if text := r.Str(system); !fields.Blank(text) {
		whole.Prompt = append(whole.Prompt, sdk.NewMessage("system", text))
	}
	if r.Has(history) {
		before, err := turns(r.JSON(history))
		if err != nil {
			return whole, false, err
		}
		whole.Prompt = append(whole.Prompt, before...)
	}
	var lines []string
	for _, at := range []int{instruction, input} {
		if text := r.Str(at); text != "" {
			lines = append(lines, text)
		}
	}
	whole.Prompt = append(whole.Prompt, sdk.NewMessage("user", strings.Join(lines, "\n")))
	return whole, len(lines) > 0, nil
}

// turns are the messages of a history.
func turns(value string) (messages []sdk.Message, err error) {
	var pairs [][]string
	if err := json.Unmarshal([]byte(value), &pairs); err != nil {
		return nil, errors.New(`field "history" is no list of pairs of texts, such as [["hi", "hello"]]`)
	}
	for _, pair := range pairs {
		if len(pair) != 2 {
			return nil, errors.New(`field "history" has a turn that is no pair of texts; want what the user and what the model said`)
		}
		messages = append(messages, sdk.NewMessage("user", pair[0]), sdk.NewMessage("assistant", pair[1]))
	}
	return messages, nil
}

// answer is a column of an output.
func answer(name, doc string, examples ...string) sdk.Column {
	return sdk.Column{
		Name:     name,
		Type:     sdk.String,
		Required: true,
		Doc:      doc,
		Examples: examples,
	}
}

// form is the form of records with an instruction and other fields.
func form(others ...string) []sdk.Form {
	f := sdk.Form{Name: "instruction", Fields: []sdk.FormField{{Name: "instruction"}}, Chat: true}
	for _, name := range others {
		f.Name += " + " + name
		f.Fields = append(f.Fields, sdk.FormField{Name: name})
	}
	return []sdk.Form{f}
}

// Formatter makes an example of one candidate with the example column "weight". A
// record whose output is empty or blank is dropped, and so is one that says nothing
// to the model.
type Formatter struct{}

// Columns declares the record's fields.
func (Formatter) Columns() []sdk.Column {
	return columns(
		answer("output", "what it is to write", `"6"`, `"Red."`),
		fields.WeightColumn("weight", "null", "0.5"),
	)
}

// Forms is the one form of records.
func (Formatter) Forms() []sdk.Form { return form("output") }

// Gives declares the weight of the example.
func (Formatter) Gives() []sdk.Output { return []sdk.Output{fields.WeightOutput()} }

// Format makes the one candidate.
func (Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	w, err := fields.Weight(r, own+1, "weight")
	if err != nil {
		return err
	}
	if err := add(r, o, r.Str(own), nil); err != nil {
		return err
	}
	o.Set("weight", w)
	return nil
}

// add adds a candidate for each answer, in order, with its score if there are any.
// The error may be a drop.
func add(r *sdk.Row, o *sdk.Out, text string, score *float64) error {
	whole, said, err := read(r)
	switch {
	case err != nil:
		return err
	case !said:
		return o.Drop("an empty instruction")
	case fields.Blank(text):
		return o.Drop("an empty answer")
	}
	whole.Answer = []sdk.Message{sdk.NewMessage("assistant", text)}
	c := o.Chat(whole)
	if score != nil {
		c.Set("score", *score)
	}
	return nil
}

// Pairs makes an example of two candidates, with the column "score", 1 for the
// chosen and 0 for the rejected output, and the example column "weight".
type Pairs struct{}

// Columns declares the record's fields.
func (Pairs) Columns() []sdk.Column {
	return columns(
		answer("chosen", "the better output", `"6"`, `"Red."`),
		answer("rejected", "the worse output", `"7"`, `"Three."`),
		fields.WeightColumn("weight", "null", "0.5"),
	)
}

// Forms is the one form of records.
func (Pairs) Forms() []sdk.Form { return form("chosen", "rejected") }

// Gives declares the score of each candidate and the weight of the example.
func (Pairs) Gives() []sdk.Output { return fields.RankedOutputs() }

// Format makes the two candidates.
func (Pairs) Format(r *sdk.Row, o *sdk.Out) error {
	w, err := fields.Weight(r, own+2, "weight")
	if err != nil {
		return err
	}
	for i, score := range []float64{1, 0} {
		if err := add(r, o, r.Str(own+i), &score); err != nil {
			return err
		}
	}
	o.Set("weight", w)
	return nil
}

// Labelled makes an example of one candidate, whose column "score" is 1 where
// kto_tag is true and −1 where it is false.
type Labelled struct{}

// Columns declares the record's fields.
func (Labelled) Columns() []sdk.Column {
	return columns(answer("output", "what it might write", `"6"`, `"Three."`), sdk.Column{
		Name:     "kto_tag",
		Type:     sdk.Bool,
		Role:     sdk.RewardRole,
		Required: true,
		Doc:      "whether it should",
		Examples: []string{"true", "false"},
	})
}

// Forms is the one form of records.
func (Labelled) Forms() []sdk.Form { return form("output", "kto_tag") }

// Gives declares the score of the candidate.
func (Labelled) Gives() []sdk.Output {
	return []sdk.Output{{Name: "score", Role: sdk.RewardRole}}
}

// Format makes the one candidate.
func (Labelled) Format(r *sdk.Row, o *sdk.Out) error {
	score := -1.0
	if r.Bool(own + 1) {
		score = 1
	}
	return add(r, o, r.Str(own), &score)
}
