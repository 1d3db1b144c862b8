package tokenizer

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Template is a compiled chat template. Safe for concurrent use. It is freed with
// the tokenizer that compiled it.
type Template struct {
	pool       *pool
	control    []string
	generation bool
}

// Conversation is one thing to render.
type Conversation struct {
	// Options is a JSON object: "now", what strftime_now tells, in seconds since 1970;
	// "continue", the field of the last message that is to be continued.
	Options string
	// Variables is a JSON object with what the template sees: messages, tools, documents,
	// add_generation_prompt, and what else there is.
	Variables string
}

// Rendered is a conversation as text, or why there is none.
type Rendered struct {
	Text string
	// Generation are the bytes of Text that {% generation %} blocks printed.
	Generation []Span
	// Plain are special tokens in Text that came from the conversation's texts, in their
	// order: only text to whoever wrote them.
	Plain []PlainToken
	Err   *TemplateError
}

// PlainToken is a special token that a text spells out.
type PlainToken struct {
	Span
	Token string
}

// TemplateSource is what a template is made of.
type TemplateSource struct {
	Text string
	// Variables is a JSON object with what every conversation has, "" for nothing: the
	// special tokens with a role.
	Variables string
	// Control are the tokens that a conversation's texts must not become.
	Control []string
}

// TemplateError is what is wrong with a template, or with a conversation for it.
type TemplateError struct {
	Line    int    // of the template, from 1; 0 where it is unknown
	Message string // what the engine says, or what the template says with raise_exception
	Raised  bool   // the template itself refused
	Turn    int    // the message, from 0, that brings it about; -1 where it is unknown
}

// Error names the line, where it is known, and what is wrong.
func (e *TemplateError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Message)
}

// Compile compiles a chat template. A wrong one is a *TemplateError.
func (t *Tokenizer) Compile(source TemplateSource) (*Template, error) {
	if !utf8.ValidString(source.Text) {
		return nil, &TemplateError{Message: "the template is not UTF-8", Turn: -1}
	}
	request := packed(append([]string{source.Text, cmp.Or(source.Variables, "{}")}, source.Control...))
	compiled := &Template{control: source.Control}
	compiled.pool = newPool(func() (*instance, error) {
		i, reply, err := startInstance(t.engine, "chat_new", request)
		if err != nil {
			return nil, compileError(err)
		}
		i.generation = binary.LittleEndian.Uint32(reply) != 0
		return i, nil
	})
	if err := compiled.pool.use(func(i *instance) error { compiled.generation = i.generation; return nil }); err != nil {
		return nil, err
	}
	return compiled, nil
}

// compileError reads the line that the core writes before its message.
func compileError(err error) error {
	line, message, found := strings.Cut(err.Error(), ":")
	if n, bad := strconv.Atoi(line); found && bad == nil {
		return &TemplateError{Line: n, Message: message, Turn: -1}
	}
	return err
}

// MarksGeneration tells whether the template has {% generation %}.
func (t *Template) MarksGeneration() bool { return t.generation }

// Render renders conversations, on several threads where there is enough work. What is
// wrong with one of them stands in its own place; the error is one of the core.
func (t *Template) Render(conversations []Conversation) ([]Rendered, error) {
	texts := make([]string, len(conversations))
	for i, c := range conversations {
		texts[i] = c.Variables
	}
	out := make([]Rendered, len(conversations))
	err := t.pool.each(texts, func(c chunk) error {
		return t.renderChunk(conversations[c.first:c.end], out[c.first:c.end])
	})
	return out, err
}

// renderChunk renders conversations in one call of the core. If one of them stops the
// core, or is not UTF-8, each is rendered alone, to find which.
func (t *Template) renderChunk(conversations []Conversation, out []Rendered) error {
	texts := make([]string, 0, 2*len(conversations))
	for _, c := range conversations {
		texts = append(texts, c.Options, c.Variables)
	}
	stopped := false
	err := t.pool.use(func(i *instance) error {
		reply, err := i.ask("chat_render", packed(texts), i.handle)
		if err == nil {
			t.read(reply, out)
		}
		stopped = i.dead
		return err
	})
	isBroken := func(text string) bool { return !utf8.ValidString(text) }
	switch {
	case err == nil || !stopped && !slices.ContainsFunc(texts, isBroken):
		return err
	case len(conversations) == 1:
		out[0] = Rendered{Err: &TemplateError{Message: err.Error(), Turn: -1}}
		return nil
	}
	for i := range conversations {
		if err := t.renderChunk(conversations[i:i+1], out[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// read reads a payload of chat_render.
func (t *Template) read(reply words, out []Rendered) {
	for n := range out {
		if reply.next() != 0 {
			e := &TemplateError{Line: int(reply.next()), Raised: reply.next() != 0, Turn: int(reply.next())}
			e.Message = reply.text(int(reply.next()))
			out[n] = Rendered{Err: e}
			continue
		}
		length, spans, plain := int(reply.next()), int(reply.next()), int(reply.next())
		r := Rendered{Text: reply.text(length), Generation: make([]Span, spans)}
		for s := range r.Generation {
			r.Generation[s] = Span{int(reply.next()), int(reply.next())}
		}
		for range plain {
			at := Span{int(reply.next()), int(reply.next())}
			r.Plain = append(r.Plain, PlainToken{at, t.control[reply.next()]})
		}
		out[n] = r
	}
}

// text reads so many bytes.
func (w *words) text(length int) string {
	text := string((*w)[:length])
	*w = (*w)[length:]
	return text
}
