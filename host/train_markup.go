package host

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/task"
	"llmhost/host/tokenizer"
)

// markupNotes say where the formatter lays chats out for another model's template than
// the one at hand: what it writes as special tokens are none of the tokenizer, or the
// model has a chat template that does not write its marks.
func markupNotes(t *task.Task, tok *tokenizer.Tokenizer, c *chats) (notes []string) {
	markup := t.Markup()
	isSpecial := func(text string) bool {
		id, known := tok.TokenID(text)
		return known && tok.IsControl(id) && !tok.SplitsSpecial()
	}
	if plain := slices.DeleteFunc(slices.Clone(markup.Special), isSpecial); len(plain) > 0 {
		notes = append(notes, fmt.Sprintf(
			"formatter %s writes %s between turns, for a tokenizer in which they are special tokens; in this one they are not, and are read as text; leave formatter out, so that the model's chat template lays chats out, or give one for this model",
			t.Formatter.Name,
			quotedList(plain),
		))
	}
	if c.missing != nil {
		return notes
	}
	isWritten := func(text string) bool {
		return slices.ContainsFunc(c.template.Names(), func(name string) bool { return strings.Contains(c.template.Source(name), text) })
	}
	if foreign := slices.DeleteFunc(slices.Clone(markup.Texts), isWritten); len(foreign) > 0 {
		notes = append(notes, fmt.Sprintf(
			"formatter %s lays chats out with %s, which the chat template at hand (%s) does not write: the layout is that of another model; leave formatter out, so that the template lays chats out, unless the model is to learn this layout",
			t.Formatter.Name,
			quotedList(foreign),
			strings.Join(c.paths(), ", "),
		))
	}
	return notes
}

// quotedList quotes texts.
func quotedList(texts []string) string {
	var quoted []string
	for _, text := range texts {
		quoted = append(quoted, strconv.Quote(text))
	}
	return strings.Join(quoted, ", ")
}
