package console

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Safe returns a writer that passes text on with everything escaped that a
// terminal would act on instead of showing it: texts of plugins, data and
// models can hold anything. Line breaks and tabs stay. An escape such as \u001b
// is the same in JSON. Each Write must hold whole characters.
func Safe(w io.Writer) io.Writer { return safe{w} }

type safe struct{ to io.Writer }

func (s safe) Write(p []byte) (int, error) {
	if _, err := io.WriteString(s.to, escaped(string(p), false)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// OneLine is a text that neither acts on a terminal nor begins another line.
func OneLine(text string) string { return escaped(text, true) }

func escaped(text string, breaks bool) string {
	clean := func(r rune) bool { return !acts(r) && (!breaks || r != '\n' && r != '\t') }
	if utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !clean(r) }) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text { // a byte that is no UTF-8 comes as U+FFFD
		if clean(r) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

// acts reports whether a terminal does something else with a character than to
// show it at its place: controls of both sets, separators that break lines,
// and marks that change the direction in which the rest is written.
func acts(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return true
	case r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	}
	return r == 0xfeff || r >= 0xfff9 && r <= 0xfffb
}

// oneLiners are the arguments of a line, with texts that stay on it.
func oneLiners(args []any) []any {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			safe[i] = OneLine(arg)
		case error:
			safe[i] = OneLine(arg.Error())
		default:
			safe[i] = arg
		}
	}
	return safe
}
