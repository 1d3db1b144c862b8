// Package hh holds the formatters of dialogs as Anthropic's HH data writes them, in
// one text:
//
//	{"chosen": "\n\nHuman: hi\n\nAssistant: hello", "rejected": "\n\nHuman: hi\n\nAssistant: no"}
//	{"text": "\n\nHuman: hi\n\nAssistant: hello"}
//
// They become turns of a chat, which the model's chat template lays out. As texts
// the formatters chosen_rejected and plain_text read the same records.
//
// Data: Bai et al. 2022, arXiv:2204.05862.
package hh

import (
	"errors"
	"strconv"
	"strings"

	"llmhost/builtin/chat"
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Plugin holds the formatters with their names.
var Plugin = sdk.Plugin{
	Name: "hh", Version: "1.0.0", Doc: "dialogs of a human and an assistant in one text, as chats",
	Formatters: []sdk.FormatterSpec{
		sdk.NewFormatter(
			"hh_dialog",
			"a dialog in one text, as turns of a chat",
			Formatter{},
		),
		sdk.NewFormatter(
			"hh_pairs",
			"a chosen and a rejected dialog, each in one text, as turns of a chat",
			Pairs{},
		),
	},
}

// marks begin the turns.
var marks = []struct{ mark, role string }{{"\n\nHuman:", "user"}, {"\n\nAssistant:", "assistant"}}

// turns takes a dialog apart. The text of a turn is what stands between its mark
// and the next, without the blanks around it.
func turns(name, text string) (messages []sdk.Message, err error) {
	role, rest := "", "\n\n"+strings.TrimLeft(text, "\n ")
	for {
		at, next := len(rest), -1
		for i, m := range marks {
			if found := strings.Index(rest, m.mark); found >= 0 && found < at {
				at, next = found, i
			}
		}
		said := strings.TrimSpace(rest[:at])
		switch {
		case role != "":
			messages = append(messages, sdk.NewMessage(role, said))
		case said != "" || next < 0:
			return nil, errors.New("field " + strconv.Quote(name) + ` does not begin with "Human:" or "Assistant:" after an empty line; want a dialog, or the formatter of texts`)
		}
		if next < 0 {
			return messages, nil
		}
		role, rest = marks[next].role, rest[at+len(marks[next].mark):]
	}
}

// Formatter makes an example of one candidate, the whole dialog, with the example
// column "weight". A dialog without an answer is dropped.
type Formatter struct{}

// Columns declares text and weight.
func (Formatter) Columns() []sdk.Column {
	return []sdk.Column{
		{
			Name:     "text",
			Type:     sdk.String,
			Required: true,
			Doc:      "a dialog whose turns begin with Human: and Assistant: after an empty line",
			Examples: []string{`"\n\nHuman: hi\n\nAssistant: hello"`},
		},
		fields.WeightColumn("weight", "0.5"),
	}
}

// Forms is none: the field alone does not tell a dialog from another text.
func (Formatter) Forms() []sdk.Form { return []sdk.Form{} }

// Allow says that marks and the blanks around turns do not come out as they went in.
func (Formatter) Allow() map[string]string { return takenApart() }

func takenApart() map[string]string {
	return map[string]string{"texts": "a dialog is taken apart at its marks, and a turn has no blanks around it"}
}

// Gives declares the weight of the example.
func (Formatter) Gives() []sdk.Output { return []sdk.Output{fields.WeightOutput()} }

// Format makes the one candidate.
func (Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	messages, err := turns("text", r.Str(0))
	if err != nil {
		return err
	}
	w, err := fields.Weight(r, 1, "weight")
	if err != nil {
		return err
	}
	if reason := chat.Useless(messages); reason != "" {
		return o.Drop(reason)
	}
	o.Chat(sdk.Chat{Answer: messages})
	o.Set("weight", w)
	return nil
}

// Pairs makes an example of two candidates, with the column "score", 1 for the
// chosen and 0 for the rejected answer, and the example column "weight". The prompt
// is what both dialogs have in common. A pair is dropped if an answer is empty.
type Pairs struct{}

// Columns declares the dialogs and the weight.
func (Pairs) Columns() []sdk.Column {
	return []sdk.Column{
		{
			Name:     "chosen",
			Type:     sdk.String,
			Required: true,
			Doc:      "the better dialog",
			Examples: []string{`"\n\nHuman: hi\n\nAssistant: hello"`},
		},
		{
			Name:     "rejected",
			Type:     sdk.String,
			Required: true,
			Doc:      "the worse dialog",
			Examples: []string{`"\n\nHuman: hi\n\nAssistant: no"`},
		},
		fields.WeightColumn("weight", "0.5"),
	}
}

// Forms is none: the fields alone do not tell dialogs from other texts.
func (Pairs) Forms() []sdk.Form { return []sdk.Form{} }

// Allow says what that of Formatter does.
func (Pairs) Allow() map[string]string { return takenApart() }

// Gives declares the score of each candidate and the weight of the example.
func (Pairs) Gives() []sdk.Output { return fields.RankedOutputs() }

// Format makes the two candidates.
func (Pairs) Format(r *sdk.Row, o *sdk.Out) error {
	chosen, err := turns("chosen", r.Str(0))
	if err != nil {
		return err
	}
	rejected, err := turns("rejected", r.Str(1))
	if err != nil {
		return err
	}
	w, err := fields.Weight(r, 2, "weight")
	if err != nil {
		return err
	}
	prompt, better, worse := chat.ExtractPrompt(chosen, rejected)
	for i, answer := range [][]sdk.Message{better, worse} {
		part := chat.Part{Chat: &sdk.Chat{Prompt: prompt, Answer: answer}}
		if part.Empty() {
			return o.Drop("an empty answer")
		}
		part.Add(o).Set("score", float64(1-i))
	}
	o.Set("weight", w)
	return nil
}
