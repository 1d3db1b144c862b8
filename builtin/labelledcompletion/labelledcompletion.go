// Package labelledcompletion holds the formatter of answers that are each good or
// bad, as TRL's unpaired preferences:
//
//	{"prompt": [{"role": "user", "content": "2 + 2?"}], "completion": [{"role": "assistant", "content": "4"}], "label": true}
//
// A pair of answers is one of each, as TRL unpairs it:
//
//	{"prompt": "2 + 2 = ", "chosen": "4", "rejected": "5"}
package labelledcompletion

import (
	"llmhost/builtin/chat"
	"llmhost/builtin/chatpairs"
	"llmhost/sdk"
)

// Plugin holds the formatters with their names.
var Plugin = sdk.Plugin{
	Name: "labelled_completion", Version: "1.0.0", Doc: "records of answers that are each good or bad",
	Formatters: []sdk.FormatterSpec{
		sdk.NewFormatter(
			"labelled_completion",
			"a prompt, its completion and whether that is good, as texts or as messages",
			Formatter{},
		),
		sdk.NewFormatter(
			"unpaired",
			"a chosen and a rejected answer, as one that is good and one that is bad",
			Unpaired{},
		),
	},
}

// Formatter makes an example of one candidate, whose column "score" is 1 for the
// label true and −1 for false. A record whose completion is empty or blank is
// dropped.
type Formatter struct{}

// The columns, in their order.
const (
	prompt = iota
	completion
	label
	extras
)

// Columns declares prompt, completion and label, and what may accompany a chat.
func (Formatter) Columns() []sdk.Column {
	return append([]sdk.Column{
		chat.PromptColumn(`[{"role": "user", "content": "2 + 2?"}]`, `[{"role": "user", "content": "3 + 3?"}]`, `"2 + 2 = "`),
		chat.CompletionColumn("what it might write", `[{"role": "assistant", "content": "4"}]`, `[{"role": "assistant", "content": "7"}]`, `"4"`),
		{
			Name:     "label",
			Type:     sdk.Bool,
			Required: true,
			Role:     sdk.RewardRole,
			Doc:      "whether it should",
			Examples: []string{"true", "false", "true"},
		},
	}, chat.ExtraColumns()...)
}

// Forms is that of messages: the formatter of KTO reads texts under these names
// too, and records of texts are its.
func (Formatter) Forms() []sdk.Form {
	return []sdk.Form{{
		Name:   "prompt + completion + label (role/content)",
		Fields: []sdk.FormField{{Name: "prompt", Keys: []string{"role"}}, {Name: "completion", Keys: []string{"role"}}, {Name: "label"}},
		Chat:   true,
	}}
}

// Gives declares the score of the candidate.
func (Formatter) Gives() []sdk.Output {
	return []sdk.Output{{Name: "score", Role: sdk.RewardRole}}
}

// Format makes the one candidate.
func (Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	part, err := chat.ReadPart(r, extras, chat.Named{Name: "prompt", Column: prompt}, chat.Named{Name: "completion", Column: completion})
	if err != nil {
		return err
	}
	if part.Empty() {
		return o.Drop("an empty answer")
	}
	part.Add(o).Set("score", Sign(r.Bool(label)))
	return nil
}

// Sign is the score of an answer that is good or bad.
func Sign(good bool) float64 {
	if good {
		return 1
	}
	return -1
}

// Unpaired makes an example of two candidates of a pair, whose columns "score" are
// 1 and −1. It reads what chatpairs.Formatter reads.
type Unpaired struct{ chatpairs.Formatter }

// Gives declares the score of each candidate.
func (Unpaired) Gives() []sdk.Output { return Formatter{}.Gives() }

// Format makes the two candidates.
func (f Unpaired) Format(r *sdk.Row, o *sdk.Out) error {
	chosen, rejected, err := f.Pair(r)
	if err != nil {
		return err
	}
	if chosen.Empty() || rejected.Empty() {
		return o.Drop("an empty answer")
	}
	chosen.Add(o).Set("score", 1)
	rejected.Add(o).Set("score", -1)
	return nil
}

// Forms are those of chatpairs.Formatter, and pairs of texts.
func (f Unpaired) Forms() []sdk.Form {
	texts := []sdk.FormField{{Name: "prompt", Holds: sdk.String}, {Name: "chosen", Holds: sdk.String}, {Name: "rejected", Holds: sdk.String}}
	return append(f.Formatter.Forms(),
		sdk.Form{Name: "prompt + chosen + rejected", Fields: texts},
		sdk.Form{Name: "chosen + rejected", Fields: texts[1:], Without: []string{"prompt", "instruction", "conversations", "question", "input"}},
	)
}
