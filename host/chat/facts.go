package chat

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"llmhost/host/tokenizer"
	"llmhost/sdk"
)

// facts are what is known of a template once for all conversations.
type facts struct {
	name, path, source string
	generation         bool // it marks itself what the model wrote
	compiled           *tokenizer.Template
	marks              marks
	marked             *tokenizer.Template // the copy that prints marks; nil where none can be made
	header             string              // what stands before each answer of the model
	convention         convention
}

// learned keeps the facts of a model's templates. They are found when the first
// conversation wants them: whoever only renders needs none.
type learned struct {
	mutex sync.Mutex
	facts map[string]*facts
}

// factsFor are those of the template for conversations with tools or without.
func (t *Template) factsFor(tools bool) (*facts, error) {
	name, err := t.For(tools)
	if err != nil {
		return nil, err
	}
	t.learned.mutex.Lock()
	defer t.learned.mutex.Unlock()
	if f := t.learned.facts[name]; f != nil {
		return f, nil
	}
	f, err := t.findFacts(name)
	if err != nil {
		return nil, err
	}
	if t.learned.facts == nil {
		t.learned.facts = map[string]*facts{}
	}
	t.learned.facts[name] = f
	return f, nil
}

func (t *Template) findFacts(name string) (*facts, error) {
	f := &facts{name: name, path: t.Path(name), source: t.Source(name), compiled: t.compiled[name]}
	f.generation = f.compiled.MarksGeneration()
	if m, ok := pickMarks(f.source); ok {
		f.marks = m
		if source, loops := withMarks(f.source, m); loops > 0 {
			f.marked, _ = t.tok.Compile(tokenizer.TemplateSource{Text: source, Variables: t.shared.Variables}) // one that does not compile marks nothing
		}
	}
	if err := t.findHeader(f); err != nil {
		return nil, err
	}
	f.convention = conventionOf(f.source, f.header)
	return f, nil
}

// findHeader asks for an answer to a short question. Templates for images want its
// content in parts.
func (t *Template) findHeader(f *facts) error {
	for _, question := range []sdk.Message{
		sdk.NewMessage("user", "x"),
		{JSON: `{"role": "user", "content": [{"type": "text", "text": "x"}]}`},
	} {
		found, err := t.headerAfter(f, question)
		if found || err != nil {
			return err
		}
	}
	return nil
}

func (t *Template) headerAfter(f *facts, question sdk.Message) (found bool, err error) {
	var plain, asked, marked Rendering
	var wrong [3]error
	c := Conversation{Messages: []string{question.JSON}}
	numbered := Conversation{Messages: []string{question.With(turnKey, "0").JSON}, GenerationPrompt: true}
	if f.name == toolsName {
		c.Tools, numbered.Tools = "[]", "[]"
	}
	ask := c
	ask.GenerationPrompt = true
	all := jobs{
		{c, nil, func(r Rendering, err error) { plain, wrong[0] = r, err }},
		{ask, nil, func(r Rendering, err error) { asked, wrong[1] = r, err }},
	}
	if f.marked != nil {
		all = append(all, job{numbered, f, func(r Rendering, err error) { marked, wrong[2] = r, err }})
	}
	if err := t.run(all); err != nil || wrong[0] != nil || wrong[1] != nil {
		return false, err
	}
	header, is := strings.CutPrefix(asked.Text, plain.Text)
	if text, rounds := f.marks.unmarked(marked.Text); !is && f.marked != nil && wrong[2] == nil && text == asked.Text {
		if l, ok := layoutOf(rounds, 1); ok { // something else stands there without the generation prompt
			header, is = asked.Text[l.end:], true
		}
	}
	if !is {
		return false, nil
	}
	if thought := opening.FindStringIndex(header); thought != nil {
		header = header[:thought[0]]
	}
	f.header = header
	return true, nil
}

// opening begins a thought; a generation prompt that ends in one, or in an empty
// thought, has it in front of what the model writes.
var opening = regexp.MustCompile(`<think>\s*(</think>\s*)?$`)

func (m marks) both() string { return string([]rune{m.open, m.shut}) }

func number(i int) string { return strconv.Itoa(i) }

// run renders all jobs, those of a template together.
func (t *Template) run(all jobs) error {
	type batch struct {
		template *tokenizer.Template
		jobs     []job
		inputs   []tokenizer.Conversation
	}
	batches := map[*tokenizer.Template]*batch{}
	var order []*batch
	for _, j := range all {
		f := j.marks
		if f == nil {
			name, err := t.For(j.conversation.Tools != "")
			if err != nil {
				return err
			}
			f = &facts{name: name, path: t.Path(name), marked: t.compiled[name]}
		}
		input, err := t.input(j.conversation)
		if err != nil {
			j.take(Rendering{}, err)
			continue
		}
		b := batches[f.marked]
		if b == nil {
			b = &batch{template: f.marked}
			batches[f.marked] = b
			order = append(order, b)
		}
		b.jobs = append(b.jobs, j)
		b.inputs = append(b.inputs, input)
	}
	for _, b := range order {
		rendered, err := b.template.Render(b.inputs)
		if err != nil {
			return err
		}
		for n, r := range rendered {
			if e := r.Err; e != nil {
				name, _ := t.For(b.jobs[n].conversation.Tools != "")
				b.jobs[n].take(Rendering{}, &RenderError{n, e.Turn, t.paths[name], e.Line, e.Message, e.Raised})
				continue
			}
			b.jobs[n].take(Rendering{r.Text, r.Generation, r.Plain}, nil)
		}
	}
	return nil
}
