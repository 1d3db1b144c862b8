package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/jsonobject"
	"llmhost/host/tokenizer"
)

// Conversation is what a template is given. All texts are JSON; "" means that there is
// none.
type Conversation struct {
	Messages  []string // one object each, its keys in the order in which the template sees them
	Tools     string   // array of objects
	Documents string   // array of objects
	Args      string   // object: more variables (chat_template_kwargs)
	// GenerationPrompt asks for the beginning of the model's answer at the end.
	GenerationPrompt bool
	// Continue is the field of the last message at whose end the text stops, so that the
	// model goes on with it: "content", or one of reasoning; "" for none.
	Continue string

	textOnly bool // nobody reads Plain of the rendering
}

// Rendering is a conversation as text.
type Rendering struct {
	Text string
	// Generation are the bytes of Text inside {% generation %}.
	Generation []tokenizer.Span
	// Plain are the special tokens in Text that messages, tools, documents and arguments
	// spell out. Tokenizer.EncodePlain encodes them as text.
	Plain []tokenizer.PlainToken
}

// RenderError says which conversation of a batch could not be rendered, and why.
type RenderError struct {
	Conversation int // its place in the batch, from 0
	Turn         int // the message that brings it about, from 0; -1 where it is unknown
	Path         string
	Line         int // of the template; 0 where it is unknown
	Message      string
	Raised       bool // the template itself refused
}

// controlMessage begins what the engine, which knows no settings, says of a control token
// that it cannot tell from the template's.
const controlMessage = "a text has the control token "

// Error names the message, the template's line, and what is wrong.
func (e *RenderError) Error() string {
	var b strings.Builder
	if e.Turn >= 0 {
		fmt.Fprintf(&b, "message %d: ", e.Turn)
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, "%s:%d: ", e.Path, e.Line)
	}
	if e.Raised {
		b.WriteString("the template says: ")
	}
	b.WriteString(e.Message)
	if strings.HasPrefix(e.Message, controlMessage) {
		b.WriteString("; allow_special_tokens_in_text = true lets it be one")
	}
	return b.String()
}

// Render renders one conversation. What is wrong with it is a *RenderError.
func (t *Template) Render(c Conversation) (Rendering, error) {
	all, err := t.RenderBatch([]Conversation{c})
	if err != nil {
		return Rendering{}, err
	}
	return all[0], nil
}

// RenderBatch renders many conversations with fewer crossings into the engine, on several
// threads where there is enough work. The first that cannot be rendered is a *RenderError.
func (t *Template) RenderBatch(conversations []Conversation) ([]Rendering, error) {
	byTemplate := map[string][]int{}
	inputs := make([]tokenizer.Conversation, len(conversations))
	for i, c := range conversations {
		name, err := t.For(c.Tools != "")
		if err == nil {
			inputs[i], err = t.input(c)
		}
		if err != nil {
			return nil, &RenderError{Conversation: i, Turn: -1, Message: err.Error()}
		}
		byTemplate[name] = append(byTemplate[name], i)
	}
	out := make([]Rendering, len(conversations))
	failures := map[int]error{}
	for name, places := range byTemplate {
		batch := make([]tokenizer.Conversation, len(places))
		for n, at := range places {
			batch[n] = inputs[at]
		}
		rendered, err := t.compiled[name].Render(batch)
		if err != nil {
			return nil, err
		}
		for n, r := range rendered {
			if e := r.Err; e != nil {
				failures[places[n]] = &RenderError{places[n], e.Turn, t.paths[name], e.Line, e.Message, e.Raised}
				continue
			}
			out[places[n]] = Rendering{r.Text, r.Generation, r.Plain}
		}
	}
	for i := range conversations {
		if failures[i] != nil {
			return nil, failures[i]
		}
	}
	return out, nil
}

// given are the variables that arguments may not name: the conversation has them.
var given = []string{"messages", "tools", "documents", "add_generation_prompt"}

// input writes a conversation as the engine reads it.
func (t *Template) input(c Conversation) (tokenizer.Conversation, error) {
	if c.GenerationPrompt && c.Continue != "" {
		return tokenizer.Conversation{}, errors.New("a conversation is either continued or gets a generation prompt, not both")
	}
	var b bytes.Buffer
	b.WriteByte('{')
	if c.Args != "" {
		args, err := jsonobject.Parse([]byte(c.Args))
		if err != nil {
			return tokenizer.Conversation{}, fmt.Errorf("chat_template_kwargs: %w", err)
		}
		for _, m := range args {
			if slices.Contains(given, m.Key) {
				return tokenizer.Conversation{}, fmt.Errorf("chat_template_kwargs names %s, which the conversation gives; take it out", m.Key)
			}
			fmt.Fprintf(&b, "%s:%s,", quoted(m.Key), m.Value)
		}
	}
	for i, m := range c.Messages {
		if !json.Valid([]byte(m)) {
			return tokenizer.Conversation{}, fmt.Errorf("message %d is not JSON", i)
		}
	}
	fmt.Fprintf(&b, `"messages":[%s],"tools":%s,"documents":%s,"add_generation_prompt":%t}`,
		strings.Join(c.Messages, ","), orNull(c.Tools), orNull(c.Documents), c.GenerationPrompt)
	options := fmt.Sprintf(`{"now":%d,"continue":%s,"text":%t}`, t.now.Unix(), quoted(c.Continue), c.textOnly)
	return tokenizer.Conversation{Options: options, Variables: b.String()}, nil
}

func orNull(text string) string {
	if text == "" {
		return "null"
	}
	return text
}

// quoted is a text as JSON writes it.
func quoted(text string) string {
	if plain := strconv.Quote(text); !strings.Contains(plain, `\`) {
		return plain
	}
	data, _ := json.Marshal(text) // a text can always be written
	return string(data)
}
