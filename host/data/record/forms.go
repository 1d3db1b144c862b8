package record

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/nearest"
)

// Form is a form that records are converted to.
type Form struct {
	Name, Doc string

	// write makes records of a meaning; most make one.
	write func(m meaning) ([]Record, error)
}

// Layout makes a chat one text: messages, an object each, and tools, an array or "", are
// JSON.
type Layout func(messages []string, tools string) (string, error)

// LaidOut is the form with a layout for chats that become texts.
func (f Form) LaidOut(by Layout) Form {
	write := f.write
	f.write = func(m meaning) ([]Record, error) {
		m.layout = by
		return write(m)
	}
	return f
}

// Forms lists the forms, the usual ones first.
func Forms() []Form {
	return []Form{
		{"messages", `{"messages": [{"role", "content"}, …]}: TRL's and OpenAI's conversations`, writeMessages},
		{"prompt-completion", `{"prompt", "completion"}: two texts, or two lists of turns`, writeCompletion},
		{"prompt-answer", `{"prompt", "answer"}: two texts, as llm_codebase has them`, writeAnswer},
		{"preference", `{"prompt", "chosen", "rejected"}: texts, or lists of turns`, writePreference},
		{"preference-implicit", `{"chosen", "rejected"}: texts or lists of turns that begin with their prompt`, writeImplicit},
		{"preference-openai", `{"input": {"messages"}, "preferred_output", "non_preferred_output"}: OpenAI's`, writeOpenAI},
		{"kto", `{"prompt", "completion", "label"}: a pair becomes two records`, writeKTO},
		{"texts-scores", `{"texts": [prompt<sep>answer, …], "scores": […]}: as llm_codebase has them`, writeScored},
		{"alpaca", `{"instruction", "input", "output", "system", "history"}`, writeAlpaca},
		{"alpaca-ranking", `{"instruction", "input", "chosen", "rejected"}: LLaMA-Factory's`, writeAlpacaRanking},
		{"sharegpt", `{"conversations": [{"from", "value"}, …], "system", "tools"}`, writeShareGPT},
		{"sharegpt-ranking", `{"conversations", "chosen": {"from", "value"}, "rejected"}: LLaMA-Factory's`, writeShareGPTRanking},
		{"sharegpt-kto", `{"conversations", "kto_tag"}: LLaMA-Factory's`, writeShareGPTKTO},
		{"text", `{"text"}: prompt and answer as one text; a chat as the model's chat template lays it out`, writeText},
		{"hh", `{"text": "\n\nHuman: …\n\nAssistant: …"}, or {"chosen", "rejected"} of such: Anthropic's`, writeHH},
	}
}

// FormOf returns the form of a name.
func FormOf(name string) (Form, error) {
	var names []string
	for _, f := range Forms() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Form{}, fmt.Errorf("there is no form %q%s; want %s", name, nearest.Hint(name, names), strings.Join(names, ", "))
}

// Convert writes a record in a form. Fields that have nothing to do with its form are
// kept behind those that have. The error says what the form has no place for.
func (f Form) Convert(r Record) ([]Record, error) {
	m, err := meaningOf(r)
	if err != nil {
		return nil, err
	}
	out, err := f.write(m)
	for i := range out {
		out[i] = out[i].with(m.rest)
	}
	return out, err
}

// with is the record with more fields, but those whose names it has.
func (r Record) with(more Record) Record {
	for _, f := range more {
		if r.Get(f.Name).Kind == 0 {
			r = append(r, f)
		}
	}
	return r
}

// single is the one answer.
func (m meaning) single() (answer, error) {
	switch len(m.answers) {
	case 0:
		return answer{}, fmt.Errorf("the dialog ends without an answer of the assistant")
	case 1:
		return m.answers[0], nil
	}
	return answer{}, fmt.Errorf("there are %d answers, and this form has a place for one; --best takes the best of them", len(m.answers))
}

