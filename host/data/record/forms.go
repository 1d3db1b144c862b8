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

// Forms lists the forms, the usual ones first.
func Forms() []Form {
	return []Form{
		{"messages", `{"messages": [{"role", "content"}, …]}: TRL's and OpenAI's conversations`, writeMessages},
		{"prompt-completion", `{"prompt", "completion"}: two texts, or two lists of turns`, writeCompletion},
		{"prompt-answer", `{"prompt", "answer"}: two texts, as llm_codebase has them`, writeAnswer},
		{"preference", `{"prompt", "chosen", "rejected"}: texts, or lists of turns`, writePreference},
		{"kto", `{"prompt", "completion", "label"}: a pair becomes two records`, writeKTO},
		{"texts-scores", `{"texts": [prompt<sep>answer, …], "scores": […]}: as llm_codebase has them`, writeScored},
		{"alpaca", `{"instruction", "input", "output", "system", "history"}`, writeAlpaca},
		{"alpaca-ranking", `{"instruction", "input", "chosen", "rejected"}: LLaMA-Factory's`, writeAlpacaRanking},
		{"sharegpt", `{"conversations": [{"from", "value"}, …], "system", "tools"}`, writeShareGPT},
		{"sharegpt-ranking", `{"conversations", "chosen": {"from", "value"}, "rejected"}: LLaMA-Factory's`, writeShareGPTRanking},
		{"sharegpt-kto", `{"conversations", "kto_tag"}: LLaMA-Factory's`, writeShareGPTKTO},
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

func writeMessages(m meaning) ([]Record, error) {
	all := slices.Clone(m.prompt)
	switch len(m.answers) {
	case 0:
	case 1:
		all = append(all, m.answers[0].messages...)
	default:
		_, err := m.single()
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
	all := slices.Clone(m.prompt)
	if len(m.answers) > 0 {
		a, err := m.single()
		if err != nil {
			return nil, err
		}
		all = append(all, a.messages...)
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
