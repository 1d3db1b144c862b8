package metrics

import (
	"math"
	"slices"
	"strings"
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

// Panels picks what a person wants to see of a run: the loss, and beside it the
// accuracy or, where nothing measures that, the perplexity. A metric is one
// where its name ends in the word, so that "ranking_accuracy" and
// "eval_NAME_loss" take part. A plot without a point is left out.
func Panels(entries []Entry) []Panel {
	loss := panel(entries, "Loss", "loss")
	second := panel(entries, "Accuracy", "accuracy")
	if len(second.Series) == 0 {
		second = panel(entries, "Perplexity", "perplexity")
	}
	var panels []Panel
	for _, p := range []Panel{loss, second} {
		if len(p.Series) > 0 {
			panels = append(panels, p)
		}
	}
	return panels
}

// panel gathers the metrics whose names end in word, training before
// evaluation, else in the order in which they first come.
func panel(entries []Entry, title, word string) Panel {
	p := Panel{Title: title}
	index := map[string]int{}
	for _, e := range entries {
		for _, v := range e.Values {
			if v.Name != word && !strings.HasSuffix(v.Name, "_"+word) {
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
	label := strings.TrimSuffix(strings.TrimSuffix(metric, word), "_")
	if !s.Eval {
		label = "train_" + label
	}
	s.Name = strings.TrimSpace(strings.ReplaceAll(label, "_", " "))
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
