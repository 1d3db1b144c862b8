package check

import (
	"fmt"
	"math"
	"slices"

	"llmhost/sdk/sdktest"
)

// jumps walks from one batch to another and looks for places where a term
// leaps, which no gradient can see.
func (l *loss) jumps() error {
	times := walks
	if l.params != nil {
		times = walks / 4 // the defaults have been walked already
	}
	for _, size := range l.sizes() {
		for range times {
			if found, err := l.walk(l.draw.batch(size[0], size[1], size[2])); found || err != nil {
				return err
			}
		}
	}
	l.note = "terms are continuous in what the model computes"
	return nil
}

// walks of each size, steps of a walk, and how often an interval is halved to find a leap.
const (
	walks     = 8
	walkSteps = 32
	halvings  = 34
)

// walk goes along a straight line in the inputs of the model, data staying.
func (l *loss) walk(in sdktest.Inputs) (found bool, err error) {
	goal := l.redrawn(in)
	at := func(s float64) []float64 {
		e, failed := l.evaluate(between(in, goal, s))
		if failed != nil {
			err = failed
			return make([]float64, len(l.p.Terms))
		}
		sums := make([]float64, len(l.p.Terms))
		for i, t := range l.p.Terms {
			sums[i] = e.Number(t.Sum)
		}
		return sums
	}
	var values [][]float64
	for step := range walkSteps + 1 {
		values = append(values, at(float64(step)/walkSteps))
	}
	for i := range l.p.Terms {
		for _, step := range steepest(values, i) {
			if err != nil {
				return false, err
			}
			low, high := float64(step)/walkSteps, float64(step+1)/walkSteps
			below, above := values[step][i], values[step+1][i]
			for range halvings {
				middle := (low + high) / 2
				if v := at(middle)[i]; math.Abs(v-below) > math.Abs(above-v) {
					high, above = middle, v
				} else {
					low, below = middle, v
				}
			}
			if math.Abs(above-below) > 1e-5*(1+math.Abs(above)) {
				l.leap(i, between(in, goal, low), between(in, goal, high), below, above)
				return true, err
			}
		}
	}
	return false, err
}

// steepest are the three intervals over which term i changes most.
func steepest(values [][]float64, i int) []int {
	var best []int
	for range 3 {
		most, at := -1.0, 0
		for step := range walkSteps {
			if d := math.Abs(values[step+1][i] - values[step][i]); d > most && !slices.Contains(best, step) {
				most, at = d, step
			}
		}
		best = append(best, at)
	}
	return best
}

// leap reports a discontinuity: the first bool or index that flips there is to blame.
func (l *loss) leap(i int, before, after sdktest.Inputs, below, above float64) {
	var places []string
	a, errA := l.evaluate(before)
	b, errB := l.evaluate(after)
	if errA == nil && errB == nil {
		at := culprit(l.p, l.p.Terms[i].Sum, func(v int) bool {
			return l.p.Value(v).DType != "f32" && !sameAll(a.Values[v].Data, b.Values[v].Data)
		})
		places = place(l.p, at)
	}
	l.find(Finding{
		Text: fmt.Sprintf("term %s leaps from %s to %s where the log-probabilities hardly move, and no gradient can see that",
			l.p.Terms[i].Name, number(below), number(above)),
		Cause:  "a comparison or index that depends on the model chooses what is summed: pairs and bests are usually chosen by data (scores), and a hinge is Relu, not a mask",
		Places: places, Probe: l.show(before),
	})
}

// redrawn is the batch with other numbers for what the model computes.
func (l *loss) redrawn(in sdktest.Inputs) sdktest.Inputs {
	out := mapped(in, func(float64) float64 { return rounded(-0.05 - 4*l.draw.rng.Float64()) })
	out.Logits = map[string][][]float64{}
	for name, rows := range in.Logits {
		for _, row := range rows {
			out.Logits[name] = append(out.Logits[name], applied(row, true, func(float64) float64 { return rounded(2 * l.draw.rng.NormFloat64()) }))
		}
	}
	l.redrawnBeside(&out)
	return out
}

// redrawnBeside are other numbers for what the model computes besides
// log-probabilities and logits.
func (l *loss) redrawnBeside(in *sdktest.Inputs) {
	logp := func(float64) float64 { return rounded(-0.05 - 4*l.draw.rng.Float64()) }
	kl := func(float64) float64 { return rounded(2 * l.draw.rng.Float64()) }
	in.Rewards = applied2(in.Rewards, func(float64) float64 { return rounded(1.5 * l.draw.rng.NormFloat64()) })
	in.ReverseKL, in.ForwardKL = applied3(in.ReverseKL, kl), applied3(in.ForwardKL, kl)
	in.MismatchedLogps, in.MismatchedRefLogps = applied3(in.MismatchedLogps, logp), applied3(in.MismatchedRefLogps, logp)
}

// between mixes what the model computes of two batches: from at s = 0, to at s = 1.
func between(from, to sdktest.Inputs, s float64) sdktest.Inputs {
	out := from
	out.Logps, out.RefLogps = mixed3(from.Logps, to.Logps, s), mixed3(from.RefLogps, to.RefLogps, s)
	out.Rewards, out.ReverseKL, out.ForwardKL = mixed2(from.Rewards, to.Rewards, s), mixed3(from.ReverseKL, to.ReverseKL, s), mixed3(from.ForwardKL, to.ForwardKL, s)
	out.MismatchedLogps, out.MismatchedRefLogps = mixed3(from.MismatchedLogps, to.MismatchedLogps, s), mixed3(from.MismatchedRefLogps, to.MismatchedRefLogps, s)
	out.Logits = map[string][][]float64{}
	for name := range from.Logits {
		out.Logits[name] = mixed2(from.Logits[name], to.Logits[name], s)
	}
	return out
}

func mixed3(a, b [][][]float64, s float64) [][][]float64 {
	if a == nil {
		return nil
	}
	out := make([][][]float64, len(a))
	for i := range a {
		out[i] = mixed2(a[i], b[i], s)
	}
	return out
}

func mixed2(a, b [][]float64, s float64) [][]float64 {
	if a == nil {
		return nil
	}
	out := make([][]float64, len(a))
	for i := range a {
		out[i] = make([]float64, len(a[i]))
		for j := range a[i] {
			out[i][j] = (1-s)*a[i][j] + s*b[i][j]
		}
	}
	return out
}
