// Package sharegpt holds the formatters of conversations in ShareGPT's form, as
// LLaMA-Factory's dataset_info.json describes it:
//
//	{"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}], "system": "Be kind.", "tools": "[]"}
//
// Turns alternate: those of the user or a tool, and those of the assistant, which
// may call tools. A conversation in another order is dropped, as LLaMA-Factory
// drops it; one from someone unknown is an error.
package sharegpt

import (
	"errors"
	"strconv"

	"llmhost/builtin/chat"
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Plugin holds the formatters with their names.
var Plugin = sdk.Plugin{
	Name: "sharegpt", Version: "1.0.0", Doc: "conversations of turns with from and value",
	Formatters: []sdk.FormatterSpec{
		sdk.NewFormatter(
			"sharegpt",
			"a conversation of turns with from and value, which the chat template lays out",
			Formatter{standard()},
		),
		sdk.NewFormatter(
			"sharegpt_pairs",
			"a conversation of turns with from and value, and a chosen and a rejected answer to it",
			Pairs{standard()},
		),
		sdk.NewFormatter(
			"sharegpt_labelled",
			"a conversation of turns with from and value, and whether its last answer is good",
			Labelled{standard()},
		),
	},
}

// The columns of all three, in their order; those of chat.ExtraColumns follow.
const (
	conversations = iota
	systemText
	extras
	own = 5 // the first of a formatter's own
)

// columns are those that all three read, then a formatter's own.
func columns(dialogs []string, more ...sdk.Column) []sdk.Column {
	shared := append([]sdk.Column{
		{
			Name:     "conversations",
			Type:     sdk.JSON,
			Required: true,
			Doc:      "turns, each with from and value",
			Examples: dialogs,
		},
		{
			Name:     "system",
			Type:     sdk.String,
			Doc:      "the system message, where the turns have none",
			Examples: []string{`"Be kind."`, `"Be brief."`, "null"},
		},
	}, chat.ExtraColumns()...)
	return append(shared, more...)
}

// Examples of turns in the standard form.
var (
	asked = []string{
		`[{"from": "human", "value": "2 + 2?"}]`,
		`[{"from": "human", "value": "2 + 2?"}, {"from": "function_call", "value": "{\"name\": \"add\", \"arguments\": {\"a\": 2, \"b\": 2}}"}, {"from": "observation", "value": "4"}]`,
		`[{"from": "system", "value": "Compute."}, {"from": "human", "value": "2 + 2?"}]`,
	}
	answered = []string{closed(asked[0]), closed(asked[1]), closed(asked[2])}
)

// closed are turns with an answer at their end.
func closed(turns string) string {
	return turns[:len(turns)-1] + `, {"from": "gpt", "value": "Four."}]`
}

// turnsField is the field of the turns in a form.
func (t Tags) turnsField() sdk.FormField {
	return sdk.FormField{Name: "conversations", Keys: []string{t.RoleTag, t.ContentTag}}
}

// words name the keys in the name of a form: " (from/value)".
func (t Tags) words() string { return " (" + t.RoleTag + "/" + t.ContentTag + ")" }

// chat reads the turns and what accompanies them. Its prompt is all of them but a
// system message, which may be a field of its own and then comes first.
func (t Tags) chat(r *sdk.Row) (whole sdk.Chat, turns []turn, err error) {
	if turns, err = t.read("conversations", r.JSON(conversations)); err != nil {
		return whole, nil, err
	}
	if whole, err = chat.Extras(r, extras); err != nil {
		return whole, nil, err
	}
	if whole.Tools, err = chat.Envelopes(whole.Tools); err != nil {
		return whole, nil, err
	}
	if len(turns) > 0 && turns[0].kind == system {
		whole.Prompt = append(whole.Prompt, turns[0].message)
		turns = turns[1:]
	} else {
		whole.Prompt = chat.WithSystem(r.Str(systemText), nil)
	}
	return whole, turns, nil
}

// messagesOf are the messages of turns.
func messagesOf(turns []turn) (messages []sdk.Message) {
	for _, t := range turns {
		messages = append(messages, t.message)
	}
	return messages
}

// Formatter makes an example of one candidate, the whole conversation, with the
// example column "weight". What is learned of it the run says.
type Formatter struct{ Tags }

// Columns declares the turns, the system message, what may accompany a chat, and
// the weight.
func (Formatter) Columns() []sdk.Column {
	return columns(answered, fields.WeightColumn("weight", "null", "0.5"))
}

// Forms is the one form of records.
func (f Formatter) Forms() []sdk.Form {
	return []sdk.Form{{Name: "conversations" + f.words(), Fields: []sdk.FormField{f.turnsField()}, Chat: true}}
}

// Gives declares the weight of the example.
func (Formatter) Gives() []sdk.Output { return []sdk.Output{fields.WeightOutput()} }

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	whole, turns, err := f.chat(r)
	if err != nil {
		return err
	}
	w, err := fields.Weight(r, own, "weight")
	if err != nil {
		return err
	}
	if reason := ordered(turns, false); reason != "" {
		return o.Drop(reason)
	}
	if chat.Empty(turns[len(turns)-1].message) {
		return o.Drop("an empty answer")
	}
	whole.Prompt, whole.Answer = nil, append(whole.Prompt, messagesOf(turns)...)
	o.Chat(whole)
	o.Set("weight", w)
	return nil
}

