package tokenizer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Speller tells the text that tokens stand for. Keep it: it remembers what it was
// asked. It is not for concurrent use.
type Speller struct {
	tokens *Tokenizer
	bytes  map[rune]byte // of a tokenizer whose tokens are written in characters for bytes; else nil
	known  map[int32][]byte
}

// Piece is the text of a token among others.
type Piece struct {
	Text string // as it stands in the text, with a blank before it where it has one
	Part bool   // a character begins in the token and ends in a later one, whose Text has it
}

// Speller returns one.
func (t *Tokenizer) Speller() *Speller {
	s := &Speller{tokens: t, known: map[int32][]byte{}}
	if _, has := t.TokenID("Ġ"); has {
		s.bytes = map[rune]byte{}
		for b, r := range byteChars() {
			s.bytes[r] = byte(b)
		}
	}
	return s
}

// Spell returns the text of each of some tokens in a row. Bytes that are no character
// are spelt, as \xe4.
func (s *Speller) Spell(ids []int32) []Piece {
	pieces := make([]Piece, len(ids))
	var begun []byte // of a character
	for i, id := range ids {
		text, rest := legible(append(begun[:len(begun):len(begun)], s.raw(id)...))
		begun = rest
		if last := i+1 == len(ids); last || s.tokens.IsControl(ids[i+1]) {
			text += hexadecimal(begun) // nobody ends it
			begun = nil
		}
		pieces[i] = Piece{text, len(begun) > 0}
	}
	return pieces
}

// hexByte is how tokenizers with a fallback to bytes spell one.
var hexByte = regexp.MustCompile(`^<0x([0-9A-F]{2})>$`)

// raw is the bytes of a token.
func (s *Speller) raw(id int32) []byte {
	raw, seen := s.known[id]
	if !seen {
		raw = s.find(id)
		s.known[id] = raw
	}
	return raw
}

func (s *Speller) find(id int32) []byte {
	token, has := s.tokens.Token(id)
	if !has {
		return fmt.Appendf(nil, "<%d>", id)
	}
	if s.tokens.IsControl(id) {
		return []byte(token)
	}
	if m := hexByte.FindStringSubmatch(token); m != nil {
		b, _ := strconv.ParseUint(m[1], 16, 8) // the pattern has two hexadecimal digits
		return []byte{byte(b)}
	}
	if s.bytes == nil {
		return []byte(strings.ReplaceAll(token, "▁", " "))
	}
	var raw []byte
	for _, r := range token {
		b, is := s.bytes[r]
		if !is {
			return []byte(token) // an added token, which is written as it is
		}
		raw = append(raw, b)
	}
	return raw
}

// legible is the text of bytes, and those of a character that has only begun.
func legible(raw []byte) (text string, begun []byte) {
	var b strings.Builder
	for len(raw) > 0 && utf8.FullRune(raw) {
		r, size := utf8.DecodeRune(raw)
		if r == utf8.RuneError && size == 1 {
			b.WriteString(hexadecimal(raw[:1]))
		} else {
			b.WriteRune(r)
		}
		raw = raw[size:]
	}
	return b.String(), raw
}

func hexadecimal(raw []byte) (text string) {
	for _, b := range raw {
		text += fmt.Sprintf(`\x%02x`, b)
	}
	return text
}
