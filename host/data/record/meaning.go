package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// meaning is what a record says, whatever form it has: what is given, and one answer
// or several.
type meaning struct {
	prompt  []message // with the system's message first
	answers []answer
	plain   bool // prompt and answers are texts, each in one message
	whole   bool // a dialog to learn from as a whole
	tools   Value
	layout  Layout // of chats that become texts; nil for none
	rest    Record // fields that have nothing to do with the form
}

// answer is one answer to a prompt.
type answer struct {
	messages []message
	score    Value // of several answers; Kind 0 for none
	good     Value // true or false, of an answer that stands alone; Kind 0 for none
}

// message is a turn that keeps everything it came with.
type message struct {
	role    string // as chat templates call it
	content Value
	more    []Member // tool_calls, name, train and others
}

func (m message) text() string { return contentText(m.content) }

// taken are the fields that a form is made of; all others are the rest.
type taken []string

func (t taken) rest(r Record) (rest Record) {
	for _, f := range r {
		if !slices.Contains(t, f.Name) {
			rest = append(rest, f)
		}
	}
	return rest
}

// meaningOf reads a record of any of the forms.
func meaningOf(r Record) (m meaning, err error) {
	chat := r.first(chatNames...)
	used := taken{"tools"}
	switch {
	case r.Has("chosen") && r.Has("rejected"):
		used = append(used, chat, "chosen", "rejected", "prompt", "question", "instruction", "input", "system")
		err = m.readPair(r, chat)
	case r.Has("preferred_output") && r.Has("non_preferred_output"):
		used = append(used, "input", "preferred_output", "non_preferred_output")
		err = m.readOpenAI(r)
	case chat != "" && isTurns(r.Get(chat)):
		used = append(used, chat, "kto_tag", "system")
		err = m.readDialog(r, chat)
	case r.Get("texts").Kind == List || r.Get("text").Kind == List:
		used = append(used, "texts", "text", "scores", "score")
		err = m.readScored(r)
	case r.Has("instruction") && r.Has("output"):
		used = append(used, "instruction", "input", "output", "history", "system")
		err = m.readAlpaca(r)
	case r.first(promptNames...) != "" && r.first(answerNames...) != "":
		prompt, answer := r.first(promptNames...), r.first(answerNames...)
		used = append(used, prompt, answer)
		if r.Get("label").Kind == Bool {
			used = append(used, "label")
		}
		err = m.readAnswered(r, prompt, answer)
	case r.Get("text").Kind == String:
		used = append(used, "text")
		err = m.readText(r.Get("text").Text)
	default:
		err = fmt.Errorf("no known form has the fields %s; llmhost data formats lists the forms", strings.Join(r.Names(), ", "))
	}
	if m.tools.Kind == 0 {
		m.tools = r.Get("tools")
	}
	m.rest = used.rest(r)
	return m, err
}

// messagesOf reads turns; field names them for errors.
func messagesOf(v Value, field string) (all []message, err error) {
	items := v.Items
	if v.Kind == Object {
		items = []Value{v}
	}
	for i, item := range items {
		keys, is := keysOf(item)
		if !is {
			return nil, fmt.Errorf("field %q: item %d is no turn with a role and a content", field, i+1)
		}
		m := message{content: item.Get(keys[1])}
		sender := item.Get(keys[0]).Text
		m.role, _ = RoleOf(sender)
		if m.content.Kind == 0 {
			m.content = Value{Kind: Null}
		}
		for _, member := range item.Members {
			if member.Name != keys[0] && member.Name != keys[1] {
				m.more = append(m.more, member)
			}
		}
		if sender == "function_call" {
			if err := m.call(); err != nil {
				return nil, fmt.Errorf("field %q: item %d %w", field, i+1, err)
			}
		}
		all = append(all, m)
	}
	return all, nil
}

// call makes calls of tools of a content that holds them as JSON.
func (m *message) call() error {
	v, err := Parse(m.content.Text)
	if err != nil || v.Kind != Object && v.Kind != List {
		return errors.New("is a function_call whose value is no JSON object or list")
	}
	calls := Value{Kind: List}
	for _, function := range listOf(v) {
		calls.Items = append(calls.Items, Value{Kind: Object, Members: []Member{{"type", Of("function")}, {"function", function}}})
	}
	m.content = Value{Kind: Null}
	m.more = append(m.more, Member{"tool_calls", calls})
	return nil
}

// readSide reads a prompt or an answer, a text or turns.
func (m *meaning) readSide(r Record, name, role string) ([]message, error) {
	v := r.Get(name)
	switch {
	case isTurns(v):
		return messagesOf(v, name)
	case v.Kind == String:
		m.plain = true
		return []message{{role: role, content: v}}, nil
	}
	return nil, fmt.Errorf("field %q is %s; want a text or a list of turns", name, v.Kind)
}

