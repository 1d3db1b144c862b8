package console_test

import (
	"bytes"
	"errors"
	"testing"

	"llmhost/host/console"

	"github.com/stretchr/testify/require"
)

func TestNothingActsOnTheTerminal(t *testing.T) {
	for _, x := range []struct{ name, text, want string }{
		{"plain", "wörter 日本 👩‍💻 नमस्ते\tand\nlines", "wörter 日本 👩‍💻 नमस्ते\tand\nlines"},
		{"colours", "a\x1b[31mred\x1b[0m", `a\u001b[31mred\u001b[0m`},
		{"title", "\x1b]0;title\x07", `\u001b]0;title\u0007`},
		{"back to the begin of the line", "bad\rgood", `bad\u000dgood`},
		{"backspaces", "bad\b\b\bgood", `bad\u0008\u0008\u0008good`},
		{"delete", "\x7f", `\u007f`},
		{"the second set of controls", "\u009b31m\u0085\u0090", `\u009b31m\u0085\u0090`},
		{"the same as bytes", "\x9b31m", "\ufffd31m"},
		{"other directions", "user\u202e\u2066admin\u2069\u200f\u061c", `user\u202e\u2066admin\u2069\u200f\u061c`},
		{"separators", "a\u2028b\u2029c", `a\u2028b\u2029c`},
		{"invisible", "a\ufeffb", `a\ufeffb`},
	} {
		t.Run(x.name, func(t *testing.T) {
			var out bytes.Buffer
			n, err := console.Safe(&out).Write([]byte(x.text))
			require.NoError(t, err)
			require.Equal(t, len(x.text), n)
			require.Equal(t, x.want, out.String())
		})
	}
}

// A text inside a line cannot begin another one.
func TestLinesCannotBeForged(t *testing.T) {
	var out bytes.Buffer
	c := console.New(&out, nil)
	c.Printf("class  %s, %v, %d", "a\nnote: all is well\x1b[2J", errors.New("b\r\nc"), 3)
	c.Notef("%s", "x\ny")
	require.Equal(t, "class  a\\u000anote: all is well\\u001b[2J, b\\u000d\\u000ac, 3\nnote: x\\u000ay\n", out.String())
}
