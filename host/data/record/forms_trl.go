package record

import (
	"fmt"
	"slices"
	"strings"
)

func writeMessages(m meaning) ([]Record, error) {
	all, err := m.turns()
	if err != nil {
		return nil, err
	}
	if m.plain { // a text that is a dialog becomes its turns
		if dialog, is := dialogIn(m.prompt[0].text()); is {
			all = append(trimLast(dialog), all[1:]...)
		}
	}
	return []Record{m.withTools(Record{{"messages", m.chat(all)}})}, nil
}

// trimLast drops the empty turn of an assistant that is yet to answer.
func trimLast(dialog []message) []message {
	if n := len(dialog) - 1; dialog[n].role == Assistant && dialog[n].text() == "" {
		return dialog[:n]
	}
	return dialog
}

func writeCompletion(m meaning) ([]Record, error) {
	a, err := m.single()
	if err != nil {
		return nil, err
	}
	return []Record{m.withTools(Record{{"prompt", m.side(m.prompt)}, {"completion", m.side(a.messages)}})}, nil
}

func writeAnswer(m meaning) ([]Record, error) {
	a, err := m.single()
	if err != nil {
		return nil, err
	}
	prompt, err := m.text(m.prompt)
	if err != nil {
		return nil, err
	}
	reply, err := m.text(a.messages)
	return []Record{{{"prompt", prompt}, {"answer", reply}}}, err
}

func writePreference(m meaning) (all []Record, err error) {
	pairs, err := m.pairs()
	for _, p := range pairs {
		all = append(all, m.withTools(Record{{"prompt", m.side(m.prompt)}, {"chosen", m.side(p[0].messages)}, {"rejected", m.side(p[1].messages)}}))
	}
	return all, err
}

// labelled are the answers with whether each is good: of a pair the better one.
func (m meaning) labelled() (answers []answer, err error) {
	if len(m.answers) == 1 {
		if m.answers[0].good.Kind != Bool {
			return nil, fmt.Errorf("the answer has no label that says whether it is good")
		}
		return m.answers, nil
	}
	pairs, err := m.pairs()
	for i, p := range pairs {
		p[0].good, p[1].good = Value{Kind: Bool, Text: "true"}, Value{Kind: Bool, Text: "false"}
		if i == 0 {
			answers = append(answers, p[0])
		}
		answers = append(answers, p[1])
	}
	return answers, err
}

func writeKTO(m meaning) (all []Record, err error) {
	answers, err := m.labelled()
	for _, a := range answers {
		all = append(all, m.withTools(Record{{"prompt", m.side(m.prompt)}, {"completion", m.side(a.messages)}, {"label", a.good}}))
	}
	return all, err
}

func writeScored(m meaning) ([]Record, error) {
	texts, scores := Value{Kind: List}, Value{Kind: List}
	if len(m.answers) < 2 {
		return nil, fmt.Errorf("there is one answer, without a score")
	}
	for _, a := range m.answers {
		prompt, reply := dialogText(m.prompt)+"\n\nAssistant: ", dialogText(a.messages)
		if m.plain {
			prompt, reply = m.prompt[0].text(), a.messages[0].text()
		} else if err := onlyTurns(m.prompt, a.messages); err != nil {
			return nil, err
		} else {
			reply = strings.TrimPrefix(reply, "\n\nAssistant: ")
		}
		texts.Items = append(texts.Items, Of(prompt+Separator+reply))
		scores.Items = append(scores.Items, a.score)
	}
	return []Record{{{"texts", texts}, {"scores", scores}}}, nil
}

// wholeOf is the prompt with an answer: a text, or turns.
func (m meaning) wholeOf(a answer) Value {
	if m.plain {
		return Of(m.prompt[0].text() + a.messages[0].text())
	}
	return m.chat(slices.Concat(m.prompt, a.messages))
}

func writeImplicit(m meaning) (all []Record, err error) {
	pairs, err := m.pairs()
	for _, p := range pairs {
		all = append(all, m.withTools(Record{{"chosen", m.wholeOf(p[0])}, {"rejected", m.wholeOf(p[1])}}))
	}
	return all, err
}

func writeOpenAI(m meaning) (all []Record, err error) {
	pairs, err := m.pairs()
	for _, p := range pairs {
		input := m.withTools(Record{{"messages", m.chat(m.prompt)}})
		all = append(all, Record{{"input", input.Value()}, {"preferred_output", m.chat(p[0].messages)}, {"non_preferred_output", m.chat(p[1].messages)}})
	}
	return all, err
}

// writeText writes all turns of a chat, an answer or not.
func writeText(m meaning) ([]Record, error) {
	turns, err := m.turns()
	if err != nil {
		return nil, err
	}
	if m.plain {
		var text string
		for _, t := range turns {
			text += t.text()
		}
		return []Record{{{"text", Of(text)}}}, nil
	}
	if m.layout == nil {
		return nil, fmt.Errorf("a chat becomes a text by a chat template; give the model that has one, --model_name_or_path, or a --formatter, which lays it out")
	}
	var messages []string
	for _, t := range m.chat(turns).Items {
		messages = append(messages, t.JSON())
	}
	tools := ""
	if m.tools.Kind == List {
		tools = m.tools.JSON()
	}
	text, err := m.layout(messages, tools)
	return []Record{{{"text", Of(text)}}}, err
}
