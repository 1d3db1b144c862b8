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
}

// Point is a value after a step.
type Point struct{ X, Y float64 }

// Panels picks what is worth seeing of a run: the loss, and beside it the
// accuracy or, where nothing measures that, the perplexity; of evaluation sets
// too, as "eval_NAME_loss", and of parts, as "accuracy/PART". A plot without a
// point is left out.
func Panels(entries []metrics.Entry) []Panel {
	loss := panel(entries, "Loss", "loss", isLoss)
	second := panel(entries, "Accuracy", "accuracy", metrics.IsAccuracy)
	if len(second.Series) == 0 {
		second = panel(entries, "Perplexity", "perplexity", func(name string) bool { return strings.Contains(name, "perplexity") })
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

// panel gathers the metrics that fit, training before evaluation, else in the
// order of their first occurrence.
func panel(entries []metrics.Entry, title, word string, fits func(name string) bool) Panel {
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
				p.Series = append(p.Series, newSeries(v.Name, word))
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
func newSeries(metric, word string) Series {
	s := Series{Eval: strings.HasPrefix(metric, "eval_")}
	label := strings.NewReplacer(word, " ", "accuracies", " ", "_", " ", "/", " ").Replace(metric)
	if !s.Eval {
		label = "train " + label
	}
	s.Name = strings.Join(strings.Fields(label), " ")
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
	return p
}

func (p Point) finite() bool { return !math.IsNaN(p.Y) && !math.IsInf(p.Y, 0) }
