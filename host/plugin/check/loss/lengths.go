package loss

import (
	"fmt"
	"math"
	"slices"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// longest is the longest answer of the length check, in label tokens.
const longest = 10

// lengths determines the weight of an answer of n label tokens, for rising n. A
// mean gives every answer the same weight, a sum the weight n, a length penalty
// a power of n in between. If only n+1 or n-1 fits instead of n, one token too
// many or too few was counted.
func (l *loss) lengths() error {
	for i, t := range l.p.Terms {
		var both [2][]float64
		for k := range both {
			weights, err := l.lengthWeights(i, k)
			if err != nil {
				return err
			}
			if text, cause := numbers.WrongLength(weights, l.Setting&check.Number == 0); text != "" {
				l.Find(check.Finding{Text: "term " + t.Name + ": answers of 2, 3, 4, … label tokens weigh " + text, Cause: cause})
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
	l.Note = fmt.Sprintf("answers of 2 to %d label tokens", longest)
	return nil
}

// unequalLength reports a term in which a better and a worse answer are
// weighted by different powers of their length.
func (l *loss) unequalLength(t program.Term, better, worse []float64) bool {
	a := numbers.Power(better)
	b := numbers.Power(worse)
	if math.IsNaN(a) || math.IsNaN(b) || math.Abs(a-b) < 1e-6 {
		return false
	}
	l.Find(check.Finding{
		Text: fmt.Sprintf(
			"term %s: better answers of 2, 3, 4, … label tokens weigh %s, worse ones %s",
			t.Name,
			sdktest.Numbers(better[:4]...),
			sdktest.Numbers(worse[:4]...),
		),
		Cause: "the mean of one answer is compared with the sum of another: reduce both the same way before the difference", Places: l.Places(t.Sum),
	})
	return true
}

// otherTokens checks that the count of a mean over tokens covers the tokens of
// its sum: if every token has the same weight, their number over the count must
// be the same on every batch.
func (l *loss) otherTokens(t program.Term) (wrong bool, err error) {
	counts := func(n int) float64 {
		in := l.draw.settled(stretched(l.draw.fill([][]int{{1, 1}, {1, 1}}), n, []float64{-1, -1}))
		e, failed := l.evaluate(in)
		if err = failed; failed != nil {
			return 0
		}
		return e.Number(t.Count)
	}
	if t.Count == program.None ||
		l.draw.fixed > 0 ||
		counts(2) == 0 ||
		!sdktest.Near(counts(4), 2*counts(2)) ||
		err != nil {
		return false, err // not a number of tokens
	}
	share := 0.0
	for range 8 {
		in := l.draw.settled(l.draw.batch(3, 3, 4))
		e, err := l.evaluate(in)
		if err != nil {
			return true, err
		}
		tokens, alike := equalSlopes(used(in, e, bySum(t.Sum)))
		if !alike {
			return false, nil // tokens are weighted individually
		}
		of := float64(tokens) / e.Number(t.Count)
		if share != 0 && !sdktest.Near(of, share) {
			l.Find(check.Finding{
				Text: fmt.Sprintf(
					"term %s is a mean over tokens, but its sum has %s of the tokens that its count has on one batch, %s on another",
					t.Name,
					sdktest.Numbers(share),
					sdktest.Numbers(of),
				),
				Cause:  "the sum leaves out tokens or candidates that the count includes, or the other way round: mask both the same way",
				Places: l.Places(t.Sum), Probe: l.show(in),
			})
			return true, nil
		}
		share = of
	}
	return false, nil
}

// equalSlopes counts the slopes that are not 0, and reports whether they are
// equal.
func equalSlopes(slopes []float64) (n int, alike bool) {
	first := 0.0
	for _, g := range slopes {
		switch {
		case g == 0:
			continue
		case first == 0:
			first = g
		case !sdktest.Near(g, first):
			return 0, false
		}
		n++
	}
	return n, true
}

// lengthWeights is the weight of candidate k of every prompt in term i when all
// candidates have n label tokens, for n from 2; nil if the term is not linear
// there, which makes a weight meaningless.
func (l *loss) lengthWeights(i, k int) ([]float64, error) {
	data := l.draw.settled(l.draw.fill([][]int{{1, 1}, {1, 1}}))
	if len(data.Logps[0]) != 2 {
		return nil, nil
	}
	for b := range data.Logps { // the better candidate first
		if s := data.Columns[l.draw.score]; s != nil && s[b][0] < s[b][1] {
			s[b][0], s[b][1] = s[b][1], s[b][0]
		}
	}
	var weights []float64
	for n := 2; n <= longest; n++ {
		weight := func(scale float64) (float64, error) {
			in := stretched(data, n, []float64{-3000 * scale, -0.1 * scale}) // the better one is the less likely: a ranking is active
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
		if again, err := weight(1.25); err != nil ||
			math.Abs(w-again) > 1e-9*w ||
			w == 0 ||
			!numbers.Finite(w) {
			return nil, err
		}
		weights = append(weights, w)
	}
	return weights, nil
}

// stretched gives every candidate n label tokens of one log-probability each.
func stretched(in sdktest.Inputs, n int, logps []float64) sdktest.Inputs {
	in.Logps, in.RefLogps = nil, nil
	for range 2 {
		var rows, reference [][]float64
		for _, x := range logps {
			row := make([]float64, n)
			other := make([]float64, n)
			for i := range row {
				row[i] = x
				other[i] = -1
			}
			rows = append(rows, row)
			reference = append(reference, other)
		}
		in.Logps, in.RefLogps = append(in.Logps, rows), append(in.RefLogps, reference)
	}
	for _, kl := range []*[][][]float64{&in.ReverseKL, &in.ForwardKL} {
		if *kl != nil {
			*kl = filled(in.Logps, 0.5)
		}
	}
	if in.VocabMeanLogps != nil {
		in.VocabMeanLogps = filled(in.Logps, -3)
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