// withSystem puts the system field of a record before its turns.
func (m *meaning) withSystem(r Record) {
	if system := r.Get("system"); system.Kind == String && system.Text != "" {
		m.prompt = append([]message{{role: System, content: system}}, m.prompt...)
	}
}

func (m *meaning) readDialog(r Record, chat string) (err error) {
	if m.prompt, err = messagesOf(r.Get(chat), chat); err != nil {
		return err
	}
	m.withSystem(r)
	m.whole = true
	if n := len(m.prompt); n > 0 && m.prompt[n-1].role == Assistant {
		m.answers = []answer{{messages: m.prompt[n-1:], good: r.Get("kto_tag")}}
		m.prompt = m.prompt[:n-1]
	}
	return nil
}

func (m *meaning) readAnswered(r Record, prompt, name string) (err error) {
	if m.prompt, err = m.readSide(r, prompt, User); err != nil {
		return err
	}
	wasPlain := m.plain
	messages, err := m.readSide(r, name, Assistant)
	if err != nil {
		return err
	}
	if m.plain && !wasPlain {
		return fmt.Errorf("field %q is a list of turns and field %q a text; want both to be of one kind", prompt, name)
	}
	a := answer{messages: messages}
	if label := r.Get("label"); label.Kind == Bool {
		a.good = label
	}
	m.answers = []answer{a}
	return nil
}

func (m *meaning) readAlpaca(r Record) error {
	m.withSystem(r)
	for i, turn := range r.Get("history").Items {
		if len(turn.Items) != 2 {
			return fmt.Errorf("field \"history\": item %d is no pair of an instruction and an output", i+1)
		}
		m.prompt = append(m.prompt, message{role: User, content: turn.Items[0]}, message{role: Assistant, content: turn.Items[1]})
	}
	m.prompt = append(m.prompt, message{role: User, content: instruction(r)})
	m.answers = []answer{{messages: []message{{role: Assistant, content: r.Get("output")}}}}
	return nil
}

// instruction is an instruction with its input below it, as LLaMA-Factory joins them.
func instruction(r Record) Value {
	if input := r.Get("input").Text; input != "" {
		return Of(r.Get("instruction").Text + "\n" + input)
	}
	return r.Get("instruction")
}

func (m *meaning) readPair(r Record, chat string) (err error) {
	switch {
	case holdsConversations(r):
	case chat != "":
		m.prompt, err = messagesOf(r.Get(chat), chat)
		m.withSystem(r)
	case r.first(promptNames...) != "":
		m.prompt, err = m.readSide(r, r.first(promptNames...), User)
	case r.Has("instruction"):
		m.prompt = []message{{role: User, content: instruction(r)}}
		m.withSystem(r)
	}
	if err != nil {
		return err
	}
	chosen, err := m.readSide(r, "chosen", Assistant)
	if err != nil {
		return err
	}
	rejected, err := m.readSide(r, "rejected", Assistant)
	if err != nil {
		return err
	}
	if m.prompt == nil {
		if m.prompt, chosen, rejected, err = m.implicit(chosen, rejected); err != nil {
			return err
		}
	} else if chat != "" || r.Has("instruction") && !r.Has("prompt") {
		m.plain = false // the answers are texts, and a template comes between
	}
	m.answers = []answer{{messages: chosen, score: Value{Kind: Number, Text: "1"}}, {messages: rejected, score: Value{Kind: Number, Text: "0"}}}
	return nil
}

// readOpenAI reads a pair as OpenAI has it.
func (m *meaning) readOpenAI(r Record) (err error) {
	input := Record(r.Get("input").Members)
	m.tools = input.Get("tools")
	if m.prompt, err = messagesOf(input.Get("messages"), "input.messages"); err != nil {
		return err
	}
	for i, name := range []string{"non_preferred_output", "preferred_output"} {
		messages, err := messagesOf(r.Get(name), name)
		if err != nil {
			return err
		}
		m.answers = append(m.answers, answer{messages: messages, score: Value{Kind: Number, Text: fmt.Sprint(i)}})
	}
	return nil
}

// holdsConversations tells whether chosen and rejected are whole conversations, of which
// the prompt is a part: turns that begin with another than the answer's.
func holdsConversations(r Record) bool {
	for _, name := range []string{"chosen", "rejected"} {
		if turns := Turns(r.Get(name), name); len(turns) < 2 || turns[0].Role == Assistant {
			return false
		}
	}
	return !isTurns(r.Get("prompt"))
}

