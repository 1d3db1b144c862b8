// Package show draws records as a model sees them: every token with its role,
// whether it is learned, what of it is shared with other candidates and what is cut.
// It draws plain text, text with colours, and a page of HTML; in each of them what
// is learned is told by more than its colour. It reads no file and encodes nothing.
// Start at Record.
package show

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Record is one record, tokenised.
type Record struct {
	Place      string // "data/a.jsonl:17"
	Reader     string // what made sequences of it: "formatter promptanswer"
	Columns    []Column
	Candidates []Candidate
	Note       string // why it has no candidates
}

// Column is a number that goes with a record or a candidate.
type Column struct {
	Name, Value string
}

// Candidate is one sequence.
type Candidate struct {
	Columns []Column
	Tokens  []Token
	Shared  int // how many of its first tokens are those of the first candidate too
}

// Token is one token of a sequence.
type Token struct {
	ID      int64
	Text    string // the text that it stands for
	Part    bool   // a character begins in it that ends in a later token
	Role    string // prompt, answer, special, or the role of a turn
	Learned bool
	Special bool
	Cut     bool // max_length cuts it off
}

// Learned counts the tokens that are learned and not cut.
func (c Candidate) Learned() (n int) {
	for _, t := range c.Tokens {
		if t.Learned && !t.Cut {
			n++
		}
	}
	return n
}

// cut counts the tokens that are cut off.
func (c Candidate) cut() (n int) {
	for _, t := range c.Tokens {
		if t.Cut {
			n++
		}
	}
	return n
}

// heading is what is said of a candidate in a line.
func (c Candidate) heading() string {
	text := strconv.Itoa(len(c.Tokens)) + " tokens, " + strconv.Itoa(c.Learned()) + " learned"
	if n := c.cut(); n > 0 {
		text += ", " + strconv.Itoa(n) + " cut off"
	}
	if c.Shared > 0 {
		text += ", " + strconv.Itoa(c.Shared) + " shared"
	}
	return text + columns(c.Columns)
}

func columns(all []Column) string {
	text := ""
	for _, c := range all {
		text += "; " + c.Name + " " + c.Value
	}
	return text
}

// segment is some tokens in a row that are alike.
type segment struct {
	role    string
	learned bool
	cut     bool
	shared  bool
	tokens  []Token
}

// segments are those of a candidate.
func (c Candidate) segments() (all []segment) {
	for i, t := range c.Tokens {
		s := segment{role: t.Role, learned: t.Learned, cut: t.Cut, shared: i < c.Shared}
		if n := len(all); n > 0 && all[n-1].like(s) {
			all[n-1].tokens = append(all[n-1].tokens, t)
			continue
		}
		s.tokens = []Token{t}
		all = append(all, s)
	}
	return all
}

func (s segment) like(other segment) bool {
	return s.role == other.role && s.learned == other.learned && s.cut == other.cut && s.shared == other.shared
}

// Visible is a text in which blanks and breaks can be seen, and nothing acts on a
// terminal: · is a blank, ↵ a line break, ⇥ a tab.
func Visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == ' ':
			b.WriteRune('·')
		case r == '\n':
			b.WriteRune('↵')
		case r == '\t':
			b.WriteRune('⇥')
		case r == '\r':
			b.WriteRune('␍')
		case r == utf8.RuneError || unicode.IsGraphic(r) && !turns(r) && r != 0x2028 && r != 0x2029:
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// visible is the text of the token; ‥ is a part of a character.
func (t Token) visible() string {
	if t.Part {
		return Visible(t.Text) + "‥"
	}
	return Visible(t.Text)
}

// turns tells whether a character changes the direction of writing.
func turns(r rune) bool {
	return r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
