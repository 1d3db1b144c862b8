package record

import (
	"fmt"
	"slices"
	"strings"
)

// senders are the names of roles in conversations with from and value.
var senders = map[string]string{User: "human", Assistant: "gpt", System: "system", Tool: "observation"}

// turn is a message with from and value.
func (m meaning) turn(t message) (Value, error) {
	text := t.content
	if m.plain {
		text = Of(strings.TrimSpace(text.Text))
	}
	from, known := senders[t.role]
	if !known {
		from = t.role
	}
	more := t.more
	if calls := (Value{Members: more}).Get("tool_calls"); calls.Kind == List {
		if !text.IsBlank() {
			return Value{}, fmt.Errorf("a turn with a text and calls of tools has no place in this form")
		}
		from, text = "function_call", Of(callsText(calls))
		more = slices.DeleteFunc(slices.Clone(more), func(m Member) bool { return m.Name == "tool_calls" })
	}
	if text.Kind != String {
		return Value{}, fmt.Errorf("a turn whose content is %s has no place in this form", text.Kind)
	}
	return Value{Kind: Object, Members: append([]Member{{"from", Of(from)}, {"value", text}}, more...)}, nil
}

// callsText is calls of tools as LLaMA-Factory writes them: one as an object, several as
// a list.
func callsText(calls Value) string {
	list := Value{Kind: List}
	for _, call := range calls.Items {
		if f := call.Get("function"); f.Kind == Object {
			call = f
		}
		list.Items = append(list.Items, call)
	}
	if len(list.Items) == 1 {
		return list.Items[0].JSON()
	}
	return list.JSON()
}

// conversations are messages with from and value, and the fields that go with them.
func (m meaning) conversations(messages []message) (head, tail Record, err error) {
	if len(messages) > 0 && messages[0].role == System && messages[0].content.Kind == String {
		tail = Record{{"system", messages[0].content}}
		messages = messages[1:]
	}
	list := Value{Kind: List}
	for _, t := range messages {
		turn, err := m.turn(t)
		if err != nil {
			return nil, nil, err
		}
		list.Items = append(list.Items, turn)
	}
	return Record{{"conversations", list}}, m.withTools(tail), nil
}

func writeShareGPT(m meaning) ([]Record, error) {
	all, err := m.turns()
	if err != nil {
		return nil, err
	}
	head, tail, err := m.conversations(all)
	return []Record{append(head, tail...)}, err
}

func writeShareGPTRanking(m meaning) (all []Record, err error) {
	pairs, err := m.pairs()
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		head, tail, err := m.conversations(m.prompt)
		if err != nil {
			return nil, err
		}
		for i, name := range []string{"chosen", "rejected"} {
			if len(p[i].messages) != 1 {
				return nil, fmt.Errorf("the answer has %d turns, and this form has a place for one", len(p[i].messages))
			}
			turn, err := m.turn(p[i].messages[0])
			if err != nil {
				return nil, err
			}
			head = append(head, Member{name, turn})
		}
		all = append(all, append(head, tail...))
	}
	return all, nil
}

func writeShareGPTKTO(m meaning) (all []Record, err error) {
	answers, err := m.labelled()
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		head, tail, err := m.conversations(slices.Concat(m.prompt, a.messages))
		if err != nil {
			return nil, err
		}
		all = append(all, slices.Concat(head, Record{{"kto_tag", a.good}}, tail))
	}
	return all, nil
}