// implicit finds the prompt that two dialogs begin with.
func (m *meaning) implicit(chosen, rejected []message) (prompt, a, b []message, err error) {
	if m.plain {
		var isDialog [2]bool
		chosen, isDialog[0] = dialogIn(chosen[0].text())
		rejected, isDialog[1] = dialogIn(rejected[0].text())
		if !isDialog[0] || !isDialog[1] {
			return nil, nil, nil, errors.New("there is no prompt, and chosen and rejected are no dialogs with \"Human:\" and \"Assistant:\" whose common beginning it could be")
		}
		m.plain = false
	}
	n := 0
	for n < len(chosen)-1 && n < len(rejected)-1 && chosen[n].role == rejected[n].role && chosen[n].content.JSON() == rejected[n].content.JSON() {
		n++
	}
	if n == 0 {
		return nil, nil, nil, errors.New("chosen and rejected have no common beginning, which would be their prompt")
	}
	return chosen[:n], chosen[n:], rejected[n:], nil
}

// Separator stands between prompt and answer in texts with scores.
const Separator = "<sep>"

func (m *meaning) readScored(r Record) error {
	name, score := r.first("texts", "text"), r.first("scores", "score")
	texts, scores := r.Get(name).Items, r.Get(score).Items
	if len(texts) == 0 || len(texts) != len(scores) {
		return fmt.Errorf("field %q has %d texts and field %q %d scores; want one score a text", name, len(texts), score, len(scores))
	}
	m.plain = true
	for i, text := range texts {
		prompt, reply, found := strings.Cut(text.Text, Separator)
		if !found {
			return m.readDialogs(texts, scores)
		}
		if i > 0 && prompt != m.prompt[0].text() {
			return fmt.Errorf("the texts of field %q have different prompts before %s", name, Separator)
		}
		m.prompt = []message{{role: User, content: Of(prompt)}}
		m.answers = append(m.answers, answer{messages: []message{{role: Assistant, content: Of(reply)}}, score: scores[i]})
	}
	return nil
}

// readDialogs reads scored texts that are dialogs with the same beginning.
func (m *meaning) readDialogs(texts, scores []Value) error {
	m.plain, m.prompt, m.answers = false, nil, nil
	for i, text := range texts {
		dialog, is := dialogIn(text.Text)
		n := len(dialog) - 1
		if !is || dialog[n].role != Assistant {
			return fmt.Errorf("text %d has no %s and is no dialog that ends in a turn of \"Assistant:\"", i+1, Separator)
		}
		if i > 0 && dialogText(dialog[:n]) != dialogText(m.prompt) {
			return errors.New("the texts have different turns before their last one, so that they answer different prompts")
		}
		m.prompt = dialog[:n]
		m.answers = append(m.answers, answer{messages: dialog[n:], score: scores[i]})
	}
	return nil
}

// readText reads a text that is a dialog.
func (m *meaning) readText(text string) error {
	dialog, is := dialogIn(text)
	if !is {
		return errors.New("a plain text has neither prompt nor answer")
	}
	m.whole = true
	m.prompt = dialog
	if n := len(dialog); dialog[n-1].role == Assistant {
		m.prompt, m.answers = dialog[:n-1], []answer{{messages: dialog[n-1:]}}
	}
	return nil
}

// speakers are the marks of dialogs that are texts: those of Anthropic's data, and those of
// the sets that were cut like them.
var speakers = [][2]string{{"Human:", "Assistant:"}, {"## Human:", "## Assistant:"}}

// dialogIn reads a dialog that is a text: turns that begin with "Human:" and
// "Assistant:" after a blank line. is tells whether the text is one.
func dialogIn(text string) (turns []message, is bool) {
	for _, marks := range slices.Backward(speakers) {
		if turns, is = dialogWith(text, marks); is {
			return turns, true
		}
	}
	return nil, false
}

func dialogWith(text string, marks [2]string) (turns []message, is bool) {
	text = "\n\n" + strings.TrimLeft(text, "\n")
	if !strings.HasPrefix(text, "\n\n"+marks[0]) {
		return nil, false
	}
	for text != "" {
		role, mark := User, "\n\n"+marks[0]
		if strings.HasPrefix(text, "\n\n"+marks[1]) {
			role, mark = Assistant, "\n\n"+marks[1]
		}
		text = text[len(mark):]
		end := len(text)
		for _, m := range marks {
			if at := strings.Index(text, "\n\n"+m); at >= 0 {
				end = min(end, at)
			}
		}
		turns = append(turns, message{role: role, content: Of(strings.TrimSpace(text[:end]))})
		text = text[end:]
	}
	return turns, true
}

// dialogText writes turns as a text with "Human:" and "Assistant:".
func dialogText(turns []message) string {
	var b strings.Builder
	for _, t := range turns {
		mark := map[string]string{User: "\n\nHuman: ", Assistant: "\n\nAssistant: "}[t.role]
		b.WriteString(mark + t.text())
	}
	return b.String()
}
