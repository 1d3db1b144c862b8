package record

import (
	"fmt"
	"slices"
	"strings"
)

// alpacaPrompt are the fields of the prompt: the last turn of the user, what is before
// it as history, and the system's.
func (m meaning) alpacaPrompt() (head, tail Record, err error) {
	turns := m.prompt
	if len(turns) > 0 && turns[0].role == System {
		tail = Record{{"system", Of(turns[0].text())}}
		turns = turns[1:]
	}
	if m.tools.Kind > Null {
		return nil, nil, fmt.Errorf("tools have no place in this form")
	}
	if err := onlyTurns(turns); err != nil {
		return nil, nil, err
	}
	if len(turns)%2 == 0 {
		return nil, nil, fmt.Errorf("the prompt does not end in a turn of the user after whole pairs of turns")
	}
	history := Value{Kind: List}
	for i := 0; i+1 < len(turns); i += 2 {
		if turns[i].role != User || turns[i+1].role != Assistant {
			return nil, nil, fmt.Errorf("turn %d does not alternate between user and assistant", i+1)
		}
		history.Items = append(history.Items, Value{Kind: List, Items: []Value{turns[i].content, turns[i+1].content}})
	}
	if len(history.Items) > 0 {
		tail = append(tail, Member{"history", history})
	}
	text := turns[len(turns)-1].content
	if m.plain {
		text = Of(strings.TrimSpace(text.Text))
	}
	return Record{{"instruction", text}, {"input", Of("")}}, tail, nil
}

// reply is an answer that is one text.
func (m meaning) reply(a answer) (Value, error) {
	if len(a.messages) != 1 {
		return Value{}, fmt.Errorf("the answer has %d turns, and this form has a place for one", len(a.messages))
	}
	if err := onlyTurns(a.messages); err != nil {
		return Value{}, err
	}
	if len(a.messages[0].more) > 0 && slices.ContainsFunc(a.messages[0].more, func(m Member) bool { return m.Name == "tool_calls" }) {
		return Value{}, fmt.Errorf("calls of tools have no place in this form")
	}
	if m.plain {
		return Of(strings.TrimSpace(a.messages[0].text())), nil
	}
	return a.messages[0].content, nil
}

func writeAlpaca(m meaning) ([]Record, error) {
	a, err := m.single()
	if err != nil {
		return nil, err
	}
	head, tail, err := m.alpacaPrompt()
	if err != nil {
		return nil, err
	}
	output, err := m.reply(a)
	return []Record{slices.Concat(head, Record{{"output", output}}, tail)}, err
}

func writeAlpacaRanking(m meaning) (all []Record, err error) {
	pairs, err := m.pairs()
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		head, tail, err := m.alpacaPrompt()
		if err != nil {
			return nil, err
		}
		chosen, err := m.reply(p[0])
		if err != nil {
			return nil, err
		}
		rejected, err := m.reply(p[1])
		if err != nil {
			return nil, err
		}
		all = append(all, slices.Concat(head, Record{{"chosen", chosen}, {"rejected", rejected}}, tail))
	}
	return all, nil
}
