package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"llmhost/host/console"
)

// printer writes results as people read them.
type printer struct{ out io.Writer }

func (p printer) line(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

// table writes rows of cells in columns.
func (p printer) table(rows [][]string) {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for _, cell := range row {
			fmt.Fprint(w, cell, "\t")
		}
		fmt.Fprintln(w)
	}
	w.Flush()
}

func (p printer) heading(s settings, m machine) {
	p.line(
		"%s, %d processors, %d threads, device %s, load %.2f",
		m.Processor,
		m.Processors,
		m.Threads,
		s.Device,
		m.LoadBefore,
	)
	p.line("model %s, float32; 8 rows a step; AdamW, gradients clipped", s.Model)
	if s.Peer == "" {
		p.line("no peer: -peer or LLMHOST_PEER_PYTHON names a Python with torch and transformers; these are only llmhost's numbers")
	}
}

// race prints a line a contestant.
func (p printer) race(r *race) {
	ours := r.Contestants[0]
	p.line("\n%s: %s weights, %d steps after one to warm up, first loss %.5f", r.Task,
		console.Thousands(float64(ours.Hello.Weights)), len(ours.Turns), ours.Warmup.Loss)
	rows := [][]string{{"", "tokens/s", "", "llmhost × as fast", "", "peak MB", "at rest", "clean steps", "loss difference"}}
	for i, c := range r.Contestants {
		row := []string{c.Name, noisy(c.Speed, "%.0f"), ends(c.Speed.spread, "%.0f"), "", "",
			megabytes(c.Memory.Peak), megabytes(c.Ready.Now), fmt.Sprintf("%d of %d", c.cleanTurns(), len(c.Turns)), ""}
		if i > 0 {
			row[3], row[4], row[8] = noisy(c.Faster, "%.2f"), ends(c.Faster.spread, "%.2f"), fmt.Sprintf("%.0e", c.Apart)
		}
		rows = append(rows, row)
	}
	p.table(rows)
	for _, c := range r.Contestants[:min(2, len(r.Contestants))] { // the peer's variants are of one kind
		p.line("%s: %s, %d threads", c.Name, c.Hello.Versions, c.Hello.Threads)
	}
}

// noisy writes a median, marked where others used the machine meanwhile.
func noisy(j judged, format string) string {
	mark := "~"
	if j.Clean {
		mark = ""
	}
	return mark + fmt.Sprintf(format, j.Median)
}

func ends(s spread, format string) string { return fmt.Sprintf(format+".."+format, s.Min, s.Max) }

func megabytes(bytes int64) string { return console.Thousands(float64(bytes) / 1e6) }

// startups prints the time from nothing to a first step.
func (p printer) startups(s *startups) {
	p.line("\nstart to first finished step, of 2 short rows, in s (median, min..max of %d)", len(s.LLMHost))
	row := func(name string, seconds []float64) []string {
		all := spreadOf(seconds)
		return []string{name, fmt.Sprintf("%.2f", all.Median), ends(all, "%.2f")}
	}
	rows := [][]string{row("llmhost train", s.LLMHost)}
	if len(s.Peer) > 0 {
		rows = append(rows, row("transformers", s.Peer))
	}
	p.table(rows)
}

// ops prints what small operations cost.
func (p printer) ops(costs opCosts) {
	p.line("\nµs a small operation, 1 thread (median of %d; llmhost with scope, error check and free; script: a loop in C++)", opRounds)
	rows := [][]string{append([]string{""}, opNames...)}
	for _, way := range opWays {
		if costs[way] == nil {
			continue
		}
		row := []string{way}
		for _, op := range opNames {
			row = append(row, fmt.Sprintf("%.2f", costs[way][op].Median))
		}
		rows = append(rows, row)
	}
	p.table(rows)
}

// footer says how far to trust all this.
func (p printer) footer(m machine) {
	p.line("\nload %.2f before, %.2f after; a step is clean while others take less than %.0f %% of the machine; ~ = too few clean steps, so all are counted",
		m.LoadBefore, m.LoadAfter, 100*cleanShare)
}
