package inspect

import (
	"fmt"

	"llmhost/host/data/record"
)

var roleOrder = &Check{
	Name:     "role-order",
	Doc:      "turns of a chat in an order that templates refuse or nothing is learned from",
	Severity: Warning,
	Fix:      "correct the turns; formatter names another reader if these are no roles",
	Start: each(func(i *Item, find Find) {
		for _, c := range i.View.Chats {
			if f, wrong := wrongOrder(c, isLearned(i, c)); wrong {
				find(f)
			}
		}
	}),
}

var template = &Check{
	Name:     "template",
	Doc:      "a chat that the chat template refuses, or whose learned tokens cannot be told from the others",
	Severity: Error,
	Fix:      "correct the turns, or give another chat_template",
	Needs:    Tokens,
	Start: each(func(i *Item, find Find) {
		if i.Untokenized != "" {
			text := without(i.Untokenized, i.Position.String())
			field := fieldIn(text)
			if field == "" && len(i.View.Chats) > 0 {
				field = i.View.Chats[0].Field
			}
			find(Finding{Field: field, Text: text})
		}
	}),
}

var templatePrefix = &Check{
	Name:     "template-prefix",
	Doc:      "a chat that does not begin with what a model is asked with: the template is not prefix-preserving",
	Severity: Warning,
	Fix:      "train_on = \"last\" learns the last turn alone, which is as a model sees it; or give a chat_template that writes earlier turns the same way",
	Needs:    Tokens,
	Start: func(o Options) Pass {
		return Pass{Each: func(i *Item, find Find) {
			if i.Tokens == nil {
				return
			}
			for _, c := range i.View.Chats {
				if field, what := changes(o.Changing, c); what != "" {
					find(Finding{Field: field, Text: "once the chat goes on, the template writes " + what + " in another way"})
					return
				}
			}
			for n, s := range i.Tokens.Sequences {
				if s.Text.Rewritten {
					find(Finding{Field: i.sequenceField(n, true), Text: "the template writes an earlier turn in another way than what a model is asked with"})
					return
				}
			}
		}}
	},
}

// What a template may write in another way that not every answer has, as package chat
// calls it.
const (
	Thoughts  = "thoughts"
	ToolCalls = "calls of tools"
)

// changes is what a template writes in another way in a chat that goes on after an answer
// which has it, and where the answer is; "" where nothing is.
func changes(changing []string, c record.Chat) (field, what string) {
	for n, t := range c.Turns {
		if t.Role != record.Assistant || n+1 == len(c.Turns) {
			continue
		}
		for _, what := range changing {
			switch what {
			case Thoughts:
				if !t.Thinks {
					continue
				}
			case ToolCalls:
				if !t.Calls {
					continue
				}
			}
			return t.Field, what
		}
	}
	return "", ""
}

// isLearned tells whether a chat is one to learn from as a whole, so that it needs
// turns of user and assistant.
func isLearned(i *Item, c record.Chat) bool {
	return !c.Given && c.Field != "completion" && c.Field != "chosen" && c.Field != "rejected" && len(i.View.Chats) == 1
}

// wrongOrder finds the first turn of a chat that is out of order.
func wrongOrder(c record.Chat, learned bool) (f Finding, wrong bool) {
	before := ""
	answered := false
	for n, t := range c.Turns {
		at := Finding{Field: t.Field}
		switch {
		case !t.Known:
			at.Severity = Error
			at.Text = fmt.Sprintf("the role %q is none of system, user, assistant and tool", t.Role)
			return at, true
		case t.Role == record.System && n > 0:
			at.Text = "a system turn that is not the first one, which most templates refuse"
			return at, true
		case t.Role == before && t.Role != record.Tool:
			at.Text = fmt.Sprintf("two turns of role %s follow each other, which most templates refuse", t.Role)
			return at, true
		case t.Role == record.Assistant && learned && (before == "" || before == record.System):
			at.Text = "the assistant speaks before a user does, which most templates refuse"
			return at, true
		case t.Role == record.Tool && before != record.Assistant && before != record.Tool && (learned || n > 0):
			at.Text = "the answer of a tool that no assistant's turn before it called"
			return at, true
		}
		answered = answered || t.Role == record.Assistant
		before = t.Role
	}
	if len(c.Turns) == 0 || !learned {
		return f, false
	}
	last := c.Turns[len(c.Turns)-1]
	switch {
	case !answered:
		return Finding{Field: c.Field, Severity: Error, Text: "no turn of an assistant: nothing is learned of this chat"}, true
	case last.Role != record.Assistant:
		return Finding{Field: last.Field, Text: fmt.Sprintf("the chat ends in a turn of role %s, of which nothing is learned", last.Role)}, true
	}
	return f, false
}
