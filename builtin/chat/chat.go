// Package chat holds what formatters share to read conversations as people's files
// have them. It is not a plugin. Start at Read.
//
// A message keeps its keys and their order up to the chat template, but for these:
//
//   - a key that is null is left out, except content: tables and Parquet fill in
//     null where one message has a key and another has not;
//   - content that is a list of text parts becomes one text, which a template sees
//     like any other; parts of other kinds are errors;
//   - the arguments of a tool call that are JSON in a text, as OpenAI writes them,
//     become the object that templates print;
//   - function_call and the role function, OpenAI's former names, become
//     tool_calls and tool;
//   - train and weight say whether the message is learned, and so do loss, loss_mask,
//     training and trainable where they are true, false, 1 or 0.
package chat

import (
	"errors"
	"strconv"
	"strings"

	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Read returns the messages of a field: a list of objects with role and content,
// or a text that holds such a list as JSON. name is the field's, for errors.
func Read(name, value string) ([]sdk.Message, error) {
	elements, err := elementsOf(name, value)
	if err != nil {
		return nil, err
	}
	messages := make([]sdk.Message, 0, len(elements))
	for i, element := range elements {
		m, err := readMessage(place(name, i), element)
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	return messages, nil
}

// place names an element of a list in errors: "messages[3]".
func place(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

// elementsOf are the elements of a list, or of a list that a text holds.
func elementsOf(name, value string) ([]string, error) {
	value = Unquoted(value)
	if !strings.HasPrefix(value, "[") {
		return nil, errors.New("field " + strconv.Quote(name) + " is " + shown(value) + "; want a list of messages")
	}
	elements, err := sdk.JSONElements(value)
	if err != nil {
		return nil, errors.New("field " + strconv.Quote(name) + " is " + err.Error())
	}
	return elements, nil
}

// Unquoted returns the JSON that a JSON text holds, or the value itself if it is no
// text.
func Unquoted(value string) string {
	value = strings.TrimSpace(value)
	if text, is := sdk.JSONText(value); is {
		return strings.TrimSpace(text)
	}
	return value
}

// readMessage reads one message; where names it in errors.
func readMessage(where, object string) (sdk.Message, error) {
	pairs, err := sdk.JSONFields(object)
	if err != nil {
		return sdk.Message{}, errors.New(where + " is " + shown(object) + "; want a message, such as {\"role\": \"user\", \"content\": \"hi\"}")
	}
	kept, changed, err := cleaned(where, pairs)
	if err != nil {
		return sdk.Message{}, err
	}
	if changed {
		object = objectOf(kept)
	}
	m, err := sdk.ParseMessage(object)
	if err != nil {
		return m, errors.New(where + err.Error())
	}
	return m, wantContent(where, m)
}

// wantContent refuses a message that says nothing and calls nothing.
func wantContent(where string, m sdk.Message) error {
	content := m.Field("content")
	switch {
	case content != "" && content != "null":
		return nil
	case Calls(m):
		return nil
	}
	return errors.New(where + " (" + m.Role() + ") has no content; want a text, or tool_calls")
}

// Calls tells whether a message calls a tool.
func Calls(m sdk.Message) bool {
	calls := strings.TrimSpace(m.Field("tool_calls"))
	return calls != "" && strings.Trim(calls, "[] \n\t\r") != ""
}

// Empty tells whether a message neither says nor calls anything.
func Empty(m sdk.Message) bool {
	content := strings.TrimSpace(m.Field("content"))
	text, is := sdk.JSONText(content)
	return !Calls(m) && (content == "" || content == "null" || is && fields.Blank(text))
}

// Answers tells whether a message is a turn of the model.
func Answers(m sdk.Message) bool {
	role := m.Role()
	return role == "assistant" || role == "model"
}

// Useless says why nothing can be learned from a conversation, or "".
func Useless(messages []sdk.Message) string {
	for i := len(messages) - 1; i >= 0; i-- {
		if Answers(messages[i]) {
			if Empty(messages[i]) {
				return "an empty answer"
			}
			return ""
		}
	}
	return "a conversation without a turn of the assistant"
}

// WithSystem puts a system message first where there is a text for it and the
// conversation has none.
func WithSystem(system string, messages []sdk.Message) []sdk.Message {
	if fields.Blank(system) || len(messages) > 0 && messages[0].Role() == "system" {
		return messages
	}
	return append([]sdk.Message{sdk.NewMessage("system", system)}, messages...)
}

// objectOf is the JSON object of fields in their order.
func objectOf(pairs []sdk.Field) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, f := range pairs {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(sdk.JSONQuote(f.Key) + ": " + f.Value)
	}
	b.WriteByte('}')
	return b.String()
}

// shown is the beginning of a value, for errors.
func shown(value string) string {
	const most = 60
	if runes := []rune(value); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return value
}
