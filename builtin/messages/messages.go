// Package messages holds the formatter of conversations as OpenAI and TRL write
// them:
//
//	{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
//
// The model's chat template lays them out. What package chat says of messages
// holds here.
package messages

import (
	"llmhost/builtin/chat"
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Plugin is the formatter with its name.
var Plugin = sdk.Plugin{
	Name: "messages", Version: "1.0.0", Doc: "conversations of messages with role and content",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"messages",
		"a conversation of messages with role and content, which the chat template lays out",
		Formatter{},
	)},
}

// Formatter makes an example of one candidate, the whole conversation, with the
// example column "weight". What is learned of it the run says. A text in the field
// system becomes the first message where the conversation has no system message. A
// record is dropped if its last turn of the assistant is empty, or if it has none.
type Formatter struct {
	MessagesName string `llmhost:"messages_name,doc=field that holds the list of turns, each with role and content; empty: messages, or conversations or conversation if the record has that"`
}

// The columns, in their order; those of chat.ExtraColumns follow.
const (
	system = iota
	weight
	extras
	turns = 5 // the names of the messages come last
)

func (f Formatter) names() []string {
	if f.MessagesName != "" {
		return []string{f.MessagesName}
	}
	return []string{"messages", "conversations", "conversation"}
}

// Columns declares system, weight and what may accompany a chat, then the turns
// under each of their possible names.
func (f Formatter) Columns() []sdk.Column {
	columns := []sdk.Column{
		{
			Name:     "system",
			Type:     sdk.String,
			Doc:      "the system message, where the conversation has none",
			Examples: []string{"null", `"Be kind."`},
		},
		fields.WeightColumn("weight", "null", "0.5"),
	}
	columns = append(columns, chat.ExtraColumns()...)
	for i, name := range f.names() {
		examples := []string{dialog, dialog}
		if i > 0 {
			examples = []string{"null", "null"}
		}
		columns = append(columns, sdk.Column{
			Name:     name,
			Type:     sdk.JSON,
			Doc:      "turns of a conversation, each with role and content",
			Examples: examples,
		})
	}
	return columns
}

// dialog is an example of a record's field.
const dialog = `[{"role": "user", "content": "Name a colour."}, {"role": "assistant", "content": "Red."}]`

// Forms is one form for each name of the messages.
func (f Formatter) Forms() (forms []sdk.Form) {
	for _, name := range f.names() {
		forms = append(forms, sdk.Form{
			Name:   name + " (role/content)",
			Fields: []sdk.FormField{{Name: name, Keys: []string{"role"}}},
			Chat:   true,
		})
	}
	return forms
}

// Gives declares the weight of the example.
func (Formatter) Gives() []sdk.Output { return []sdk.Output{fields.WeightOutput()} }

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	at, err := fields.Present(r, turns, f.names(), "messages_name")
	if err != nil {
		return err
	}
	conversation, err := chat.Read(f.names()[at-turns], r.JSON(at))
	if err != nil {
		return err
	}
	if len(conversation) == 0 {
		return o.Drop("a conversation without messages")
	}
	if reason := chat.Useless(conversation); reason != "" {
		return o.Drop(reason)
	}
	whole, err := chat.Extras(r, extras)
	if err != nil {
		return err
	}
	w, err := fields.Weight(r, weight, "weight")
	if err != nil {
		return err
	}
	whole.Answer = chat.WithSystem(r.Str(system), conversation)
	o.Chat(whole)
	o.Set("weight", w)
	return nil
}
