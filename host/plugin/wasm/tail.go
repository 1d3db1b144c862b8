package wasm

import (
	"strconv"
	"strings"
)

// tailSize is how much of a module's output is kept, in bytes: a Go guest that
// crashes prints all its stacks after the sentence that matters.
const tailSize = 16 << 10

// tail keeps the end of what a module prints or logs. None of it reaches the
// host's own output unless the module fails.
type tail struct{ kept []byte }

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-tailSize):]...)
	if len(t.kept) > tailSize {
		t.kept = append([]byte(nil), t.kept[len(t.kept)-tailSize:]...)
	}
	return len(p), nil
}

// hint is what an error says of the output: where a Go guest crashed its
// sentence, else the last of it.
func (t *tail) hint() string {
	text := strings.TrimSpace(string(t.kept))
	if at := max(strings.LastIndex(text, "panic: "), strings.LastIndex(text, "fatal error: ")); at >= 0 {
		text, _, _ = strings.Cut(text[at:], "\n")
	}
	if text == "" {
		return ""
	}
	if len(text) > 300 {
		text = "…" + text[len(text)-300:]
	}
	return "; its last output: " + strconv.Quote(text)
}
