// Package promptcompletion holds the formatter of prompts and completions as TRL
// names them, texts or lists of messages:
//
//	{"prompt": "The sky is", "completion": " blue."}
//	{"prompt": [{"role": "user", "content": "What colour is the sky?"}], "completion": [{"role": "assistant", "content": "Blue."}]}
//
// Texts are read one after the other, exactly as they are; messages are laid out
// by the model's chat template.
package promptcompletion

import (
	"llmhost/builtin/chat"
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Plugin is the formatter with its name.
var Plugin = sdk.Plugin{
	Name: "prompt_completion", Version: "1.0.0", Doc: "records of a prompt and its completion",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"prompt_completion",
		"a prompt and its completion, as texts or as messages",
		Formatter{},
	)},
}

// Formatter makes an example of one candidate with the example column "weight". A
// record whose completion is empty or blank is dropped.
type Formatter struct{}

// The columns, in their order.
const (
	prompt = iota
	completion
	weight
	extras
)

// Columns declares prompt and completion, weight and what may accompany a chat.
func (Formatter) Columns() []sdk.Column {
	return append([]sdk.Column{
		chat.PromptColumn(`[{"role": "user", "content": "Name a colour."}]`, `[{"role": "user", "content": "Name a fruit."}]`, `"The sky is"`),
		chat.CompletionColumn("what it is to write", `[{"role": "assistant", "content": "Red."}]`, `[{"role": "assistant", "content": "A fig."}]`, `" blue."`),
		fields.WeightColumn("weight", "null", "0.5"),
	}, chat.ExtraColumns()...)
}

// Forms are texts and messages.
func (Formatter) Forms() []sdk.Form {
	return []sdk.Form{
		{
			Name:   "prompt + completion",
			Fields: []sdk.FormField{{Name: "prompt", Holds: sdk.String}, {Name: "completion", Holds: sdk.String}},
		},
		{
			Name:   "prompt + completion (role/content)",
			Fields: []sdk.FormField{{Name: "prompt", Keys: []string{"role"}}, {Name: "completion", Keys: []string{"role"}}},
			Chat:   true,
		},
	}
}

// Gives declares the weight of the example.
func (Formatter) Gives() []sdk.Output { return []sdk.Output{fields.WeightOutput()} }

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	part, err := chat.ReadPart(r, extras, chat.Named{Name: "prompt", Column: prompt}, chat.Named{Name: "completion", Column: completion})
	if err != nil {
		return err
	}
	w, err := fields.Weight(r, weight, "weight")
	if err != nil {
		return err
	}
	if part.Empty() {
		return o.Drop("an empty answer")
	}
	part.Add(o)
	o.Set("weight", w)
	return nil
}
