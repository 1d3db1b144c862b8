// Package output keeps the end of what a plugin prints, for the error that
// ends it. None of it reaches the host's own output.
package output

import (
	"strconv"
	"strings"
	"sync"
)

// tailSize is how much is kept, in bytes: a crashing Go program prints all its
// stacks after the line that matters.
const tailSize = 64 << 10

// Tail keeps the end of what is written to it. It is safe for concurrent use.
type Tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write never fails.
func (t *Tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p[max(0, len(p)-tailSize):]...)
	if len(t.kept) > 2*tailSize { // to amortise the copying
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-tailSize:]...)
	}
	return len(p), nil
}

// Hint is what an error quotes of the output, "" if there is none: the line
// that says why a Go or Python program crashed, else the last one.
func (t *Tail) Hint() string {
	t.mu.Lock()
	text := strings.TrimSpace(string(t.kept))
	t.mu.Unlock()
	if at := max(strings.LastIndex(text, "panic: "), strings.LastIndex(text, "fatal error: ")); at >= 0 {
		text, _, _ = strings.Cut(text[at:], "\n")
	} else if strings.Contains(text, "Traceback (most recent call last):") {
		text = text[strings.LastIndex(text, "\n")+1:]
	}
	if text == "" {
		return ""
	}
	if len(text) > 300 {
		text = "…" + text[len(text)-300:]
	}
	return "; its last output: " + strconv.Quote(text)
}
