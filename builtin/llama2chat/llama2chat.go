// Package llama2chat holds the formatter of dialogs for models that were tuned as
// Llama 2 Chat was:
//
//	{"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
//
// A dialog is laid out as Touvron et al. 2023, arXiv:2307.09288, published it with
// their code: each turn of a user and the answer to it is
//
//	<s>[INST] hi [/INST] hello </s>
//
// and the system message goes into the user's first turn, between <<SYS>> and
// <</SYS>>. Blanks around a turn are stripped, those between system and user kept.
package llama2chat

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Plugin is the formatter with its name.
var Plugin = sdk.Plugin{
	Name: "llama2_chat", Version: "1.0.0", Doc: "dialogs in the layout of Llama 2 Chat",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"llama2_chat",
		"a dialog in the layout of Llama 2 Chat, whose last answer is learned",
		Formatter{},
	)},
}

// The marks of the layout. Those between turns are special tokens, and tokenizers
// of this family treat them as such.
const (
	openTurn, closeTurn     = "[INST] ", " [/INST]"
	openSystem, closeSystem = "<<SYS>>\n", "\n<</SYS>>\n\n"
	betweenTurns            = "</s><s>"
)

// Message is one turn of a dialog.
type Message struct{ Role, Content string }

// Formatter makes an example of one candidate: the dialog up to its last answer,
// and that answer. The BOS token before the first turn and the EOS token after
// the answer are added by the host, as for every sequence.
//
// A dialog may begin with one turn of the system; then user and assistant
// alternate. A dialog that ends with the user or with an empty answer is dropped.
type Formatter struct {
	MessagesName string `llmhost:"messages_name,doc=field that holds the list of turns, each with role and content; empty: messages"`
}

// Columns declares the turns.
func (f Formatter) Columns() []sdk.Column {
	return []sdk.Column{{
		Name:     f.name(),
		Type:     sdk.JSON,
		Required: true,
		Doc:      "turns of a dialog, each with role and content",
		Examples: []string{dialog},
	}}
}

// dialog is an example of a record's field.
const dialog = `[{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Name a colour."}, {"role": "assistant", "content": "Red."}]`

// Forms is none: records of this kind are laid out by the model's chat template,
// unless this layout is asked for by name.
func (Formatter) Forms() []sdk.Form { return []sdk.Form{} }

// Markup lists the marks of the layout.
func (Formatter) Markup() sdk.Markup {
	return sdk.Markup{
		Special: []string{"<s>", "</s>"},
		Texts:   []string{strings.TrimSpace(openTurn), strings.TrimSpace(closeTurn), strings.TrimSpace(openSystem), strings.TrimSpace(closeSystem)},
	}
}

// Gives says that examples have no columns and no labels.
func (Formatter) Gives() []sdk.Output { return nil }

func (f Formatter) name() string { return fields.Or(f.MessagesName, "messages") }

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	var dialog []Message
	if err := json.Unmarshal([]byte(r.JSON(0)), &dialog); err != nil {
		return errors.New("field " + strconv.Quote(f.name()) + ": want a list of turns, such as {\"role\": \"user\", \"content\": \"hi\"}")
	}
	prompt, answer, err := lay(dialog)
	switch {
	case err != nil:
		return errors.New("field " + strconv.Quote(f.name()) + " " + err.Error())
	case len(dialog) == 0 || dialog[len(dialog)-1].Role != "assistant":
		return o.Drop("a dialog without an answer at its end")
	case fields.Blank(answer):
		return o.Drop("an empty answer")
	}
	o.Candidate(prompt, answer)
	return nil
}

// lay lays a dialog out: all before its last answer, and that answer.
func lay(dialog []Message) (prompt, answer string, err error) {
	wanted, system := "user", ""
	for i, m := range dialog {
		text := strings.TrimSpace(system + m.Content)
		switch {
		case i == 0 && m.Role == "system":
			system = openSystem + m.Content + closeSystem
			continue
		case m.Role != wanted:
			return "", "", errors.New("has the role " + strconv.Quote(m.Role) + " in turn " + strconv.Itoa(i+1) + "; want " + wanted)
		case m.Role == "assistant":
			answer = " " + text + " "
			wanted = "user"
			continue
		}
		if answer != "" {
			prompt = prompt + answer + betweenTurns
			answer = ""
		}
		prompt = prompt + openTurn + text + closeTurn
		system = ""
		wanted = "assistant"
	}
	return prompt, answer, nil
}
