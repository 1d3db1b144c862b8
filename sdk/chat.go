package sdk

import "slices"

// Message is one turn of a chat.
type Message struct {
	// JSON is one JSON object. Its keys keep their order up to the chat template,
	// and only "role" is required: {"role": "user", "content": "Hi"}.
	JSON string

	// Learn says whether the model learns from the message: records have
	// "train" or "weight" for it. It is no key of JSON, and templates do not see it.
	Learn Learn
}

// Learn says whether the model learns from a message. The numbers are part of
// the wire format.
type Learn uint8

// What there is to say of a message.
const (
	LearnDefault Learn = iota // as the run says
	LearnYes
	LearnNo
)

// NewMessage returns the message of a role: "system", "user", "assistant", "tool",
// or whatever else the chat template knows.
func NewMessage(role, content string) Message {
	b := appendQuoted([]byte(`{"role": `), role)
	b = appendQuoted(append(b, `, "content": `...), content)
	return Message{JSON: string(append(b, '}'))}
}

// With returns the message with one key more, the last one. The value is JSON:
// `true`, `[{"type": "function"}]`, or what JSONQuote makes of a text.
func (m Message) With(key, value string) Message {
	end := len(m.JSON) - 1
	for end > 0 && m.JSON[end] != '}' {
		end--
	}
	b := append(make([]byte, 0, len(m.JSON)+len(key)+len(value)+8), m.JSON[:max(end, 0)]...)
	if text := trimSpace(string(b)); text != "" && text != "{" {
		b = append(b, ", "...)
	}
	b = append(append(appendQuoted(b, key), ": "...), value...)
	return Message{JSON: string(append(b, '}')), Learn: m.Learn}
}

// Field returns the value of a key of the message as JSON, and "" if it has none.
func (m Message) Field(key string) string {
	fields, _ := JSONFields(m.JSON)
	for _, f := range fields {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// Role returns the message's role.
func (m Message) Role() string {
	role, _ := JSONText(m.Field("role"))
	return role
}

// Content returns the message's content where it is a text, and "" otherwise. A
// content may also be a list of parts: Field("content") has that.
func (m Message) Content() string {
	content, _ := JSONText(m.Field("content"))
	return content
}

// Chat is a conversation, which the host lays out by the model's chat template.
// Prompt is given, and Answer is what the model would say: one message of the
// assistant, or several with those of tools between them. A conversation to
// learn from as a whole stands in Answer, and has no Prompt.
//
// Which tokens are labels is the host's to decide: by the roles that a run
// learns from, by Learn of the messages, and by what the template marks.
type Chat struct {
	Prompt, Answer []Message

	Tools     string // a JSON array of the tools that the model may call; "" for none
	Documents string // a JSON array of documents; "" for none
	Args      string // a JSON object of further variables of the template: chat_template_kwargs; "" for none
}

// Chat adds a candidate that is a chat, and returns it so that its columns can be
// set. All candidates of an example are chats, or none is. The slices are copied,
// so the caller may use them again.
func (o *Out) Chat(chat Chat) *Candidate {
	var last *Chat
	if n := len(o.candidates); n > 0 {
		last = o.candidates[n-1].Chat
	}
	if last != nil && sameMessages(last.Prompt, chat.Prompt) {
		chat.Prompt = last.Prompt
	} else {
		chat.Prompt = append([]Message(nil), chat.Prompt...) // nil where there is none, as after a frame
	}
	chat.Answer = append([]Message(nil), chat.Answer...)
	c := o.Candidate("", "")
	c.Chat = &chat
	return c
}

// sharesPrompt reports whether two chats differ in their answers only.
func (c *Chat) sharesPrompt(other *Chat) bool {
	return c.Tools == other.Tools && c.Documents == other.Documents && c.Args == other.Args &&
		sameMessages(c.Prompt, other.Prompt)
}

// sameMessages is quick for messages that stand in the same memory.
func sameMessages(a, b []Message) bool {
	if len(a) != len(b) || len(a) == 0 {
		return len(a) == len(b)
	}
	return &a[0] == &b[0] || slices.Equal(a, b)
}
