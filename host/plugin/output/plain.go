package output

import (
	"strings"
	"unicode"
)

// maxText bounds what is shown of a plugin's text, in bytes.
const maxText = 4096

// Plain makes text from a plugin safe to show on a terminal: no control
// characters except line breaks, and no more than a screenful.
func Plain(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
}

// Line is Plain on one line.
func Line(s string) string { return strings.ReplaceAll(Plain(s), "\n", " ") }
