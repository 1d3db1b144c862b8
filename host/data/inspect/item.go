package inspect

import (
	"strings"

	"llmhost/host/data"
	"llmhost/host/data/record"
	"llmhost/host/data/source"
	"llmhost/sdk"
)

// Place is where a record is.
type Place struct {
	source.Position
	Number int // of the record in its file, from 1
	Eval   bool
}

// Item is what is seen of one record.
type Item struct {
	Place
	Record record.Record
	View   record.View
	Held   bool     // eval_split holds it out
	Set    int      // of several data sets, whose records may be of different kinds
	Reads  []string // the fields that the set's formatter reads; nil for those of Options

	Err      error  // the record could not be read; then there is nothing else
	Encoding bool   // because of its encoding, in Damaged
	Damaged  string // the field

	Refused string // why the formatter refuses it
	Dropped string // why the formatter leaves it out

	// Candidates are what is learned: the formatter's where there is one, otherwise as
	// the names of the fields say.
	Candidates  []record.Candidate
	formatted   *data.Formatted
	Classes     map[string]string // by head, where a formatter gives them
	Tokens      *data.Example     // not truncated; nil without a tokenizer
	Untokenized string            // why the record has no tokens: the chat template refuses it
	Merged      []bool            // of each candidate: a token spans the end of the prompt and the beginning of the answer
}

// Take sets what the names of the fields say of the record.
func (i *Item) Take(r record.Record) {
	i.Record = r
	i.View = record.Look(r)
	i.Candidates = i.View.Candidates
}

// Format sets the candidates to what a formatter made of the record. A chat, which
// has no texts, stays as the names of the fields say.
func (i *Item) Format(f data.Formatted) {
	i.formatted = &f
	i.Classes = f.Labels
	var candidates []record.Candidate
	for _, c := range f.Candidates {
		if c.Prompt == "" && c.Answer == "" {
			return
		}
		candidates = append(candidates, record.Candidate{
			Prompt:      c.Prompt,
			Answer:      c.Answer,
			PromptField: i.fieldOf(c.Prompt),
			AnswerField: i.fieldOf(c.Answer),
		})
	}
	i.Candidates = candidates
}

// fieldOf is the field that holds a text, or else the last that the text is made of.
func (i *Item) fieldOf(text string) (field string) {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	for _, t := range i.View.Texts {
		if strings.Contains(t.Text, text) {
			return t.Field
		}
	}
	for _, t := range i.View.Texts {
		if t.Text != "" && strings.Contains(text, t.Text) {
			field = t.Field
		}
	}
	return field
}

// Example is what is tokenised of the record: what a formatter made of it, or else,
// where there is none, its texts as they are. A chat has no tokens without a template.
func (i *Item) Example(hasFormatter bool) (e data.Formatted, has bool) {
	if i.formatted != nil || hasFormatter {
		if i.formatted == nil {
			return e, false
		}
		return *i.formatted, true
	}
	e.Source = i.Position
	for _, c := range i.View.Candidates {
		if c.Chat {
			return e, false
		}
		e.Candidates = append(e.Candidates, sdk.Candidate{Prompt: c.Prompt, Answer: c.Answer})
	}
	if i.View.Candidates == nil && strings.HasPrefix(i.View.Kind, "text") {
		e.Candidates = []sdk.Candidate{{Answer: i.View.Texts[0].Text}}
	}
	return e, len(e.Candidates) > 0
}
