package chat

import (
	"slices"

	"llmhost/sdk"
)

// Learning says what is learned of conversations.
type Learning struct {
	// Turns learns the turns of Roles alone, each from behind its header to its last
	// end token. Without it everything is learned that is not in the prompt.
	Turns bool
	Roles []string // whose turns; nil stands for those of the assistant
	Last  bool     // of these turns the last one alone

	// Prompt learns from the prompt like from the answer.
	Prompt bool
}

// assistant is the role that answers; the generation prompt is the header of its turns.
const assistant = "assistant"

// roles are the roles whose turns are learned.
func (how Learning) roles() []string {
	if how.Roles == nil {
		return []string{assistant}
	}
	return how.Roles
}

// plan says what of a conversation is learned: everything from some token on where
// whole, the turns of the messages in add besides, and none of those in leave.
type plan struct {
	whole      bool
	fromStart  bool  // the prompt is learned like the answer
	add, leave []int // messages by number
}

// turns are the messages whose turns must be found.
func (p plan) turns() []int { return slices.Sorted(slices.Values(slices.Concat(p.add, p.leave))) }

// planOf settles what is learned of a chat, whose messages may say it themselves.
func (how Learning) planOf(chat *sdk.Chat) (p plan) {
	p.whole = !how.Turns
	p.fromStart = how.Prompt
	prompt := len(chat.Prompt)
	for i, m := range slices.Concat(chat.Prompt, chat.Answer) {
		given := i < prompt && !how.Prompt
		switch {
		case m.Learn == sdk.LearnNo && (p.whole && !given):
			p.leave = append(p.leave, i)
		case m.Learn == sdk.LearnYes && (!p.whole || given):
			p.add = append(p.add, i)
		case m.Learn == sdk.LearnDefault && how.Turns && !given && slices.Contains(how.roles(), m.Role()):
			p.add = append(p.add, i)
		}
	}
	if how.Last {
		p.add = lastOf(p.add, chat)
	}
	return p
}

// simple tells whether all turns of the assistant are learned, and of nobody else.
func (how Learning) simple(messages []sdk.Message) bool {
	return how.Turns && !how.Last && slices.Equal(how.roles(), []string{assistant}) &&
		!slices.ContainsFunc(messages, func(m sdk.Message) bool { return m.Learn != sdk.LearnDefault })
}

// lastOf are the last turn of those to be learned, and those whose messages ask for it.
func lastOf(add []int, chat *sdk.Chat) (kept []int) {
	messages := slices.Concat(chat.Prompt, chat.Answer)
	for at, i := range add {
		if messages[i].Learn == sdk.LearnYes || !slices.ContainsFunc(add[at+1:], func(later int) bool {
			return messages[later].Learn == sdk.LearnDefault
		}) {
			kept = append(kept, i)
		}
	}
	return kept
}
