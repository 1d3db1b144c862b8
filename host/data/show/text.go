package show

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Text draws records for a terminal of some width. A line that begins with + is
// learned; a bar stands between two tokens.
type Text struct {
	Width  int
	Colour bool
}

// The codes of a terminal. Learned tokens are bold and underlined besides their
// colour, of which blue is the one that nearly everybody tells from grey.
const (
	learnedOn = "\x1b[1;4;34m"
	givenOn   = "\x1b[2m"
	specialOn = "\x1b[35m"
	cutOn     = "\x1b[9;2m"
	off       = "\x1b[0m"
)

// Legend says how to read what Record draws.
func (t Text) Legend() string {
	return "lines with + are learned, others are given; · is a blank, ↵ a line break, ‥ a part of a character, | stands between tokens\n"
}

// Record draws one record.
func (t Text) Record(r Record) string {
	var b strings.Builder
	b.WriteString(r.Place)
	if r.Reader != "" {
		fmt.Fprintf(&b, "  %s", r.Reader)
	}
	fmt.Fprintf(&b, "%s\n", columns(r.Columns))
	if r.Note != "" {
		fmt.Fprintf(&b, "  %s\n", r.Note)
	}
	for n, c := range r.Candidates {
		name := ""
		if len(r.Candidates) > 1 {
			name = fmt.Sprintf("candidate %d: ", n)
		}
		fmt.Fprintf(&b, "  %s%s\n", name, c.heading())
		for _, s := range c.segments() {
			t.segment(&b, s, n > 0)
		}
	}
	return b.String()
}

// roleWidth is how many columns the name of a role takes.
const roleWidth = 10

// segment draws tokens that are alike. again says that shared ones were drawn before.
func (t Text) segment(b *strings.Builder, s segment, again bool) {
	mark := " "
	if s.learned {
		mark = "+"
	}
	if s.cut {
		mark = "✂"
	}
	begin := fmt.Sprintf("  %-*.*s %s ", roleWidth, roleWidth, s.role, mark)
	if s.shared && again {
		fmt.Fprintf(b, "%s(%d tokens of candidate 0)\n", begin, len(s.tokens))
		return
	}
	next := fmt.Sprintf("  %-*s %s ", roleWidth, "", mark)
	width := max(20, t.Width-utf8.RuneCountInString(begin))
	for _, line := range lines(s.tokens, width) {
		b.WriteString(begin)
		for i, token := range line {
			if i > 0 {
				b.WriteString("|")
			}
			b.WriteString(t.paint(token))
		}
		b.WriteString("\n")
		begin = next
	}
}

// lines break tokens after line breaks and where a line is full.
func lines(tokens []Token, width int) (all [][]Token) {
	var line []Token
	used := 0
	for _, t := range tokens {
		n := utf8.RuneCountInString(t.visible()) + 1
		if len(line) > 0 && used+n > width {
			all = append(all, line)
			line, used = nil, 0
		}
		line = append(line, t)
		used += n
		if strings.HasSuffix(t.Text, "\n") {
			all = append(all, line)
			line, used = nil, 0
		}
	}
	if line != nil {
		all = append(all, line)
	}
	return all
}

func (t Text) paint(token Token) string {
	text := token.visible()
	if !t.Colour {
		return text
	}
	switch {
	case token.Cut:
		return cutOn + text + off
	case token.Learned:
		return learnedOn + text + off
	case token.Special:
		return specialOn + text + off
	}
	return givenOn + text + off
}

// Table draws one record with a line for each token.
func (t Text) Table(r Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n", r.Place, columns(r.Columns))
	if r.Note != "" {
		fmt.Fprintf(&b, "  %s\n", r.Note)
	}
	for n, c := range r.Candidates {
		fmt.Fprintf(&b, "  candidate %d: %s\n", n, c.heading())
		fmt.Fprintf(&b, "  %6s  %7s  %-*s  %-5s  %-6s  %s\n", "place", "id", roleWidth, "role", "learn", "shared", "token")
		for i, token := range c.Tokens {
			fmt.Fprintf(&b, "  %6d  %7d  %-*s  %-5s  %-6s  %s\n", i, token.ID, roleWidth, token.Role, learns(token), yes(i < c.Shared), t.paint(token))
		}
	}
	return b.String()
}

func learns(t Token) string {
	switch {
	case t.Cut:
		return "cut"
	case t.Learned:
		return "+"
	}
	return ""
}

func yes(is bool) string {
	if is {
		return "shared"
	}
	return ""
}
