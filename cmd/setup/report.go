package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// report tells the user what was done, one line a step with the seconds it took.
type report struct {
	out      io.Writer
	terminal bool // out is a terminal: progress may redraw its line
	last     time.Time
}

// newReport writes to out, from now on.
func newReport(out *os.File) *report {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return &report{out: out, terminal: terminal, last: time.Now()}
}

// step says that something is done; its time counts from the previous step.
func (r *report) step(format string, args ...any) {
	now := time.Now()
	fmt.Fprintf(r.out, "setup: %s (%.1f s)\n", fmt.Sprintf(format, args...), now.Sub(r.last).Seconds())
	r.last = now
}

// note prints a line that is not a step: a choice made, something that starts now.
func (r *report) note(format string, args ...any) {
	fmt.Fprintf(r.out, "setup: %s\n", fmt.Sprintf(format, args...))
}

// progress draws how much of a download has come: a bar that redraws itself on
// a terminal, a line at every tenth where the output is piped.
type progress struct {
	*report
	what    string
	total   int64 // bytes, 0 until known
	started time.Time
	tenth   int64 // the last tenth that a line was printed for
	drawn   bool
}

// newProgress starts the clock of one download.
func (r *report) newProgress(what string) *progress {
	return &progress{report: r, what: what, started: time.Now()}
}

// update shows that done bytes have come. Unknown totals draw nothing.
func (p *progress) update(done int64) {
	if p.total <= 0 {
		return
	}
	done = min(done, p.total)
	if p.terminal {
		p.drawn = true
		fmt.Fprintf(p.out, "\r%s", p.bar(done, time.Since(p.started)))
		return
	}
	if tenth := 10 * done / p.total; tenth > p.tenth {
		p.tenth = tenth
		p.note("%s: %d of %d MB (%d%%)", p.what, done/1e6, p.total/1e6, 100*done/p.total)
	}
}

// bar is one line of fixed width: name, bar, megabytes, speed, time left.
func (p *progress) bar(done int64, spent time.Duration) string {
	const width = 30
	filled := int(width * done / p.total)
	speed := float64(done) / max(spent.Seconds(), 0.001)
	left := "  "
	if speed > 0 {
		left = (time.Duration(float64(p.total-done)/speed) * time.Second).String()
	}
	return fmt.Sprintf("setup: %s [%s%s] %d/%d MB  %.0f MB/s  %s left   ", p.what,
		strings.Repeat("█", filled), strings.Repeat("░", width-filled), done/1e6, p.total/1e6, speed/1e6, left)
}

// end leaves the bar's line.
func (p *progress) end() {
	if p.drawn {
		fmt.Fprintln(p.out)
	}
}
