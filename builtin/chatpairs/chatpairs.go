// Package chatpairs holds the formatter of a chosen and a rejected answer that are
// messages, the data of preference losses and of reward models:
//
//	{"prompt": [{"role": "user", "content": "2 + 2?"}], "chosen": [{"role": "assistant", "content": "4"}], "rejected": [{"role": "assistant", "content": "5"}]}
//
// Without a prompt both are whole conversations, and the prompt is what they have in
// common. OpenAI's preferences and axolotl's messages beside a pair are read too.
package chatpairs

import (
	"errors"
	"strconv"

	"llmhost/builtin/chat"
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Plugin is the formatter with its name.
var Plugin = sdk.Plugin{
	Name: "chat_pairs", Version: "1.0.0", Doc: "records of a chosen and a rejected answer that are messages",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"chat_pairs",
		"a chosen and a rejected answer as messages, which the chat template lays out",
		Formatter{},
	)},
}

// Formatter makes an example of two candidates, with the column "score", 1 for the
// chosen and 0 for the rejected answer, and the example columns "weight" and "margin". The pair
// comes with the prompt, with the messages before it, or with neither, where
// chat.ExtractPrompt cuts it; a prompt that is a text beside conversations is
// theirs, and not read. A record is dropped if an answer is empty.
type Formatter struct{}

// The columns, in their order; those of chat.ExtraColumns follow.
const (
	prompt = iota
	chosen
	rejected
	messages
	input
	preferred
	nonPreferred
	system
	weight
	margin
	extras
)

// names are the columns' fields.
var names = [...]string{
	"prompt", "chosen", "rejected", "messages", "input", "preferred_output",
	"non_preferred_output", "system", "weight", "margin",
}

// Examples of what the fields hold.
const (
	user   = `[{"role": "user", "content": "2 + 2?"}]`
	good   = `[{"role": "assistant", "content": "4"}]`
	bad    = `[{"role": "assistant", "content": "5"}]`
	better = `[{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]`
	worse  = `[{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "5"}]`
)

// Columns declares the fields of all forms.
func (Formatter) Columns() []sdk.Column {
	docs := [...]struct {
		doc      string
		examples []string
	}{
		{"what the model is given", []string{user, "null", "null", "null"}},
		{"the better answer", []string{good, better, `{"role": "assistant", "content": "4"}`, "null"}},
		{"the worse answer", []string{bad, worse, `"5"`, "null"}},
		{"what the model is given, before a chosen and a rejected message", []string{"null", "null", user, "null"}},
		{"OpenAI: the messages of the prompt, and tools", []string{"null", "null", "null", `{"messages": ` + user + `}`}},
		{"OpenAI: the better answer", []string{"null", "null", "null", good}},
		{"OpenAI: the worse answer", []string{"null", "null", "null", bad}},
	}
	var columns []sdk.Column
	for i, d := range docs {
		columns = append(columns, sdk.Column{
			Name:     names[i],
			Type:     sdk.JSON,
			Doc:      d.doc,
			Examples: d.examples,
		})
	}
	columns = append(columns,
		sdk.Column{Name: "system", Type: sdk.String, Doc: "the system message, where the prompt has none"},
		fields.WeightColumn("weight", "null", "0.5"),
		fields.MarginColumn("margin", "null", "0.5"),
	)
	return append(columns, chat.ExtraColumns()...)
}

// Forms lists what a pair may come with.
func (Formatter) Forms() []sdk.Form {
	role := []string{"role"}
	return []sdk.Form{
		{
			Name:   "prompt + chosen + rejected (role/content)",
			Fields: []sdk.FormField{{Name: "prompt", Keys: role}, {Name: "chosen", Keys: role}, {Name: "rejected", Keys: role}},
			Chat:   true,
		},
		{
			Name:   "chosen + rejected (role/content)",
			Fields: []sdk.FormField{{Name: "chosen", Keys: role}, {Name: "rejected", Keys: role}},
			Chat:   true,
		},
		{
			Name:   "messages + chosen + rejected (role/content)",
			Fields: []sdk.FormField{{Name: "messages", Keys: role}, {Name: "chosen"}, {Name: "rejected"}},
			Chat:   true,
		},
		{
			Name: "input + preferred_output + non_preferred_output (role/content)",
			Fields: []sdk.FormField{
				{Name: "input", Keys: []string{"messages"}},
				{Name: "preferred_output", Keys: role},
				{Name: "non_preferred_output", Keys: role},
			},
			Chat: true,
		},
	}
}

// Gives declares the score of each candidate, and the weight and margin of the example.
func (Formatter) Gives() []sdk.Output { return append(fields.RankedOutputs(), fields.MarginOutput()) }

// Format makes the two candidates.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	better, worse, err := f.Pair(r)
	if err != nil {
		return err
	}
	w, err := fields.Weight(r, weight, names[weight])
	if err != nil {
		return err
	}
	if better.Empty() || worse.Empty() {
		return o.Drop("an empty answer")
	}
	better.Add(o).Set("score", 1)
	worse.Add(o).Set("score", 0)
	o.Set("weight", w)
	o.Set("margin", r.Float(margin))
	return nil
}