// Pairs makes an example of two candidates, with the column "score", 1 for the
// chosen and 0 for the rejected turn, and the example column "weight".
type Pairs struct{ Tags }

// Columns declares the turns before the pair, the system message, what may
// accompany a chat, the pair and the weight.
func (Pairs) Columns() []sdk.Column {
	return columns(asked,
		sdk.Column{Name: "chosen", Type: sdk.JSON, Required: true, Doc: "the better answer, a turn", Examples: []string{`{"from": "gpt", "value": "4"}`, `{"from": "gpt", "value": "Four."}`, `{"from": "gpt", "value": "It is 4."}`}},
		sdk.Column{Name: "rejected", Type: sdk.JSON, Required: true, Doc: "the worse answer, a turn", Examples: []string{`{"from": "gpt", "value": "5"}`, `{"from": "gpt", "value": "Five."}`, `{"from": "gpt", "value": "It is 5."}`}},
		fields.WeightColumn("weight", "null", "0.5"),
	)
}

// Forms is the one form of records.
func (f Pairs) Forms() []sdk.Form {
	keys := f.turnsField().Keys
	return []sdk.Form{{
		Name:   "conversations + chosen + rejected" + f.words(),
		Fields: []sdk.FormField{f.turnsField(), {Name: "chosen", Keys: keys}, {Name: "rejected", Keys: keys}},
		Chat:   true,
	}}
}

// Gives declares the score of each candidate and the weight of the example.
func (Pairs) Gives() []sdk.Output { return fields.RankedOutputs() }

// Format makes the two candidates.
func (f Pairs) Format(r *sdk.Row, o *sdk.Out) error {
	whole, turns, err := f.chat(r)
	if err != nil {
		return err
	}
	w, err := fields.Weight(r, own+2, "weight")
	if err != nil {
		return err
	}
	if reason := ordered(turns, true); reason != "" {
		return o.Drop(reason)
	}
	whole.Prompt = append(whole.Prompt, messagesOf(turns)...)
	for i, name := range []string{"chosen", "rejected"} {
		answer, err := f.turn(name, r.JSON(own+i))
		switch {
		case err != nil:
			return err
		case answer.kind != assistant && answer.kind != function:
			return errors.New("field " + strconv.Quote(name) + " is no turn of the assistant")
		case chat.Empty(answer.message):
			return o.Drop("an empty answer")
		}
		whole.Answer = []sdk.Message{answer.message}
		o.Chat(whole).Set("score", float64(1-i))
	}
	o.Set("weight", w)
	return nil
}

// Labelled makes an example of one candidate, the last answer to what is before it,
// whose column "score" is 1 where kto_tag is true and −1 where it is false.
type Labelled struct{ Tags }

// Columns declares the turns, the system message, what may accompany a chat, and
// the label.
func (Labelled) Columns() []sdk.Column {
	return columns(answered, sdk.Column{
		Name:     "kto_tag",
		Type:     sdk.Bool,
		Role:     sdk.RewardRole,
		Required: true,
		Doc:      "whether the last answer is good",
		Examples: []string{"true", "false", "true"},
	})
}

// Forms is the one form of records.
func (f Labelled) Forms() []sdk.Form {
	return []sdk.Form{{Name: "conversations + kto_tag" + f.words(), Fields: []sdk.FormField{f.turnsField(), {Name: "kto_tag"}}, Chat: true}}
}

// Gives declares the score of the candidate.
func (Labelled) Gives() []sdk.Output {
	return []sdk.Output{{Name: "score", Role: sdk.RewardRole}}
}

// Format makes the one candidate.
func (f Labelled) Format(r *sdk.Row, o *sdk.Out) error {
	whole, turns, err := f.chat(r)
	if err != nil {
		return err
	}
	if reason := ordered(turns, false); reason != "" {
		return o.Drop(reason)
	}
	last := len(turns) - 1
	if chat.Empty(turns[last].message) {
		return o.Drop("an empty answer")
	}
	whole.Prompt = append(whole.Prompt, messagesOf(turns[:last])...)
	whole.Answer = []sdk.Message{turns[last].message}
	score := -1.0
	if r.Bool(own) {
		score = 1
	}
	o.Chat(whole).Set("score", score)
	return nil
}
