package sdk

import (
	"errors"
	"strconv"
	"unicode/utf8"
)

// Bounds on a chat, so that neither a host nor a template engine has to fear one.
const (
	maxMessages = 1 << 16 // of a prompt or an answer
	maxKeys     = 256     // of a message
)

// checkKind requires candidate i to be a chat if the first one is, and nothing
// besides.
func (c *Candidate) checkKind(i int, first *Candidate) error {
	if (c.Chat == nil) != (first.Chat == nil) {
		return errors.New("one of candidates 0 and " + strconv.Itoa(i) + " is a chat, and the other a prompt and an answer; want all of an example alike")
	}
	if c.Chat != nil && (c.Prompt != "" || c.Answer != "") {
		return errors.New("candidate " + strconv.Itoa(i) + " has a chat and a text as well; want one of the two")
	}
	if c.Chat != nil && len(c.Chat.Prompt)+len(c.Chat.Answer) == 0 {
		return errors.New("the chat of candidate " + strconv.Itoa(i) + " has no message; want at least one, or Out.Drop with a reason")
	}
	return nil
}

// checkTexts checks the messages of candidate i and what accompanies them. What a
// chat shares with the one before it, if there is one, has been checked there.
func (c *Chat) checkTexts(i int, before *Chat) error {
	of := " of candidate " + strconv.Itoa(i)
	if before == nil || !c.sharesPrompt(before) {
		if err := checkMessages(c.Prompt, "the prompt"+of); err != nil {
			return err
		}
		for _, part := range [...]struct{ name, text, kind string }{
			{"tools", c.Tools, "array"}, {"documents", c.Documents, "array"}, {"args", c.Args, "object"},
		} {
			if fault := faultOf(part.text, part.kind); part.text != "" && fault != "" {
				return errors.New("the " + part.name + of + fault)
			}
		}
	}
	return checkMessages(c.Answer, "the answer"+of)
}

func checkMessages(messages []Message, where string) error {
	if len(messages) > maxMessages {
		return errors.New(where + " has " + strconv.Itoa(len(messages)) + " messages; at most " + strconv.Itoa(maxMessages) + " are allowed")
	}
	for k := range messages {
		if fault := messages[k].fault(); fault != "" {
			return errors.New("message " + strconv.Itoa(k) + " of " + where + fault)
		}
	}
	return nil
}

// fault says what is wrong with a message, after its name: " has no role".
func (m *Message) fault() string {
	if _, fault := messageFields(m.JSON); fault != "" {
		return fault
	}
	if m.Learn > LearnNo {
		return ": its learn is " + strconv.Itoa(int(m.Learn)) + "; want 0, 1 or 2"
	}
	return ""
}

// messageFields returns the fields of a message, and what is wrong with it.
func messageFields(object string) (fields []Field, fault string) {
	if fault := startOf(object, "object"); fault != "" {
		return nil, fault
	}
	fields, wrong := fieldsOf(object)
	switch {
	case wrong != "":
		return nil, " is not JSON: " + wrong
	case len(fields) > maxKeys:
		return nil, " has " + strconv.Itoa(len(fields)) + " keys; at most " + strconv.Itoa(maxKeys) + " are allowed"
	}
	role := ""
	for i, f := range fields {
		for _, earlier := range fields[:i] {
			if earlier.Key == f.Key {
				return nil, " has the key " + strconv.Quote(f.Key) + " twice"
			}
		}
		if f.Key == "role" {
			role = f.Value
		}
	}
	if role == "" {
		return nil, ` has no "role"; want one, such as "user"`
	}
	if role[0] != '"' || role == `""` {
		return nil, " has the role " + shortened(role) + `; want a text such as "user"`
	}
	return fields, ""
}

// faultOf says, after a name, why a text is not JSON of a kind, "array" or "object".
func faultOf(text, kind string) string {
	if fault := startOf(text, kind); fault != "" {
		return fault
	}
	s := jsonScanner{text: text}
	if s.value(0); s.end() != "" {
		return " is not JSON: " + s.wrong
	}
	return ""
}

// startOf looks at a text's encoding and first byte.
func startOf(text, kind string) string {
	if !utf8.ValidString(text) {
		return " is not UTF-8; a text was cut inside a character"
	}
	open := byte('{')
	if kind == "array" {
		open = '['
	}
	s := jsonScanner{text: text}
	if s.skip(); s.at == len(text) || text[s.at] != open {
		return " is " + shortened(text) + "; want one JSON " + kind
	}
	return ""
}

// shortened quotes the beginning of a text.
func shortened(text string) string {
	const most = 40
	if len(text) <= most {
		return strconv.Quote(text)
	}
	end := most
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strconv.Quote(text[:end]) + "…"
}