// turns are all turns: the prompt, and the one answer where there is any.
func (m meaning) turns() ([]message, error) {
	if len(m.answers) == 0 {
		return m.prompt, nil
	}
	a, err := m.single()
	return slices.Concat(m.prompt, a.messages), err
}

// Best leaves the answer with the highest score, the first of several.
func (f Form) Best() Form {
	write := f.write
	f.write = func(m meaning) ([]Record, error) {
		if len(m.answers) > 1 {
			best := m.answers[0]
			for _, a := range m.answers[1:] {
				if a.score.number() > best.score.number() {
					best = a
				}
			}
			best.score = Value{}
			m.answers = []answer{best}
		}
		return write(m)
	}
	return f
}

// pairs are the best answer beside each that is worse.
func (m meaning) pairs() (pairs [][2]answer, err error) {
	if len(m.answers) < 2 {
		return nil, fmt.Errorf("there is one answer, and a preference needs two")
	}
	best := m.answers[0]
	for _, a := range m.answers[1:] {
		if a.score.number() > best.score.number() {
			best = a
		}
	}
	for _, a := range m.answers {
		if a.score.number() < best.score.number() {
			pairs = append(pairs, [2]answer{best, a})
		}
	}
	if pairs == nil {
		return nil, fmt.Errorf("all scores are equal, so that no answer is better")
	}
	return pairs, nil
}

// chat is the messages as TRL writes them. Blanks around a text that becomes a turn go:
// a template has its own.
func (m meaning) chat(messages []message) Value {
	list := Value{Kind: List}
	for _, t := range messages {
		content := t.content
		if m.plain {
			content = Of(strings.TrimSpace(content.Text))
		}
		members := append([]Member{{"role", Of(t.role)}, {"content", content}}, t.more...)
		list.Items = append(list.Items, Value{Kind: Object, Members: members})
	}
	return list
}

// side is a prompt or an answer: a text of plain meanings, else turns.
func (m meaning) side(messages []message) Value {
	if m.plain {
		return messages[0].content
	}
	return m.chat(messages)
}

// text is the one text of messages; a chat has none without a layout.
func (m meaning) text(messages []message) (Value, error) {
	if m.plain {
		return messages[0].content, nil
	}
	return Value{}, fmt.Errorf("a chat becomes a text only by a layout; give --formatter, which lays it out, or another form")
}

// withTools adds the tools of a meaning.
func (m meaning) withTools(r Record) Record {
	if m.tools.Kind > Null {
		r = append(r, Member{"tools", m.tools})
	}
	return r
}

// onlyTurns wants turns of user and assistant that are texts.
func onlyTurns(sides ...[]message) error {
	for _, t := range slices.Concat(sides...) {
		if t.role != User && t.role != Assistant {
			return fmt.Errorf("a turn of role %s has no place in this form", t.role)
		}
		if t.content.Kind != String {
			return fmt.Errorf("a turn whose content is %s has no place in this form", t.content.Kind)
		}
	}
	return nil
}

func writeHH(m meaning) (all []Record, err error) {
	prompt := m.prompt
	if m.plain {
		if dialog, is := dialogIn(prompt[0].text()); is {
			prompt = trimLast(dialog)
		}
	}
	if len(m.answers) < 2 {
		turns := slices.Clone(prompt)
		if len(m.answers) == 1 {
			turns = append(turns, m.answers[0].messages...)
		}
		return []Record{{{"text", Of(dialogText(turns))}}}, onlyTurns(turns)
	}
	pairs, err := m.pairs()
	for _, p := range pairs {
		if err := onlyTurns(prompt, p[0].messages, p[1].messages); err != nil {
			return nil, err
		}
		all = append(all, Record{{"chosen", Of(dialogText(slices.Concat(prompt, p[0].messages)))}, {"rejected", Of(dialogText(slices.Concat(prompt, p[1].messages)))}})
	}
	return all, err
}
