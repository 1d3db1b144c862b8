package loss

import (
	"fmt"
	"math"
	"slices"

	"llmhost/host/plugin/check"
	"llmhost/sdk/op"
	"llmhost/sdk/sdktest"
)

// jumps walks from one batch to another and looks for places where a term
// leaps, which no gradient can see.
func (l *loss) jumps() error {
	times := walks
	if l.Setting&check.Given != 0 {
		times = walks / 4 // the defaults have been walked already
	}
	for _, size := range l.sizes() {
		for range times {
			if found, err := l.walk(l.draw.batch(size[0], size[1], size[2])); found || err != nil {
				return err
			}
		}
	}
	l.Note = "terms are continuous in what the model computes"
	return nil
}

// walks of each size, steps of a walk, and how often an interval is halved to find a leap.
const (
	walks     = 8
	walkSteps = 32
	halvings  = 34
)

// path is a straight line between two batches in the inputs of the model, data
// staying: s goes from 0 to 1.
type path struct {
	l        *loss
	from, to sdktest.Inputs
}

// at are the sums of the terms at a point of the path.
func (p path) at(s float64) ([]float64, error) {
	e, err := p.l.evaluate(between(p.from, p.to, s))
	if err != nil {
		return nil, err
	}
	sums := make([]float64, len(p.l.p.Terms))
	for i, t := range p.l.p.Terms {
		sums[i] = e.Number(t.Sum)
	}
	return sums, nil
}

// walk goes along a path that begins at a batch, and looks closely where a term
// changes most.
func (l *loss) walk(in sdktest.Inputs) (found bool, err error) {
	p := path{l, in, l.redrawn(in)}
	var values [][]float64
	for step := range walkSteps + 1 {
		sums, err := p.at(float64(step) / walkSteps)
		if err != nil {
			return false, err
		}
		values = append(values, sums)
	}
	for i := range l.p.Terms {
		for _, step := range steepest(values, i) {
			s := stretch{
				low:   float64(step) / walkSteps,
				high:  float64(step+1) / walkSteps,
				below: values[step][i],
				above: values[step+1][i],
			}
			if err := p.narrow(i, &s); err != nil {
				return false, err
			}
			if math.Abs(s.above-s.below) > 1e-5*(1+math.Abs(s.above)) {
				l.leap(i, p, s)
				return true, nil
			}
		}
	}
	return false, nil
}

// stretch is a part of a path, with what a term is at both of its ends.
type stretch struct{ low, high, below, above float64 }

// narrow halves a stretch again and again, and keeps the half over which term i
// changes more.
func (p path) narrow(i int, s *stretch) error {
	for range halvings {
		middle := (s.low + s.high) / 2
		sums, err := p.at(middle)
		if err != nil {
			return err
		}
		if v := sums[i]; math.Abs(v-s.below) > math.Abs(s.above-v) {
			s.high, s.above = middle, v
		} else {
			s.low, s.below = middle, v
		}
	}
	return nil
}

// steepest are the three intervals over which term i changes most.
func steepest(values [][]float64, i int) []int {
	var best []int
	for range 3 {
		most, at := -1.0, 0
		for step := range walkSteps {
			if d := math.Abs(values[step+1][i] - values[step][i]); d > most &&
				!slices.Contains(best, step) {
				most, at = d, step
			}
		}
		best = append(best, at)
	}
	return best
}

// leap reports a discontinuity: the first bool or index that flips there is to blame.
func (l *loss) leap(i int, p path, s stretch) {
	before := between(p.from, p.to, s.low)
	after := between(p.from, p.to, s.high)
	var places []string
	a, errA := l.evaluate(before)
	b, errB := l.evaluate(after)
	if errA == nil && errB == nil {
		places = l.Places(l.p.Culprit(l.p.Terms[i].Sum, func(v int) bool {
			return l.p.Value(v).DType != op.F32 && !sdktest.NearAll(a.Values[v].Data, b.Values[v].Data)
		}))
	}
	l.Find(check.Finding{
		Text: fmt.Sprintf("term %s leaps from %s to %s where the log-probabilities hardly move, and no gradient can see that",
			l.p.Terms[i].Name, sdktest.Numbers(s.below), sdktest.Numbers(s.above)),
		Cause:  "a comparison or index that depends on the model chooses what is summed: pairs and bests are usually chosen by data (scores), and a hinge is Relu, not a mask",
		Places: places, Probe: l.show(before),
	})
}
