package check

import (
	"fmt"
	"math"
	"slices"

	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// longest answer of the length check, in label tokens.
const longest = 10

// lengths asks how much an answer weighs that has n label tokens, n rising. A
// mean gives every answer the same weight, a sum the weight n, a length penalty
// a power of n between the two. What only fits with n+1 or n-1 in the place of
// n has counted one token too many or too few.
func (l *loss) lengths() error {
	for i, t := range l.p.Terms {
		var both [2][]float64
		for k := range both {
			weights, err := l.lengthWeights(i, k)
			if err != nil {
				return err
			}
			if l.badLength("term "+t.Name+": answers of 2, 3, 4, … label tokens weigh ", weights) {
				return nil
			}
			both[k] = weights
		}
		if l.unequalLength(t, both[0], both[1]) {
			return nil
		}
		if wrong, err := l.otherTokens(t); wrong || err != nil {
			return err
		}
	}
	l.note = fmt.Sprintf("answers of 2 to %d label tokens", longest)
	return nil
}

// badLength reports weights of n from 2 that no right use of a length gives.
func (s *scope) badLength(what string, weights []float64) bool {
	f := Finding{}
	switch exponent, away := lengthLaw(weights); {
	case away != 0:
		f.Text = fmt.Sprintf("%s%s, as though each had %s", what, listed(weights[:4]), []string{"one token fewer", "", "one token more"}[away+1])
		f.Cause = "a length is off by one: the prompt, the first token or padding is counted, or the end token is not; the number of label tokens is LabelMask().Sum(-1), that of a row's SegmentCount"
	case exponent > 1+1e-6:
		f.Text = fmt.Sprintf("%s%s, more than in proportion to their length", what, listed(weights[:4]))
		f.Cause = "a tensor with one number an answer was broadcast over its tokens before the sum, so that each token counts as often as there are tokens"
	case exponent < -1e-6:
		f.Text = fmt.Sprintf("%s%s, the less the longer they are", what, listed(weights[:4]))
		f.Cause = "a mean over tokens is divided by their number once more"
	default:
		return false
	}
	s.find(f)
	return true
}

// unequalLength reports a term in which a better and a worse answer weigh by
// different powers of their length.
func (l *loss) unequalLength(t program.Term, better, worse []float64) bool {
	a, b := power(better), power(worse)
	if math.IsNaN(a) || math.IsNaN(b) || math.Abs(a-b) < 1e-6 {
		return false
	}
	l.find(Finding{
		Text:  fmt.Sprintf("term %s: better answers of 2, 3, 4, … label tokens weigh %s, worse ones %s", t.Name, listed(better[:4]), listed(worse[:4])),
		Cause: "the mean of one answer is compared with the sum of another: reduce both alike before the difference", Places: place(l.p, t.Sum),
	})
	return true
}

// power is the power of n that weights, of n from 2, are; NaN where they are none.
func power(weights []float64) float64 {
	if weights == nil {
		return math.NaN()
	}
	var target, log, constant []float64
	for i, w := range weights {
		constant, target, log = append(constant, 1), append(target, math.Log(w)), append(log, math.Log(float64(i+2)))
	}
	law, rest := fit(target, constant, log)
	if rest >= 1e-8 {
		return math.NaN()
	}
	return law[1]
}

// otherTokens asks of a mean over tokens whether its count has the tokens that
// its sum has: where every token weighs the same, their number over the count
// must be the same on every batch.
func (l *loss) otherTokens(t program.Term) (wrong bool, err error) {
	counts := func(n int) float64 {
		in := stretched(l.draw.fill([][]int{{1, 1}, {1, 1}}), n, []float64{-1, -1})
		e, failed := l.evaluate(in)
		if err = failed; failed != nil {
			return 0
		}
		return e.Number(t.Count)
	}
	if t.Count == program.None || l.draw.fixed > 0 || counts(2) == 0 || !same(counts(4), 2*counts(2)) || err != nil {
		return false, err // no number of tokens
	}
	slope, share := 0.0, 0.0
	for range 8 {
		in := l.draw.batch(3, 3, 4)
		e, err := l.evaluate(in)
		if err != nil {
			return true, err
		}
		tokens := 0.0
		for _, g := range l.termGradient(in, e, map[int][]float64{t.Sum: {1}}) {
			switch {
			case g == 0:
				continue
			case slope == 0:
				slope = g
			case !same(g, slope):
				return false, nil // tokens have weights of their own
			}
			tokens++
		}
		of := tokens / e.Number(t.Count)
		if share != 0 && !same(of, share) {
			l.find(Finding{
				Text:   fmt.Sprintf("term %s is a mean over tokens, but its sum has %s of the tokens that its count has on one batch, %s on another", t.Name, number(share), number(of)),
				Cause:  "the sum leaves tokens or candidates out that the count has in, or the other way round: mask both alike",
				Places: place(l.p, t.Sum), Probe: l.show(in),
			})
			return true, nil
		}
		share = of
	}
	return false, nil
}

// lengthWeights is what candidate k of every prompt weighs in term i where all
// candidates have n label tokens, for n from 2; nil where the term is not
// linear there, so that a weight means nothing.
func (l *loss) lengthWeights(i, k int) ([]float64, error) {
	data := l.draw.fill([][]int{{1, 1}, {1, 1}})
	if len(data.Logps[0]) != 2 {
		return nil, nil
	}
	for b := range data.Logps { // the better candidate first
		if s := data.Columns["score"]; s != nil && s[b][0] < s[b][1] {
			s[b][0], s[b][1] = s[b][1], s[b][0]
		}
	}
	var weights []float64
	for n := 2; n <= longest; n++ {
		weight := func(scale float64) (float64, error) {
			in := stretched(data, n, []float64{-3000 * scale, -0.1 * scale}) // the better one is the less likely: a ranking is at work
			e, err := l.evaluate(in)
			if err != nil {
				return 0, err
			}
			count := e.Number(l.p.Terms[i].Count)
			total := 0.0
			for _, prompt := range perCandidate(in.Unpadded(e.Gradient(map[int][]float64{l.p.Terms[i].Sum: {1}})["policy.logps"])) {
				total += prompt[k]
			}
			return math.Abs(total) / math.Max(count, 1e-300), nil
		}
		w, err := weight(1)
		if err != nil {
			return nil, err
		}
		if again, err := weight(1.25); err != nil || math.Abs(w-again) > 1e-9*w || w == 0 || !isFinite(w) {
			return nil, err
		}
		weights = append(weights, w)
	}
	return weights, nil
}

// stretched gives every candidate n label tokens of its own log-probability.
func stretched(in sdktest.Inputs, n int, logps []float64) sdktest.Inputs {
	in.Logps, in.RefLogps = nil, nil
	for range 2 {
		var rows, reference [][]float64
		for _, x := range logps {
			row, other := make([]float64, n), make([]float64, n)
			for i := range row {
				row[i], other[i] = x, -1
			}
			rows, reference = append(rows, row), append(reference, other)
		}
		in.Logps, in.RefLogps = append(in.Logps, rows), append(in.RefLogps, reference)
	}
	for _, kl := range []*[][][]float64{&in.ReverseKL, &in.ForwardKL} {
		if *kl != nil {
			*kl = filled(in.Logps, 0.5)
		}
	}
	return in
}

// filled is x at every token of rows.
func filled(rows [][][]float64, x float64) [][][]float64 {
	var all [][][]float64
	for _, prompt := range rows {
		var own [][]float64
		for _, row := range prompt {
			own = append(own, slices.Repeat([]float64{x}, len(row)))
		}
		all = append(all, own)
	}
	return all
}

// lengthLaw is the power of n that weights, of n from 2, are. Where they are
// none, away is +1 where they contain a power of n+1, and -1 where one of n-1.
// A mix of a mean and a sum in one term is in order, and reads as power 0.
func lengthLaw(weights []float64) (exponent float64, away int) {
	if weights == nil {
		return 0, 0
	}
	if law := power(weights); !math.IsNaN(law) {
		return law, 0
	}
	var target, own, constant, n []float64
	for i, w := range weights {
		n, constant = append(n, float64(i+2)), append(constant, 1)
		target, own = append(target, math.Log(w)), append(own, math.Log(float64(i+2)))
	}
	if _, rest := fit(weights, constant, n); rest < 1e-9*largest(weights) {
		return 0, 0
	}
	for _, away := range []int{-1, 1} {
		var moved []float64
		for i := range weights {
			moved = append(moved, math.Log(float64(i+2+away)))
		}
		if _, rest := fit(target, constant, own, moved); rest < 1e-8 {
			return 0, away
		}
	}
	return 0, 0
}
