package record

import (
	"strconv"
	"strings"
)

// View is what the fields of a record are by their names.
type View struct {
	Kind       string // the names that decided it, as people call the type: "prompt + completion"
	Texts      []Text
	Chats      []Chat
	Candidates []Candidate
	Scores     []float64 // one a candidate, where the record has them
	ScoreField string
	Label      string // of its class, as it is written
	LabelField string
}

// Text is one text of a record.
type Text struct {
	Field string // "messages[1].content"
	Part  Part
	Text  string
}

// Part is what a text is for.
type Part uint8

// The parts: what is given, what is learned, both in one, and what only goes with them.
const (
	Aside Part = iota
	Prompt
	Answer
	Whole
)

// Chat is a list of turns.
type Chat struct {
	Field string
	Turns []Turn
	Given bool // nobody answers in it: it is a prompt
}

// Candidate is a prompt and one answer to it, for comparing: the contents of turns
// are joined.
type Candidate struct {
	Prompt, Answer           string
	PromptField, AnswerField string
	Chat                     bool // a template comes between them
}

// The names of fields, the first that a record has counts.
var (
	chatNames   = []string{"messages", "conversations", "conversation", "dialog", "dialogue"}
	promptNames = []string{"prompt", "question", "query"}
	answerNames = []string{"completion", "answer", "response", "output", "completions", "answers", "responses"}
	scoreNames  = []string{"scores", "score", "reward", "rewards", "rating"}
	labelNames  = []string{"label", "labels", "kto_tag"}
	asideNames  = []string{"system", "context"}
)

// Look reads the meaning of a record from the names of its fields.
func Look(r Record) View {
	var v View
	switch chat := r.first(chatNames...); {
	case r.Has("chosen") && r.Has("rejected"):
		v.pair(r, chat)
	case chat != "" && (isTurns(r.Get(chat)) || r.Get(chat).Kind == List && len(r.Get(chat).Items) == 0):
		v.conversation(r, chat)
	case r.Get("texts").Kind == List || r.Get("text").Kind == List:
		v.list(r, r.first("texts", "text"))
	case r.Has("instruction") && r.Has("output"):
		v.alpaca(r)
	case r.first(promptNames...) != "" && r.first(answerNames...) != "":
		v.answered(r, r.first(promptNames...), r.first(answerNames...))
	case r.Get("text").Kind == String:
		v.Kind = "text"
		v.add("text", Whole, r.Get("text").Text)
		if pair := r.Get("text_pair"); pair.Kind == String {
			v.add("text_pair", Whole, pair.Text)
		}
	case r.named(promptNames...) != "" && r.named(answerNames...) != "": // one of them is null
		v.answered(r, r.named(promptNames...), r.named(answerNames...))
	default:
		v.unknown(r)
		return v
	}
	for _, name := range asideNames {
		if aside := r.Get(name); aside.Kind == String && aside.Text != "" {
			v.add(name, Aside, aside.Text)
		}
	}
	v.numbers(r)
	return v
}

// unknown takes every text of a record that has no known form.
func (v *View) unknown(r Record) {
	for _, f := range r {
		v.any(f.Name, f.Value)
	}
}

func (v *View) any(field string, value Value) {
	switch value.Kind {
	case String:
		v.add(field, Aside, value.Text)
	case List:
		for i, item := range value.Items {
			v.any(field+"["+strconv.Itoa(i)+"]", item)
		}
	case Object:
		for _, m := range value.Members {
			v.any(field+"."+m.Name, m.Value)
		}
	}
}

func (v *View) add(field string, part Part, text string) {
	v.Texts = append(v.Texts, Text{field, part, text})
}

// numbers reads scores and label.
func (v *View) numbers(r Record) {
	if name := r.first(scoreNames...); name != "" {
		v.ScoreField = name
		for _, n := range listOf(r.Get(name)) {
			f, err := strconv.ParseFloat(n.Text, 64)
			if n.Kind == Number && err == nil {
				v.Scores = append(v.Scores, f)
			}
		}
	}
	if name := r.first(labelNames...); name != "" {
		switch label := r.Get(name); label.Kind {
		case String, Number, Bool:
			v.Label, v.LabelField = label.Text, name
			v.Kind += " + label"
		case Object:
			v.Label, v.LabelField = label.JSON(), name
			v.Kind += " + labels"
		}
	}
}

// listOf are the items of a list, or the one value.
func listOf(v Value) []Value {
	if v.Kind == List {
		return v.Items
	}
	return []Value{v}
}

// conversation is a chat to learn from.
func (v *View) conversation(r Record, name string) {
	v.Kind = name
	chat := v.chat(r.Get(name), name, false)
	v.answeredBy(chat.Turns)
}

