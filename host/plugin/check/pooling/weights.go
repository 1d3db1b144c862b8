package pooling

import (
	"fmt"
	"slices"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/sdktest"
)

// longest is the longest sequence of equal states, in tokens.
const longest = 10

// constant pools sequences whose states are all equal: any choice or mean gives
// that state back, a sum n times it.
func (p *pooling) constant() error {
	high, err := p.levels(1)
	if err != nil {
		return err
	}
	low, err := p.levels(-1)
	if err != nil {
		return err
	}
	p.Note = fmt.Sprintf("sequences of 2 to %d equal states", longest)
	const of = "sequences of 2, 3, 4, … states that are all 1 pool to "
	switch {
	case high[0] != 0 && low[0] == 0:
		p.Find(check.Finding{
			Text:  fmt.Sprintf("sequences whose states are all 1 pool to %s, those whose states are all -1 to 0", sdktest.Numbers(high[0])),
			Cause: "a 0 is included in a maximum, or negative states are cut off",
		})
	case short(high):
		p.Find(check.Finding{
			Text:  of + sdktest.Numbers(high...) + ": less for short ones",
			Cause: "a sum is divided by a fixed number of tokens that a sequence may not have; divide by the number summed",
		})
	case positive(high):
		p.counted(high, of)
	}
	return nil
}

// counted reports equal states that are divided by another number than theirs.
func (p *pooling) counted(high []float64, of string) {
	text, cause := numbers.WrongLength(high, p.Setting&check.Number == 0)
	if c := numbers.Added(high); text == "" && c != 0 {
		text = fmt.Sprintf("%s, as though %s tokens were added to each", sdktest.Numbers(high[:4]...), sdktest.Numbers(c))
		cause = "the sum is divided by more or less than the number summed"
	}
	if text != "" {
		p.Find(check.Finding{Text: of + text, Cause: cause})
	}
}

// levels are what sequences of 2, 3, 4, … equal states pool to, as a multiple of
// their level.
func (p *pooling) levels(level float64) ([]float64, error) {
	var weights []float64
	for n := 2; n <= longest; n++ {
		in := mapped(p.batch(n, n), func([]float64) []float64 { return slices.Repeat([]float64{level}, width) })
		rows, err := p.pool(in)
		if err != nil {
			return nil, err
		}
		weights = append(weights, rows[0][0]*level)
	}
	return weights, nil
}

func positive(weights []float64) bool {
	return !slices.ContainsFunc(weights, func(w float64) bool { return !(w > 0) || !numbers.Finite(w) })
}

// short reports whether sequences pool to one level from some length on, and to
// less of it when they are shorter.
func short(weights []float64) bool {
	level := weights[len(weights)-1]
	if !positive(weights) ||
		!sdktest.Near(weights[len(weights)-2], level) ||
		sdktest.Near(weights[0], level) {
		return false
	}
	for i := 1; i < len(weights); i++ {
		if weights[i] < weights[i-1] && !sdktest.Near(weights[i], weights[i-1]) {
			return false
		}
	}
	return true
}

// own checks that each sequence pools to something of its own states, also
// without an end token and with shifted states.
func (p *pooling) own() error {
	for _, probe := range p.probes() {
		none := reidentified(probe, 5, true)
		for _, s := range []struct {
			what string
			in   sdktest.PoolInputs
		}{
			{ordinary, probe},
			{"without an end token in it", none},
			{"with all states 50 lower", lifted(none, -50)},
			{"with all states 50 higher", lifted(none, 50)},
		} {
			if foreign, err := p.foreign(s.what, s.in); foreign || err != nil {
				return err
			}
		}
	}
	p.Note = "every sequence pools to something of its own"
	return nil
}

// ordinary leaves the states as drawn.
const ordinary = "with ordinary states"

// foreign reports a sequence that pools to nothing of its own.
func (p *pooling) foreign(what string, in sdktest.PoolInputs) (found bool, err error) {
	gradient, err := p.pulls(in)
	if err != nil {
		return false, err
	}
	for n, sequence := range gradient {
		if len(sequence) < 2 && what == ordinary || slices.ContainsFunc(sequence, numbers.AnyNonZero) {
			continue
		}
		p.Find(check.Finding{
			Text: fmt.Sprintf(
				"sequence %d, of %d tokens, pools to something that depends on none of its states, %s",
				n,
				len(sequence),
				what,
			),
			Cause: "it looks for a token that the sequence may not have (use the last one then), or a clamp or fill value replaces its states",
			Probe: in.String(),
		})
		return true, nil
	}
	return false, nil
}

// lifted shifts every state by a number.
func lifted(in sdktest.PoolInputs, by float64) sdktest.PoolInputs {
	return mapped(in, func(state []float64) []float64 {
		out := slices.Clone(state)
		for i := range out {
			out[i] += by
		}
		return out
	})
}

// tokens checks whether tokens of a sequence are always left out that lie at one end
// or in between, while the others count.
func (p *pooling) tokens() error {
	var first numbers.Share
	var probe sdktest.PoolInputs
	lengths := []int{5, 6, 8}
	for at, n := range lengths {
		counts, in, err := p.counting(n)
		if err != nil {
			return err
		}
		share := numbers.SharesOf(counts)
		if at == 0 {
			first, probe = share, in
		}
		if share.Text == "" || share.Meant || share.Pattern != first.Pattern {
			first = numbers.Share{} // a window of the last few leaves out one of one length only
			break
		}
	}
	if first.Text != "" {
		p.Find(check.Finding{
			Text:  fmt.Sprintf("of the tokens of a sequence, %s, in every batch", first.Text),
			Cause: "an index is off by one, or a mask leaves out too much: a sequence's tokens are the entries whose Sequence is its number, and none of them is padding",
			Probe: probe.String(),
		})
	}
	p.Note = "every token of a sequence counts, or few do"
	return nil
}

// counting is 1 for each place of sequences of n tokens that counts in any batch,
// else 0: what a maximum leaves out differs from batch to batch.
func (p *pooling) counting(n int) (counts []float64, probe sdktest.PoolInputs, err error) {
	counts = make([]float64, n)
	for range 8 {
		probe = reidentified(p.batch(n, n), 5, true)
		gradient, err := p.pulls(probe)
		if err != nil {
			return nil, probe, err
		}
		for _, sequence := range gradient {
			for i, state := range sequence {
				if numbers.AnyNonZero(state) {
					counts[i] = 1
				}
			}
		}
	}
	return counts, probe, nil
}

// pulls is the gradient of the pooled states by every state.
func (p *pooling) pulls(in sdktest.PoolInputs) ([][][]float64, error) {
	if p.Late() {
		return nil, check.ErrLate
	}
	summed, total := p.p.Summed()
	e, err := summed.Evaluate(in.Arguments())
	if err != nil {
		return nil, cannotRun(in, err)
	}
	gradient := e.Gradient(map[int][]float64{total: {1}})["hidden"]
	if gradient == nil {
		gradient = make([]float64, len(in.Arguments().Inputs["hidden"].Data))
	}
	return in.Unpacked(gradient), nil
}
