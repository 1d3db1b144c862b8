package wasm

import (
	"strconv"
	"strings"
)

// tailSize is how much of a module's output is kept, in bytes.
const tailSize = 2048

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

// hint is what an error says of the output: its lines that tell most, quoted.
func (t *tail) hint() string {
	text := strings.TrimSpace(string(t.kept))
	if text == "" {
		return ""
	}
	if at := strings.Index(text, "\n\ngoroutine "); at >= 0 { // a Go stack; what went wrong stands before it
		text = text[:at]
	}
	if len(text) > 300 {
		text = "…" + text[len(text)-300:]
	}
	return "; its last output: " + strconv.Quote(text)
}
