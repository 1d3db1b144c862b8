package tokenizer

import (
	"slices"
	"strings"
	"sync"
)

const (
	// piecesFrom is how much text is worth the search for pieces.
	piecesFrom = 8 << 10
	// longestPiece is the most bytes of a piece that is kept: a word and what is
	// written to it. Longer ones rarely come again.
	longestPiece = 48
	// mostPieces bounds the pieces that are kept, at some 100 bytes each.
	mostPieces = 1 << 18
	// lead stands in front of a piece that is not the first of its text.
	lead = "x"
)

// pieces keeps the ids of words that texts are made of, so that the core is asked for
// each of them once. Where a text may be cut is cuts' business.
type pieces struct {
	added map[byte][]string // tokens that are looked for in whole texts, by their first byte
	lead  []int32           // the ids of lead
	mu    sync.RWMutex
	first map[string]span // pieces that begin a text
	inner map[string]span
	ids   []int32
	most  int // how many pieces are kept
}

// span is some of pieces.ids.
type span struct{ at, n uint32 }

// newPieces returns nil for a tokenizer whose texts cannot be cut.
func newPieces(t *Tokenizer) *pieces {
	added, may := cutsAtBlanks(t.file)
	if !may {
		return nil
	}
	ids, err := t.encodeAll([]string{lead}, false)
	if err != nil {
		return nil
	}
	p := &pieces{added: map[byte][]string{}, lead: ids[0], most: mostPieces}
	for _, token := range added {
		p.added[token[0]] = append(p.added[token[0]], token)
	}
	p.forget()
	return p
}

func (p *pieces) forget() {
	p.first = map[string]span{}
	p.inner = map[string]span{}
	p.ids = nil
}

// takes tells whether a text has no added token.
func (p *pieces) takes(text string) bool {
	for first, tokens := range p.added {
		for rest := text; ; {
			at := strings.IndexByte(rest, first)
			if at < 0 {
				break
			}
			rest = rest[at:]
			if slices.ContainsFunc(tokens, func(token string) bool { return strings.HasPrefix(rest, token) }) {
				return false
			}
			rest = rest[1:]
		}
	}
	return true
}

// next cuts the first piece off a text.
func next(text string) (piece, rest string) {
	for from := 1; from < len(text); {
		at := strings.IndexByte(text[from:], ' ')
		if at < 0 {
			break
		}
		at += from
		if at+1 < len(text) && visible(text[at-1]) && visible(text[at+1]) {
			return text[:at], text[at:]
		}
		from = at + 1
	}
	return text, ""
}

// visible tells whether a byte is an ASCII character that is seen.
func visible(b byte) bool { return b > ' ' && b < 0x7f }

// encodeInPieces is encodeAll for texts of which many pieces are known.
func (t *Tokenizer) encodeInPieces(texts []string) ([][]int32, error) {
	p := t.pieces
	whole, wanted := p.missing(texts)
	ids, err := t.encodeAll(wanted.texts(), false)
	if err != nil || !p.bearsOut(wanted, ids) {
		return t.encodeAll(texts, false)
	}
	all := make([][]int32, len(texts))
	var left []string
	var at []int
	p.mu.RLock()
	for i, text := range texts {
		if !whole[i] {
			all[i] = p.join(text, wanted, ids)
		}
		if all[i] == nil {
			left, at = append(left, text), append(at, i)
		}
	}
	p.mu.RUnlock()
	p.keep(wanted, ids)
	rest, err := t.encodeAll(left, false)
	for n, i := range at {
		if err == nil {
			all[i] = rest[n]
		}
	}
	return all, err
}

// unknown are pieces that are not known, by number.
type unknown struct {
	list  []string
	first map[string]int // pieces that begin a text
	inner map[string]int
}

// texts are what the core is asked for: the pieces, those inside a text with something
// in front of them.
func (u *unknown) texts() []string {
	asked := slices.Clone(u.list)
	for piece, n := range u.inner {
		asked[n] = lead + piece
	}
	return asked
}

func (u *unknown) add(to map[string]int, piece string) {
	if _, has := to[piece]; !has {
		to[piece] = len(u.list)
		u.list = append(u.list, piece)
	}
}

// missing lists the pieces of texts that are not known, and says which texts are to be
// encoded whole.
func (p *pieces) missing(texts []string) (whole []bool, u *unknown) {
	u = &unknown{first: map[string]int{}, inner: map[string]int{}}
	whole = make([]bool, len(texts))
	p.mu.RLock()
	defer p.mu.RUnlock()
	for i, text := range texts {
		if whole[i] = text == "" || !p.takes(text); whole[i] {
			continue
		}
		piece, rest := next(text)
		if _, known := p.first[piece]; !known {
			u.add(u.first, piece)
		}
		for rest != "" {
			piece, rest = next(rest)
			if _, known := p.inner[piece]; !known {
				u.add(u.inner, piece)
			}
		}
	}
	return whole, u
}

// join puts the ids of a text together; nil where it cannot.
func (p *pieces) join(text string, u *unknown, fresh [][]int32) []int32 {
	ids := make([]int32, 0, len(text)/3)
	piece, rest := next(text)
	if known, has := p.first[piece]; has {
		ids = append(ids, p.ids[known.at:known.at+known.n]...)
	} else {
		n, has := u.first[piece]
		if !has {
			return nil // forgotten meanwhile
		}
		ids = append(ids, fresh[n]...)
	}
	for rest != "" {
		piece, rest = next(rest)
		if known, has := p.inner[piece]; has {
			ids = append(ids, p.ids[known.at:known.at+known.n]...)
			continue
		}
		n, has := u.inner[piece]
		if !has {
			return nil
		}
		ids = append(ids, fresh[n][len(p.lead):]...)
	}
	return ids
}

// keep adds what was unknown to what is known.
func (p *pieces) keep(u *unknown, ids [][]int32) {
	if len(u.list) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.first)+len(p.inner)+len(u.list) > p.most {
		p.forget()
	}
	add := func(to map[string]span, from map[string]int, front int) {
		for piece, n := range from {
			if _, has := to[piece]; has || len(piece) > longestPiece {
				continue
			}
			own := ids[n][front:]
			to[strings.Clone(piece)] = span{uint32(len(p.ids)), uint32(len(own))}
			p.ids = append(p.ids, own...)
		}
	}
	add(p.first, u.first, 0)
	add(p.inner, u.inner, len(p.lead))
}

// bearsOut tells whether the core answers for unknown pieces as it must.
func (p *pieces) bearsOut(u *unknown, ids [][]int32) bool {
	for _, n := range u.inner {
		if !slices.Equal(ids[n][:min(len(p.lead), len(ids[n]))], p.lead) {
			return false
		}
	}
	return len(p.lead) > 0
}
