// Package console shows a run to the person who started it: a bar on a
// terminal, lines elsewhere, and a table at the end.
package console

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"llmhost/host/metrics"
	"llmhost/host/train"

	"github.com/schollz/progressbar/v3"
)

// Console writes lines about a run, and draws a bar where there is a terminal.
type Console struct {
	lines    io.Writer
	terminal io.Writer                // nil where there is none
	bar      *progressbar.ProgressBar // of the steps
	eval     *progressbar.ProgressBar // of an evaluation, nil outside of one
	said     time.Time                // when a line last told how far an evaluation is, zero outside of one
	first    int                      // the step at which this process began, -1 before any event
	began    time.Time
	now      func() time.Time
	mu       sync.Mutex // a run writes, and whoever stops it
}

// New writes lines to one writer and the bar to another, which is nil where
// nobody watches.
func New(lines, terminal io.Writer) *Console {
	return &Console{lines: lines, terminal: terminal, first: -1, now: time.Now}
}

// Printf writes one line, whatever the texts among its arguments hold.
func (c *Console) Printf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.printf(format, args...)
}

func (c *Console) printf(format string, args ...any) {
	c.clear()
	fmt.Fprintf(c.lines, format+"\n", oneLiners(args)...)
}

// Emit shows one event of a run.
func (c *Console) Emit(e train.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Kind == train.Evaluating {
		c.evaluating(e)
		return
	}
	if c.first < 0 {
		c.first, c.began = e.Step, c.now()
		if e.Kind == train.Stepped {
			c.first-- // the event came after the first step
		}
	}
	switch e.Kind {
	case train.Stepped:
		c.advance(e)
	case train.Logged:
		if c.terminal == nil {
			c.printf("%s  %s%s", progress(e), describe(e.Values), c.left(e))
		}
	case train.Evaluated:
		for _, values := range e.Sets {
			what := describe(values)
			if what == "" {
				what = "the evaluation had nothing to count"
			}
			c.printf("%s  %s", progress(e), what)
		}
	case train.Saved:
		c.printf("%s  saved %s", progress(e), e.Path)
	}
}

// advance moves the bar.
func (c *Console) advance(e train.Event) {
	if c.terminal == nil {
		return
	}
	if c.bar == nil {
		c.bar = newBar(c.terminal, e.TotalSteps-c.first)
	}
	loss, _ := e.Get("loss")
	speed, _ := e.Get("tokens_per_second")
	c.bar.Describe(fmt.Sprintf("step %d/%d  loss %.4f  %s tokens/s", e.Step, e.TotalSteps, loss, Thousands(speed)))
	c.bar.Set(e.Step - c.first)
}

// quiet is how long an evaluation says nothing where there is no bar.
const quiet = 30 * time.Second

// evaluating moves the bar of an evaluation, or writes a line now and then.
func (c *Console) evaluating(e train.Event) {
	what := "evaluating"
	if e.Set != "" {
		what += " " + e.Set
	}
	if c.terminal == nil {
		c.evaluatingLine(e, what)
		return
	}
	if c.eval == nil {
		c.clear()
		c.eval = newBar(c.terminal, e.Of)
	}
	c.eval.Describe(fmt.Sprintf("step %d/%d  %s  %d/%d records", e.Step, e.TotalSteps, what, e.Done, e.Of))
	c.eval.Set(e.Done)
	if e.Done >= e.Of {
		c.eval.Clear()
		c.eval = nil
	}
}

func (c *Console) evaluatingLine(e train.Event, what string) {
	now := c.now()
	switch {
	case e.Done >= e.Of:
		c.said = time.Time{}
	case c.said.IsZero():
		c.said = now
	case now.Sub(c.said) >= quiet:
		c.said = now
		c.printf("%s  %s  %d/%d records", progress(e), what, e.Done, e.Of)
	}
}

func newBar(w io.Writer, most int) *progressbar.ProgressBar {
	return progressbar.NewOptions(most, progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(24),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetRenderBlankState(false), progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true))
}

func (c *Console) clear() {
	for _, bar := range []*progressbar.ProgressBar{c.bar, c.eval} {
		if bar != nil {
			bar.Clear()
		}
	}
}

// left estimates the time to the end from the pace since this process began.
func (c *Console) left(e train.Event) string {
	done := e.Step - c.first
	if done <= 0 || e.Step >= e.TotalSteps {
		return ""
	}
	pace := c.now().Sub(c.began) / time.Duration(done)
	return "  " + Duration(pace*time.Duration(e.TotalSteps-e.Step)) + " left"
}

func progress(e train.Event) string {
	width := len(fmt.Sprint(e.TotalSteps))
	return fmt.Sprintf("step %*d/%d  epoch %.2f", width, e.Step, e.TotalSteps, e.Epoch)
}

// describe writes the numbers of an event, the terms of the loss in brackets
// behind it.
func describe(values []metrics.Value) string {
	var parts, terms []string
	for _, v := range values {
		switch term, isTerm := strings.CutPrefix(v.Name, "loss_"); {
		case isTerm:
			terms = append(terms, term+" "+Number(v.Name, v.Value))
		case v.Name == "tokens_per_second":
			parts = append(parts, Thousands(v.Value)+" tokens/s")
		default:
			parts = append(parts, short(v.Name)+" "+Number(v.Name, v.Value))
		}
	}
	if len(terms) > 0 && len(parts) > 0 {
		parts[0] += " (" + strings.Join(terms, ", ") + ")"
	}
	return strings.Join(parts, "  ")
}

// short is a metric's name as a line has room for it.
func short(name string) string {
	switch name {
	case "learning_rate":
		return "lr"
	case "grad_norm":
		return "grad"
	}
	return name
}

// Number writes a metric as people read it: accuracies in percent, rates with
// an exponent, speeds with thousands set apart.
func Number(name string, v float64) string {
	switch {
	case metrics.IsAccuracy(name):
		return fmt.Sprintf("%.1f%%", 100*v)
	case name == "learning_rate":
		return fmt.Sprintf("%.1e", v)
	case strings.HasSuffix(name, "_per_second"):
		return Thousands(v)
	case math.Abs(v) >= 1e4:
		return fmt.Sprintf("%.3g", v)
	}
	return fmt.Sprintf("%.4f", v)
}

// Thousands writes a whole number with commas.
func Thousands(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Count writes how many there are of something: "1 thread", "2 threads".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "ch") {
		what += "e"
	}
	return Thousands(float64(n)) + " " + what + "s"
}

// Duration writes a time to the second, "1m05s".
func Duration(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
}

// Summary prints the first and the last value of each metric side by side.
// Metrics that were measured once are under "after".
func (c *Console) Summary(before, after []metrics.Value) {
	if len(after) == 0 {
		return
	}
	width := 0
	for _, v := range after {
		width = max(width, len(v.Name))
	}
	c.Printf("\n%-*s  %10s  %10s", width, "", "before", "after")
	for _, v := range after {
		first := ""
		if i := slices.IndexFunc(before, func(b metrics.Value) bool { return b.Name == v.Name }); i >= 0 {
			first = Number(v.Name, before[i].Value)
		}
		c.Printf("%-*s  %10s  %10s", width, v.Name, first, Number(v.Name, v.Value))
	}
	c.Printf("")
}

// Notef writes one line that the user should know about.
func (c *Console) Notef(format string, args ...any) { c.Printf("note: "+format, args...) }

// Notes writes several.
func (c *Console) Notes(notes []string) {
	for _, note := range notes {
		c.Notef("%s", note)
	}
}
