// Package rankedchats holds a formatter of conversations with several scored
// answers, which the model's own chat template lays out.
package rankedchats

import (
	"fmt"

	"llmhost/sdk"
)

// Formatter reads a conversation up to the user's last message, and what the
// assistant might answer, each with a score.
type Formatter struct {
	System string `llmhost:"ranked_chats_system,default=,values=Be brief.,doc=system message of conversations that begin without one; empty: none"`
}

// The columns by their index.
const (
	messagesColumn = iota
	answersColumn
	scoresColumn
	toolsColumn
)

// Columns implements sdk.Formatter.
func (Formatter) Columns() []sdk.Column {
	return []sdk.Column{
		{Name: "messages", Type: sdk.JSON, Required: true, Doc: "the conversation so far: a list of objects with role and content", Examples: []string{
			`[{"role": "user", "content": "What does a dog say?"}]`,
			`[{"role": "system", "content": "You are a cat."}, {"role": "user", "content": "Who are you?"}]`,
		}},
		{Name: "answers", Type: sdk.StringList, Required: true, Doc: "what the assistant might answer", Examples: []string{`["Woof.", "Go away."]`, `["A cat.", "A dog.", "No."]`}},
		{Name: "scores", Type: sdk.FloatList, Required: true, Role: sdk.ScoreRole, Doc: "one number an answer; higher is better", Examples: []string{"[1, 0]", "[1, 0.5, -1]"}},
		{Name: "tools", Type: sdk.JSON, Doc: "a list of the tools that the assistant may call", Examples: []string{`[{"type": "function", "function": {"name": "bark"}}]`}},
	}
}

// Forms is the one kind of record that it reads.
func (Formatter) Forms() []sdk.Form {
	return []sdk.Form{{
		Name:   "messages + answers + scores",
		Fields: []sdk.FormField{{Name: "messages", Keys: []string{"role"}}, {Name: "answers"}, {Name: "scores"}},
		Chat:   true,
	}}
}

// Gives lists what Format sets.
func (Formatter) Gives() []sdk.Output {
	return []sdk.Output{{Name: "score", Role: sdk.ScoreRole}}
}

// Format implements sdk.Formatter.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	messages, err := sdk.Messages(r.JSON(messagesColumn))
	if err != nil {
		return err
	}
	answers, scores := r.Strs(answersColumn), r.Floats(scoresColumn)
	switch {
	case len(answers) != len(scores):
		return fmt.Errorf("%d answers and %d scores; want as many of each", len(answers), len(scores))
	case len(answers) < 2:
		return o.Drop("fewer than two answers")
	case len(messages) == 0:
		return o.Drop("no message to answer")
	}
	if f.System != "" && messages[0].Role() != "system" {
		messages = append([]sdk.Message{sdk.NewMessage("system", f.System)}, messages...)
	}
	for i, answer := range answers {
		chat := sdk.Chat{
			Prompt: messages,
			Answer: []sdk.Message{sdk.NewMessage("assistant", answer)},
			Tools:  r.JSON(toolsColumn),
		}
		o.Chat(chat).Set("score", scores[i])
	}
	return nil
}

// Plugin is a formatter of ranked chats and a task for it.
var Plugin = sdk.Plugin{
	Name: "ranked_chats", Version: "1.0.0", Doc: "conversations with several scored answers",
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter("ranked_chats", "a conversation, its possible answers and their scores", Formatter{})},
	Tasks: []sdk.Task{{
		Name: "ranked_chats", Doc: "align a chat model with ranked answers",
		Formatter: "ranked_chats", Head: sdk.LMHead, Loss: "builtin:rrhf",
	}},
}
