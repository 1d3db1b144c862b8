package tokenizer

import (
	"fmt"
	"slices"
	"strconv"
)

// PlainText is a text of which parts are only text: special tokens that lie in them are
// encoded as any other text would be. Around them everything gets the ids that it has
// beside text.
type PlainText struct {
	Text  string
	Plain []Span
}

// EncodePlain encodes texts without what the post-processor adds, on several threads where
// there is enough work. Errors count the texts from 0.
func (t *Tokenizer) EncodePlain(texts []PlainText) ([]Encoding, error) {
	plain := make([]string, len(texts))
	for i, text := range texts {
		plain[i] = text.Text
		if err := t.check(text.Text); err != nil {
			return nil, fmt.Errorf("text %d: %w", i, err)
		}
	}
	out := make([]Encoding, len(texts))
	err := t.pool.each(plain, func(c chunk) error { return t.encodePlain(texts[c.first:c.end], out[c.first:]) })
	return out, err
}

// encodePlain encodes texts in one call of the core.
func (t *Tokenizer) encodePlain(texts []PlainText, out []Encoding) error {
	request := make([]string, 0, 2*len(texts))
	for _, text := range texts {
		request = append(request, text.Text, written(text.Plain))
	}
	var reply words
	err := t.pool.use(func(i *instance) (err error) {
		reply, err = i.encode(request, plainRanges|detailed|flag(t.split, splitSpecial))
		return err
	})
	if err != nil {
		return fmt.Errorf("tokenizer %s: encoding: %w", t.path, err)
	}
	for n := range texts {
		out[n] = reply.encoding()
	}
	return nil
}

// written are spans as the core reads them, "" for none.
func written(spans []Span) string {
	var out []byte
	for i, s := range spans {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(out, int64(s.Start), 10)
		out = strconv.AppendInt(append(out, '-'), int64(s.End), 10)
	}
	return string(out)
}

// Spans are where the tokens stand.
func Spans(tokens []PlainToken) []Span {
	return slices.Collect(func(yield func(Span) bool) {
		for _, t := range tokens {
			if !yield(t.Span) {
				return
			}
		}
	})
}