// Pair reads the two answers of a record, with their prompt. Texts are read too,
// for formatters that take them.
func (f Formatter) Pair(r *sdk.Row) (better, worse chat.Part, err error) {
	if r.Has(input) {
		return openAI(r)
	}
	for _, at := range []int{chosen, rejected} {
		if !r.Has(at) {
			return better, worse, errors.New("field " + strconv.Quote(names[at]) + " missing; want a chosen and a rejected answer")
		}
	}
	if first, is := sdk.JSONText(r.JSON(chosen)); is && !r.Has(messages) && !chat.IsList(first, "role") {
		return texts(r)
	}
	whole, err := chat.Extras(r, extras)
	if err != nil {
		return better, worse, err
	}
	start, a, b, err := turns(r)
	if err != nil {
		return better, worse, err
	}
	whole.Prompt = chat.WithSystem(r.Str(system), start)
	return pairOf(whole, a, b)
}

// pairOf are the parts of two answers to one prompt.
func pairOf(whole sdk.Chat, a, b []sdk.Message) (better, worse chat.Part, err error) {
	first, second := whole, whole
	first.Answer, second.Answer = a, b
	return chat.Part{Chat: &first}, chat.Part{Chat: &second}, nil
}

// turns are the messages of the prompt and of the two answers. Messages that end in an
// answer are one of the two conversations, or their like, and no prompt of theirs.
func turns(r *sdk.Row) (start, a, b []sdk.Message, err error) {
	if r.Has(messages) && !r.Has(prompt) {
		start, a, b, err = besideMessages(r)
		if err != nil || len(start) == 0 || !chat.Answers(start[len(start)-1]) {
			return start, a, b, err
		}
		if !chat.IsList(r.JSON(chosen), "role") {
			return nil, nil, nil, errors.New("field " + strconv.Quote(names[messages]) + " ends in an answer; want the messages that come before the two answers")
		}
	}
	if a, err = chat.Read(names[chosen], r.JSON(chosen)); err != nil {
		return nil, nil, nil, err
	}
	if b, err = chat.Read(names[rejected], r.JSON(rejected)); err != nil {
		return nil, nil, nil, err
	}
	if r.Has(prompt) && chat.IsList(r.JSON(prompt), "role") {
		start, err = chat.Read(names[prompt], r.JSON(prompt))
		return start, a, b, err
	}
	start, a, b = chat.ExtractPrompt(a, b)
	return start, a, b, nil
}

// besideMessages reads a pair whose prompt is in messages: each answer is a
// message, a text, or a conversation of which the last message counts.
func besideMessages(r *sdk.Row) (start, a, b []sdk.Message, err error) {
	if start, err = chat.Read(names[messages], r.JSON(messages)); err != nil {
		return nil, nil, nil, err
	}
	for _, answer := range []struct {
		column int
		into   *[]sdk.Message
	}{{chosen, &a}, {rejected, &b}} {
		if *answer.into, err = lastOf(names[answer.column], r.JSON(answer.column)); err != nil {
			return nil, nil, nil, err
		}
	}
	return start, a, b, nil
}

// lastOf is the answer that a field holds in any of those ways.
func lastOf(name, value string) ([]sdk.Message, error) {
	if text, is := sdk.JSONText(value); is && !chat.IsList(text, "role") {
		return []sdk.Message{sdk.NewMessage("assistant", text)}, nil
	}
	if chat.IsObject(value) {
		value = "[" + value + "]"
	}
	all, err := chat.Read(name, value)
	if err != nil || len(all) == 0 {
		return all, err
	}
	return all[len(all)-1:], nil
}

// openAI reads OpenAI's form of preferences.
func openAI(r *sdk.Row) (better, worse chat.Part, err error) {
	pairs, err := sdk.JSONFields(r.JSON(input))
	if err != nil {
		return better, worse, errors.New("field " + strconv.Quote(names[input]) + " is " + err.Error())
	}
	var whole sdk.Chat
	for _, f := range pairs {
		switch f.Key {
		case "messages":
			if whole.Prompt, err = chat.Read("input.messages", f.Value); err != nil {
				return better, worse, err
			}
		case "tools":
			whole.Tools = chat.Unquoted(f.Value)
		}
	}
	if whole.Tools == "null" || whole.Tools == "[]" {
		whole.Tools = ""
	}
	a, err := chat.Read(names[preferred], r.JSON(preferred))
	if err != nil {
		return better, worse, err
	}
	b, err := chat.Read(names[nonPreferred], r.JSON(nonPreferred))
	if err != nil {
		return better, worse, err
	}
	return pairOf(whole, a, b)
}

// texts reads a pair of texts, with a prompt or with a common beginning.
func texts(r *sdk.Row) (better, worse chat.Part, err error) {
	a, _ := sdk.JSONText(r.JSON(chosen))
	b, is := sdk.JSONText(r.JSON(rejected))
	if !is {
		return better, worse, errors.New("field " + strconv.Quote(names[chosen]) + " is a text, and " + strconv.Quote(names[rejected]) + " is none; want two texts or two lists of messages")
	}
	if err := chat.NoExtras(r, extras, names[chosen]); err != nil {
		return better, worse, err
	}
	if !r.Has(prompt) {
		at := chat.CommonStart(a, b)
		return chat.Part{Prompt: a[:at], Answer: a[at:]}, chat.Part{Prompt: b[:at], Answer: b[at:]}, nil
	}
	p, is := sdk.JSONText(r.JSON(prompt))
	if !is {
		return better, worse, errors.New("field " + strconv.Quote(names[prompt]) + " is no text, and " + strconv.Quote(names[chosen]) + " is one; want both alike")
	}
	return chat.Part{Prompt: p, Answer: a}, chat.Part{Prompt: p, Answer: b}, nil
}
