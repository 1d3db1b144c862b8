package record

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"llmhost/sdk"
)

// OfExample is what a formatter made of a record, as a record: prompt and answer of one
// candidate, texts with a separator of several, with their columns and labels.
func OfExample(e sdk.Example) (r Record, err error) {
	switch {
	case len(e.Candidates) == 0:
		return nil, errors.New("the formatter made no candidate")
	case e.Candidates[0].Chat != nil:
		r, err = ofChats(e.Candidates)
	case len(e.Candidates) == 1:
		r = ofText(e.Candidates[0])
	default:
		r = ofTexts(e.Candidates)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Columns)) {
		r = r.with(Record{{name, numberValue(e.Columns[name])}})
	}
	for _, name := range slices.Sorted(maps.Keys(e.Labels)) {
		r = r.with(Record{{name, Of(e.Labels[name])}})
	}
	return r, err
}

func numberValue(v float64) Value {
	return Value{Kind: Number, Text: strconv.FormatFloat(v, 'g', -1, 64)}
}

func ofText(c sdk.Candidate) Record {
	if c.Prompt == "" {
		return columnsOf(Record{{"text", Of(c.Answer)}}, c)
	}
	return columnsOf(Record{{"prompt", Of(c.Prompt)}, {"answer", Of(c.Answer)}}, c)
}

// columnsOf adds the columns of the one candidate.
func columnsOf(r Record, c sdk.Candidate) Record {
	for _, name := range slices.Sorted(maps.Keys(c.Columns)) {
		r = append(r, Member{name, numberValue(c.Columns[name])})
	}
	return r
}

// ofTexts is candidates as texts with a list of each column.
func ofTexts(all []sdk.Candidate) Record {
	texts := Value{Kind: List}
	for _, c := range all {
		texts.Items = append(texts.Items, Of(c.Prompt+Separator+c.Answer))
	}
	r := Record{{"texts", texts}}
	for _, name := range slices.Sorted(maps.Keys(all[0].Columns)) {
		list := Value{Kind: List}
		for _, c := range all {
			list.Items = append(list.Items, numberValue(c.Columns[name]))
		}
		r = append(r, Member{name, list})
	}
	return r
}

// ofChats is candidates that are chats: a conversation, an answer to a prompt, or two.
func ofChats(all []sdk.Candidate) (r Record, err error) {
	first := all[0].Chat
	prompt, err := ofMessages(first.Prompt)
	if err != nil {
		return nil, err
	}
	if len(all) > 2 {
		return nil, fmt.Errorf("the formatter made %d chats of the record, and a record has a place for two", len(all))
	}
	names := []string{"completion"}
	switch {
	case len(all) == 2 && all[1].Columns["score"] > all[0].Columns["score"]:
		names = []string{"rejected", "chosen"}
	case len(all) == 2:
		names = []string{"chosen", "rejected"}
	case len(first.Prompt) == 0:
		names = []string{"messages"}
	}
	if len(first.Prompt) > 0 {
		r = Record{{"prompt", prompt}}
	}
	for i, c := range all {
		answer, err := ofMessages(c.Chat.Answer)
		if err != nil {
			return nil, err
		}
		r = append(r, Member{names[i], answer})
	}
	for _, f := range []struct{ name, text string }{{"tools", first.Tools}, {"documents", first.Documents}, {"chat_template_kwargs", first.Args}} {
		if f.text == "" {
			continue
		}
		v, err := Parse(f.text)
		if err != nil {
			return nil, fmt.Errorf("%s %w", f.name, err)
		}
		r = append(r, Member{f.name, v})
	}
	return r, nil
}

func ofMessages(all []sdk.Message) (list Value, err error) {
	list.Kind = List
	for _, m := range all {
		v, err := Parse(m.JSON)
		if err != nil {
			return list, fmt.Errorf("a message %w", err)
		}
		if m.Learn != sdk.LearnDefault {
			v.Members = append(v.Members, Member{"train", Value{Kind: Bool, Text: strconv.FormatBool(m.Learn == sdk.LearnYes)}})
		}
		list.Items = append(list.Items, v)
	}
	return list, nil
}
