package chat

import (
	"slices"
	"strings"

	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

// Laid is a conversation as text, with what of it is learned.
type Laid struct {
	Text   string
	Prompt string // what a model is asked with; "" where the chat has no prompt

	// Plain and PromptPlain are special tokens in both that messages spell out.
	Plain, PromptPlain []tokenizer.PlainToken

	// Whole says that everything behind the prompt is learned, and FromStart that the
	// prompt is too. Add are bytes that are learned besides, Leave bytes that are not.
	Whole, FromStart bool
	Add, Leave       []tokenizer.Span

	// Rewritten says that the text does not begin with what a model is asked with for
	// one of the turns that are learned: the template writes earlier messages in another
	// way once the conversation goes on.
	Rewritten bool

	Err error // why there is none
}

// Lay lays chats out as text and finds what is learned of them.
func (t *Template) Lay(chats []*sdk.Chat, how func(*sdk.Chat) Learning) ([]Laid, error) {
	dialogs := make([]*dialog, len(chats))
	var first jobs
	prompts := map[promptKey]*Rendering{}
	for i, chat := range chats {
		d, err := t.newDialog(chat, how(chat))
		if err != nil {
			return nil, err
		}
		dialogs[i] = d
		first.askText(d, prompts)
		first.askTurns(d)
	}
	if err := t.run(first); err != nil {
		return nil, err
	}
	var second jobs
	for _, d := range dialogs {
		second.askMarks(d)
	}
	if err := t.run(second); err != nil {
		return nil, err
	}
	laid := make([]Laid, len(dialogs))
	for i, d := range dialogs {
		laid[i] = d.laid()
	}
	return laid, nil
}

// newDialog readies a conversation.
func (t *Template) newDialog(chat *sdk.Chat, how Learning) (*dialog, error) {
	d := &dialog{chat: chat, plan: how.planOf(chat), asked: map[int]string{}, upTo: map[int]string{}, spans: map[int][]tokenizer.Span{}}
	d.messages = slices.Concat(chat.Prompt, chat.Answer)
	var err error
	if d.facts, err = t.factsFor(chat.Tools != ""); err != nil {
		return nil, err
	}
	texts := []string{d.facts.source}
	for _, m := range d.messages {
		texts = append(texts, m.JSON)
	}
	d.sentinels = newSentinels(texts...)
	d.generated = d.facts.generation && how.Turns
	d.allGiven = d.generated && how.simple(d.messages)
	return d, nil
}

// conversation is the first n of messages as the engine takes them.
func (d *dialog) conversation(messages []sdk.Message, prompt bool) Conversation {
	c := Conversation{Tools: d.chat.Tools, Documents: d.chat.Documents, Args: d.chat.Args, GenerationPrompt: prompt}
	for _, m := range messages {
		c.Messages = append(c.Messages, m.JSON)
	}
	return c
}

// job is a rendering that is asked for, and what is done with it.
type job struct {
	conversation Conversation
	marks        *facts // whose template with marks is meant; nil for the template itself
	take         func(Rendering, error)
}

// jobs are rendered in one go.
type jobs []job

func (j *jobs) add(c Conversation, take func(Rendering, error)) { *j = append(*j, job{c, nil, take}) }

// addText asks for a rendering of which the text alone is wanted.
func (j *jobs) addText(c Conversation, take func(Rendering, error)) {
	c.textOnly = true
	j.add(c, take)
}

// promptKey tells prompts apart: candidates of an example stand behind the same one.
type promptKey struct {
	first                  *sdk.Message
	messages               int
	tools, documents, args string
}

// askText asks for the whole conversation and for its prompt, which candidates share.
func (j *jobs) askText(d *dialog, prompts map[promptKey]*Rendering) {
	j.add(d.conversation(d.messages, false), func(r Rendering, err error) {
		d.text, d.given, d.plain, d.err = r.Text, r.Generation, r.Plain, err
	})
	if len(d.chat.Prompt) == 0 {
		return
	}
	key := promptKey{&d.chat.Prompt[0], len(d.chat.Prompt), d.chat.Tools, d.chat.Documents, d.chat.Args}
	prompt, known := prompts[key]
	if !known {
		prompt = new(Rendering)
		prompts[key] = prompt
		j.add(d.conversation(d.chat.Prompt, true), func(r Rendering, err error) { *prompt = r })
	}
	d.prompt = prompt
}

// askTurns asks for what shows where turns are: the text up to each, with the
// generation prompt and with the turn, and the text with sentinels.
func (j *jobs) askTurns(d *dialog) {
	turns := d.plan.turns()
	if len(turns) == 0 || d.allGiven {
		return
	}
	keep := func(in map[int]string, i int) func(Rendering, error) {
		return func(r Rendering, err error) {
			if err == nil {
				in[i] = r.Text
			}
		}
	}
	for _, i := range turns {
		if i > 0 && d.messages[i].Role() == assistant {
			j.addText(d.conversation(d.messages[:i], true), keep(d.asked, i))
		}
		if i < len(d.messages)-1 {
			j.addText(d.conversation(d.messages[:i+1], false), keep(d.upTo, i))
		}
	}
	watched := slices.Clone(d.messages)
	for i, m := range watched {
		if changed, ok := d.sentinels.into(m, i); ok {
			watched[i] = changed
		}
	}
	j.addText(d.conversation(watched, false), func(r Rendering, err error) { d.proof, d.proofErr = r.Text, err })
}

// askMarks asks for the marked text where prompts do not tell where turns are, and for
// another content of messages that no generation prompt stands before.
func (j *jobs) askMarks(d *dialog) {
	if d.err != nil || d.allGiven {
		return
	}
	for _, i := range d.plan.turns() {
		_, begins := d.begin(i)
		_, ends := d.end(i)
		if begins && ends && !d.generated {
			continue
		}
		if !d.wantsMarks {
			d.wantsMarks = true
			d.askMarked(j)
		}
		if d.messages[i].Role() == assistant && i > 0 {
			continue
		}
		if swapped, ok := d.swapped(i); ok {
			j.addText(d.conversation(swapped, false), func(r Rendering, err error) {
				if err == nil {
					d.swaps[i] = common(d.text, r.Text)
				}
			})
		}
	}
}

// askMarked asks for the text with marks.
func (d *dialog) askMarked(j *jobs) {
	d.swaps = map[int]int{}
	if d.facts.marked == nil {
		d.noLayout = "the template has no loop over its messages that could be watched"
		return
	}
	numbered := slices.Clone(d.messages)
	for i, m := range numbered {
		if strings.ContainsAny(m.JSON, d.facts.marks.both()) {
			d.noLayout = "a message holds private characters"
			return
		}
		numbered[i] = m.With(turnKey, number(i))
	}
	c := d.conversation(numbered, false)
	c.textOnly = true
	*j = append(*j, job{c, d.facts, func(r Rendering, err error) {
		plain, rounds := d.facts.marks.unmarked(r.Text)
		if err != nil || plain != d.text {
			d.noLayout = "marks in the template's loops change its text"
			return
		}
		l, ok := layoutOf(rounds, len(d.messages))
		if d.layout = &l; !ok {
			d.layout, d.noLayout = nil, "the template does not write messages one after the other in one loop"
		}
	}})
}

// laid is the conversation with what is learned of it.
func (d *dialog) laid() Laid {
	l := Laid{Text: d.text, Plain: d.plain, Whole: d.plan.whole, FromStart: d.plan.fromStart, Err: d.err}
	if d.prompt != nil {
		l.Prompt, l.PromptPlain = d.prompt.Text, d.prompt.Plain
		l.Rewritten = !strings.HasPrefix(d.text, l.Prompt)
	}
	if l.Err != nil {
		return l
	}
	for _, asked := range d.asked {
		l.Rewritten = l.Rewritten || !strings.HasPrefix(d.text, asked)
	}
	if u := d.findSpans(); u != nil {
		l.Err = d.refusal(u)
		return l
	}
	if d.allGiven {
		l.Add = d.afterPrompt(d.given)
		return l
	}
	for _, i := range d.plan.add {
		if spans := d.spans[i]; i < len(d.chat.Prompt) {
			l.Add = append(l.Add, spans...)
		} else {
			l.Add = append(l.Add, d.afterPrompt(spans)...)
		}
	}
	for _, i := range d.plan.leave {
		l.Leave = append(l.Leave, d.spans[i]...)
	}
	return l
}

// afterPrompt are the spans that do not begin in a prompt that is only given.
func (d *dialog) afterPrompt(spans []tokenizer.Span) (kept []tokenizer.Span) {
	begin := 0
	if d.prompt != nil && !d.plan.fromStart {
		begin = common(d.prompt.Text, d.text)
	}
	for _, s := range spans {
		if s.End > begin {
			kept = append(kept, tokenizer.Span{Start: max(s.Start, begin), End: s.End})
		}
	}
	return kept
}
