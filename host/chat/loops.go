package chat

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A template prints its messages in a loop. To know which bytes of a rendering a
// message's turn takes, a copy of the template is rendered that prints a mark where
// each round of its outermost loops begins, and one where they end. Without the
// marks its text must be that of the template, so the marks tell where turns are and
// never change what a model sees.

// turnKey is the key that messages have in such a rendering: their number.
const turnKey = "llmhost_turn"

// marks are the characters that marks are made of: open, number of the loop, comma,
// number of the message, shut.
type marks struct{ open, shut rune }

// pickMarks returns private characters that stand in none of the texts.
func pickMarks(texts ...string) (marks, bool) {
	for open := rune(0xE100); open < 0xF8F0; open += 2 {
		m := marks{open, open + 1}
		taken := false
		for _, text := range texts {
			taken = taken || strings.ContainsAny(text, string([]rune{m.open, m.shut}))
		}
		if !taken {
			return m, true
		}
	}
	return marks{}, false
}

// tags finds comments, statements and expressions of a template. Groups: trim mark,
// word, rest, trim mark of statements.
var tags = regexp.MustCompile(`(?s)\{#.*?#\}|\{%([-+]?)\s*(\w+)((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^"'])*?)([-+]?)%\}|\{\{(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^"'])*?\}\}`)

// loopVariable is the name of a loop's variable.
var loopVariable = regexp.MustCompile(`^\s*(\w+)\s+in\b`)

// withMarks returns the source of a template that marks the rounds of its loops, of
// which it has some number. Loops inside of others, of macros and of captured text
// print nothing that a mark could stand in.
func withMarks(source string, m marks) (marked string, loops int) {
	var out strings.Builder
	var open []string // the blocks around
	at := 0
	for _, found := range tags.FindAllStringSubmatchIndex(source, -1) {
		t := tagAt(source, found)
		if t.word == "" || t.start < at {
			continue
		}
		switch {
		case t.word == "raw":
			return source, 0 // none of the known templates has one
		case t.word == "for" && len(open) == 0:
			out.WriteString(source[at:t.start])
			fmt.Fprintf(&out, "{%%%s for%s%%}%s", t.before, t.rest, m.statement(loops, t))
			at = t.end
		case t.word == "endfor" && len(open) == 1 && open[0] == "for":
			out.WriteString(source[at:t.start])
			fmt.Fprintf(&out, "{%%%s endfor %%}%s", t.before, m.statement(loops, t))
			at = t.end
			loops++
		}
		open = t.nest(open)
	}
	out.WriteString(source[at:])
	return out.String(), loops
}

// statement prints a mark and takes the place of the end of tag t: what is trimmed
// around t is trimmed around it.
func (m marks) statement(loop int, t tag) string {
	number := ""
	if name := loopVariable.FindStringSubmatch(t.rest); t.word == "for" && name != nil {
		number = fmt.Sprintf("{{ %s.%s }}", name[1], turnKey)
	}
	kind := "e"
	if t.word == "for" {
		kind = "r"
	}
	return fmt.Sprintf("{%% if true %%}%c%s%d,%s%c{%% endif %s%%}", m.open, kind, loop, number, m.shut, t.after)
}

// tag is a statement of a template.
type tag struct {
	start, end                int
	before, word, rest, after string
}

func tagAt(source string, found []int) tag {
	group := func(n int) string {
		if found[2*n] < 0 {
			return ""
		}
		return source[found[2*n]:found[2*n+1]]
	}
	return tag{start: found[0], end: found[1], before: group(1), word: group(2), rest: group(3), after: group(4)}
}

// nest returns the blocks that are open behind the tag.
func (t tag) nest(open []string) []string {
	switch t.word {
	case "for", "macro", "filter", "call", "generation":
		return append(open, t.word)
	case "set":
		if !strings.Contains(t.rest, "=") {
			return append(open, t.word)
		}
	case "endfor", "endmacro", "endfilter", "endcall", "endset", "endgeneration":
		if n := len(open); n > 0 {
			return open[:n-1]
		}
	}
	return open
}

// round is a mark: a loop's round over a message, or the end of the loop.
type round struct {
	at      int // byte of the text
	loop    int
	message int // -1 where the round is not over a message
	end     bool
}

// unmarked takes the marks out of a text.
func (m marks) unmarked(text string) (plain string, rounds []round) {
	var out strings.Builder
	for {
		start := strings.IndexRune(text, m.open)
		if start < 0 {
			break
		}
		out.WriteString(text[:start])
		text = text[start+len(string(m.open)):]
		end := max(0, strings.IndexRune(text, m.shut))
		rounds = append(rounds, parseRound(text[:end], out.Len()))
		text = strings.TrimPrefix(text[end:], string(m.shut))
	}
	out.WriteString(text)
	return out.String(), rounds
}

func parseRound(mark string, at int) round {
	r := round{at: at, loop: -1, message: -1}
	if mark == "" {
		return r
	}
	loop, message, _ := strings.Cut(mark[1:], ",")
	r.end = mark[0] == 'e'
	if n, err := strconv.Atoi(loop); err == nil {
		r.loop = n
	}
	if n, err := strconv.Atoi(message); err == nil {
		r.message = n
	}
	return r
}

// layout says where the turns of a rendering are.
type layout struct {
	begins []int // where the turn of each message begins; -1 where it has none
	end    int   // where the last one ends
}

// layoutOf finds the one loop that goes through the messages in their order and
// prints text. ok is false where there is none, or another as well.
func layoutOf(rounds []round, messages int) (l layout, ok bool) {
	for loop := range len(rounds) {
		if found, is := loopOver(rounds, loop, messages); is {
			if ok {
				return layout{}, false
			}
			l, ok = found, true
		}
	}
	return l, ok
}

// loopOver is the layout of the loop of a number, if it goes through messages in
// their order and prints text.
func loopOver(rounds []round, loop, messages int) (l layout, is bool) {
	l = layout{begins: make([]int, messages), end: -1}
	for i := range l.begins {
		l.begins[i] = -1
	}
	first, last := -1, -1
	for _, r := range rounds {
		switch {
		case r.loop != loop:
			continue
		case l.end >= 0: // it runs more than once
			return l, false
		case r.end:
			l.end = r.at
		case r.message <= last || r.message >= messages:
			return l, false
		default:
			last = r.message
			l.begins[last] = r.at
			if first < 0 {
				first = r.at
			}
		}
	}
	return l, first >= 0 && l.end > first
}

// ends is where the turn of message i ends: where the next one begins.
func (l layout) ends(i int) int {
	for _, begin := range l.begins[i+1:] {
		if begin >= 0 {
			return begin
		}
	}
	return l.end
}
