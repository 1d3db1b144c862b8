package chat

import (
	"errors"
	"strconv"

	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Named is a column with the name of its field.
type Named struct {
	Name   string
	Column int
}

// PromptColumn is the column of a prompt, for ReadPart.
func PromptColumn(examples ...string) sdk.Column {
	return sdk.Column{
		Name:     "prompt",
		Type:     sdk.JSON,
		Required: true,
		Doc:      "what the model is given, a text or messages",
		Examples: examples,
	}
}

// CompletionColumn is the column of an answer that is of the prompt's kind, for
// ReadPart. doc says what it is.
func CompletionColumn(doc string, examples ...string) sdk.Column {
	return sdk.Column{
		Name:     "completion",
		Type:     sdk.JSON,
		Required: true,
		Doc:      doc + ", of the same kind",
		Examples: examples,
	}
}

// Part is a prompt with an answer to it: two texts, or a chat.
type Part struct {
	Prompt, Answer string
	Chat           *sdk.Chat // nil for texts
}

// ReadPart reads a prompt and an answer, both texts or both lists of messages. What
// accompanies messages is in the columns from extras on.
func ReadPart(r *sdk.Row, extras int, prompt, answer Named) (p Part, err error) {
	first, isText := sdk.JSONText(r.JSON(prompt.Column))
	second, both := sdk.JSONText(r.JSON(answer.Column))
	switch {
	case isText && both && !IsList(first, "role"):
		return Part{Prompt: first, Answer: second}, NoExtras(r, extras, prompt.Name)
	case isText != both:
		names := []string{prompt.Name, answer.Name}
		if both {
			names[0], names[1] = names[1], names[0]
		}
		return p, errors.New("field " + strconv.Quote(names[0]) + " is a text, and " + strconv.Quote(names[1]) + " is none; want two texts or two lists of messages")
	}
	whole, err := Extras(r, extras)
	if err != nil {
		return p, err
	}
	if whole.Prompt, err = Read(prompt.Name, r.JSON(prompt.Column)); err != nil {
		return p, err
	}
	if whole.Answer, err = Read(answer.Name, r.JSON(answer.Column)); err != nil {
		return p, err
	}
	return Part{Chat: &whole}, nil
}

// Empty tells whether the answer says nothing.
func (p Part) Empty() bool {
	if p.Chat == nil {
		return fields.Blank(p.Answer)
	}
	for _, m := range p.Chat.Answer {
		if !Empty(m) {
			return false
		}
	}
	return true
}

// Add adds the candidate.
func (p Part) Add(o *sdk.Out) *sdk.Candidate {
	if p.Chat == nil {
		return o.Candidate(p.Prompt, p.Answer)
	}
	return o.Chat(*p.Chat)
}
