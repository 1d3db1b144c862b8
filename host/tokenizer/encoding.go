package tokenizer

import "encoding/binary"

// Encoding is a text as tokens, with details of each.
type Encoding struct {
	IDs   []int32
	Spans []Span  // where each token is in its text; {0, 0} where it was added
	Types []int32 // 1 for tokens of a pair's second text, where the tokenizer tells them apart
	Added []bool  // the post-processor added the token: it has no text
}

// Span is the bytes [Start, End) of a Go string: text[s.Start:s.End]. Byte-level
// tokens that share a character all span the whole of it; only in front of a
// text to which the tokenizer adds a blank may a span end inside a character.
type Span struct{ Start, End int }

// Side is an end of a text.
type Side uint8

// The ends of a text.
const (
	Left Side = iota
	Right
)

// Truncate returns e with at most length tokens, cut at side. Tokens that the
// post-processor added are kept, as few as length may be.
func (e Encoding) Truncate(length int, side Side) Encoding {
	drop := len(e.IDs) - length
	if drop <= 0 {
		return e
	}
	room := len(e.IDs)
	for _, added := range e.Added {
		if added {
			room--
		}
	}
	first, end := room-drop, room // of the text's own tokens, those that go
	if side == Left {
		first, end = 0, drop
	}
	var kept Encoding
	own := 0
	for i := range e.IDs {
		if !e.Added[i] {
			own++
			if own > first && own <= end {
				continue
			}
		}
		kept.IDs = append(kept.IDs, e.IDs[i])
		kept.Spans = append(kept.Spans, e.Spans[i])
		kept.Types = append(kept.Types, e.Types[i])
		kept.Added = append(kept.Added, e.Added[i])
	}
	return kept
}

// words is the unread rest of a tok_encode payload.
type words []byte

func (w *words) next() int32 {
	word := int32(binary.LittleEndian.Uint32(*w))
	*w = (*w)[4:]
	return word
}

// ids reads a count and that many ids.
func (w *words) ids() []int32 {
	ids := make([]int32, w.next())
	for i := range ids {
		ids[i] = w.next()
	}
	return ids
}

// encoding reads one input's reply with all details.
func (w *words) encoding() Encoding {
	e := Encoding{IDs: w.ids()}
	n := len(e.IDs)
	e.Spans, e.Types, e.Added = make([]Span, n), make([]int32, n), make([]bool, n)
	for i := range e.IDs {
		e.Spans[i] = Span{int(w.next()), int(w.next())}
		e.Types[i] = w.next()
		e.Added[i] = w.next() != 0
	}
	return e
}
