package report

import (
	"math"
	"slices"
	"strings"

	"llmhost/host/metrics"
)

// Panel is one plot of a picture.
type Panel struct {
	Title  string
	Series []Series
}

// Series is one line of a plot. A point that is not finite makes a gap.
type Series struct {
	Name   string
	Eval   bool // measured on held-out data: few points, each of which is marked
	Points []Point

	set int // the number of its evaluation set
	nth int // which of the lines of its set it is in the plot
}

// Point is a value after a step.
type Point struct{ X, Y float64 }

// Panels picks what is worth seeing of a run: the loss, and beside it the
// accuracy or, where nothing measures that, the perplexity; of evaluation sets
// too, as "eval_NAME_loss", and of parts, as "accuracy/PART". A plot without a
// point is left out.
func Panels(entries []metrics.Entry) []Panel {
	sets := setsOf(entries)
	loss := sets.panel(entries, "Loss", "loss", isLoss)
	second := sets.panel(entries, "Accuracy", "accuracy", metrics.IsAccuracy)
	if len(second.Series) == 0 {
		second = sets.panel(entries, "Perplexity", "perplexity", func(name string) bool { return strings.Contains(name, "perplexity") })
	}
	var panels []Panel
	for _, p := range []Panel{loss, second} {
		if len(p.Series) > 0 {
			panels = append(panels, p)
		}
	}
	return panels
}

func isLoss(name string) bool { return name == "loss" || strings.HasSuffix(name, "_loss") }

// sets are what the names of the metrics of each evaluation set begin with: its
// loss is the prefix and "loss".
type sets []string

const evalPrefix = "eval_"

func setsOf(entries []metrics.Entry) (all sets) {
	for _, e := range entries {
		for _, v := range e.Values {
			prefix, isLoss := strings.CutSuffix(v.Name, "loss")
			if isLoss && strings.HasPrefix(prefix, evalPrefix) && !slices.Contains(all, prefix) {
				all = append(all, prefix)
			}
		}
	}
	return all
}

// of finds the set of a metric, which is the one with the longest prefix.
func (all sets) of(metric string) (number int, prefix string) {
	prefix = evalPrefix
	for i, p := range all {
		if strings.HasPrefix(metric, p) && len(p) >= len(prefix) {
			number, prefix = i, p
		}
	}
	return number, prefix
}

// panel gathers the metrics that fit, training before evaluation, else in the
// order of their first occurrence.
func (all sets) panel(entries []metrics.Entry, title, word string, fits func(name string) bool) Panel {
	p := Panel{Title: title}
	index := map[string]int{}
	for _, e := range entries {
		for _, v := range e.Values {
			if !fits(v.Name) {
				continue
			}
			i, ok := index[v.Name]
			if !ok {
				i = len(p.Series)
				index[v.Name] = i
				p.Series = append(p.Series, all.newSeries(v.Name, word))
			}
			p.Series[i].Points = append(p.Series[i].Points, Point{float64(e.Step), v.Value})
		}
	}
	slices.SortStableFunc(p.Series, func(a, b Series) int {
		switch {
		case a.Eval == b.Eval:
			return 0
		case b.Eval:
			return -1
		}
		return 1
	})
	return p.finite()
}

// newSeries names a line as its legend does: eval_NAME_loss is "eval NAME" in
// the plot of the loss.
func (all sets) newSeries(metric, word string) Series {
	s := Series{Name: "train", Eval: strings.HasPrefix(metric, evalPrefix)}
	rest := metric
	if s.Eval {
		var prefix string
		s.set, prefix = all.of(metric)
		rest = strings.TrimPrefix(metric, prefix)
		s.Name = strings.TrimSpace("eval " + strings.Trim(strings.TrimPrefix(prefix, evalPrefix), "_"))
	}
	words := strings.NewReplacer(word, " ", "accuracies", " ", "_", " ", "/", " ").Replace(rest)
	s.Name = strings.Join(append([]string{s.Name}, strings.Fields(words)...), " ")
	return s
}

// finite drops the lines without a point to draw.
func (p Panel) finite() Panel {
	var kept []Series
	for _, s := range p.Series {
		for _, point := range s.Points {
			if point.finite() {
				kept = append(kept, s)
				break
			}
		}
	}
	p.Series = kept
	p.number()
	return p
}

// number counts the lines of each set, and those of training.
func (p Panel) number() {
	type owner struct {
		eval bool
		set  int
	}
	seen := map[owner]int{}
	for i := range p.Series {
		s := &p.Series[i]
		of := owner{s.Eval, s.set}
		s.nth = seen[of]
		seen[of]++
	}
}

func (p Point) finite() bool { return !math.IsNaN(p.Y) && !math.IsInf(p.Y, 0) }