// chat adds the turns of a value. given says that it is a prompt.
func (v *View) chat(value Value, field string, given bool) Chat {
	c := Chat{Field: field, Turns: Turns(value, field), Given: given}
	v.Chats = append(v.Chats, c)
	for _, t := range c.Turns {
		part := Prompt
		if t.Role == Assistant && !given {
			part = Answer
		}
		v.add(t.Field, part, t.Content)
	}
	return c
}

// answeredBy adds the last turn as an answer to those before it.
func (v *View) answeredBy(turns []Turn) {
	if len(turns) == 0 {
		return
	}
	last := turns[len(turns)-1]
	c := Candidate{Answer: last.Content, AnswerField: last.Field, Chat: true}
	if last.Role != Assistant {
		c = Candidate{Chat: true}
	} else {
		turns = turns[:len(turns)-1]
	}
	if len(turns) > 0 {
		c.PromptField = turns[len(turns)-1].Field
	}
	c.Prompt = joined(turns)
	v.Candidates = append(v.Candidates, c)
}

// joined is the text of turns, for comparing.
func joined(turns []Turn) string {
	var b strings.Builder
	for i, t := range turns {
		if i > 0 {
			b.WriteString("\n")
		}
		if len(turns) > 1 {
			b.WriteString(t.Role + ": ")
		}
		b.WriteString(t.Content)
	}
	return b.String()
}

// side is a prompt or an answer: a text, or turns.
func (v *View) side(r Record, name string, part Part) (text, field string, turns bool) {
	value := r.Get(name)
	if isTurns(value) {
		chat := v.chat(value, name, part == Prompt)
		field := name
		if n := len(chat.Turns); n > 0 {
			field = chat.Turns[n-1].Field
		}
		return joined(chat.Turns), field, true
	}
	if value.Kind == Null { // as an empty cell of a table is
		v.add(name, part, "")
		return "", name, false
	}
	if value.Kind != String { // which is no text, and no place to look for one
		return "", "", false
	}
	v.add(name, part, value.Text)
	return value.Text, name, false
}

// pair is a chosen and a rejected answer; chat is the field of the prompt's turns.
func (v *View) pair(r Record, chat string) {
	v.Kind = "chosen + rejected"
	prompt, field, isChat := "", "", false
	switch name := r.first(promptNames...); {
	case holdsConversations(r):
	case chat != "":
		prompt, field, isChat = v.side(r, chat, Prompt)
		v.Kind = chat + " + " + v.Kind
	case name != "":
		prompt, field, isChat = v.side(r, name, Prompt)
		v.Kind = name + " + " + v.Kind
	case r.Has("instruction"):
		prompt, field, _ = v.side(r, "instruction", Prompt)
		v.Kind = "instruction + " + v.Kind
	}
	for _, name := range []string{"chosen", "rejected"} {
		part := Answer
		if field == "" {
			part = Whole
		}
		answer, at, turns := v.side(r, name, part)
		v.Candidates = append(v.Candidates, Candidate{prompt, answer, field, at, isChat || turns})
	}
}

// list is several texts with a score each.
func (v *View) list(r Record, name string) {
	v.Kind = name
	if score := r.first(scoreNames...); score != "" {
		v.Kind += " + " + score
	}
	for i, text := range r.Get(name).Items {
		field := name + "[" + strconv.Itoa(i) + "]"
		if text.Kind == String {
			v.add(field, Whole, text.Text)
			v.Candidates = append(v.Candidates, Candidate{Answer: text.Text, AnswerField: field})
		}
	}
}

// alpaca is an instruction, what it is about, and its output.
func (v *View) alpaca(r Record) {
	v.Kind = "instruction + output"
	prompt, field, _ := v.side(r, "instruction", Prompt)
	if input := r.Get("input"); input.Kind == String && input.Text != "" {
		v.add("input", Prompt, input.Text)
		prompt += "\n" + input.Text
		field = "input"
	}
	answer, at, _ := v.side(r, "output", Answer)
	v.Candidates = append(v.Candidates, Candidate{prompt, answer, field, at, true}) // a layout comes between them
}

// answered is a prompt and an answer, or several.
func (v *View) answered(r Record, prompt, answer string) {
	v.Kind = prompt + " + " + answer
	text, field, isChat := v.side(r, prompt, Prompt)
	value := r.Get(answer)
	if value.Kind != List || isTurns(value) {
		out, at, turns := v.side(r, answer, Answer)
		v.Candidates = append(v.Candidates, Candidate{text, out, field, at, isChat || turns})
		return
	}
	for i, item := range value.Items {
		at := answer + "[" + strconv.Itoa(i) + "]"
		v.add(at, Answer, item.Text)
		v.Candidates = append(v.Candidates, Candidate{text, item.Text, field, at, isChat})
	}
}
