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

// reference checks that the reference model is subtracted: a term that stays
// the same when one model's log-probabilities rise and the other's fall adds
// the two.
func (l *loss) reference() error {
	if !l.draw.reads("ref.logps") {
		l.Note = "reads no reference model"
		return nil
	}
	for _, t := range l.p.Terms {
		wrong, err := l.uneven(t)
		if !wrong && err == nil {
			wrong, err = l.adds(t)
		}
		if wrong || err != nil {
			return err
		}
	}
	l.Note = "the reference is subtracted from the model, in the same way for all candidates"
	return nil
}

// adds reports a term that changes with the model, but not if the reference
// moves equally in the opposite direction.
func (l *loss) adds(t program.Term) (wrong bool, err error) {
	moves := false
	var probe sdktest.Inputs
	for range 4 {
		probe = l.draw.batch(3, 3, 3)
		base, alone, against, err := l.apart(t, probe)
		if err != nil {
			return true, err
		}
		if sdktest.Near(base, alone) {
			continue
		}
		if !sdktest.Near(base, against) {
			return false, nil
		}
		moves = true
	}
	if !moves {
		return false, nil
	}
	l.Find(check.Finding{
		Text:   fmt.Sprintf("term %s stays the same when the model's log-probabilities move by any amount and the reference's by the opposite amount: it adds the two", t.Name),
		Cause:  "a ratio of two models is the difference of their log-probabilities: Logps().Sub(RefLogps())",
		Places: l.Places(t.Sum), Probe: l.show(probe),
	})
	return true, nil
}

// apart is a term's sum on a batch, with other log-probabilities of only the
// model, and with those of the reference moved by the opposite amount.
func (l *loss) apart(t program.Term, in sdktest.Inputs) (base, alone, against float64, err error) {
	if base, err = l.sum(t, in); err != nil {
		return 0, 0, 0, err
	}
	other := in
	other.Logps = l.redrawn(in).Logps
	if alone, err = l.sum(t, other); err != nil {
		return 0, 0, 0, err
	}
	other.RefLogps = opposite(in, other)
	against, err = l.sum(t, other)
	return base, alone, against, err
}

// opposite moves the reference as far as the policy moved, in the opposite
// direction.
func opposite(from, to sdktest.Inputs) [][][]float64 {
	var out [][][]float64
	for b, prompt := range from.RefLogps {
		var rows [][]float64
		for k, row := range prompt {
			moved := make([]float64, len(row))
			for i, x := range row {
				moved[i] = x - (to.Logps[b][k][i] - from.Logps[b][k][i])
			}
			rows = append(rows, moved)
		}
		out = append(out, rows)
	}
	return out
}

// uneven checks that the reference is subtracted from every candidate of a
// pair and every token, reduced like the model, a mean from a mean and a sum from a
// sum, and with the model's coefficient.
func (l *loss) uneven(t program.Term) (wrong bool, err error) {
	if !l.fromInput(t.Sum, "policy.logps") || !l.fromInput(t.Sum, "ref.logps") {
		return false, nil
	}
	in := l.draw.fill([][]int{{2, 4}, {5, 2}, {3, 3}, {4, 2}, {2, 5}})
	if len(in.Logps[0]) != 2 {
		return false, nil
	}
	shares, err := l.shares(t, in)
	if err != nil {
		return true, err
	}
	if wrong := l.unevenSides(t, in, shares); wrong {
		return true, nil
	}
	if wrong, err := l.tokenOfReference(t, in); wrong || err != nil {
		return true, err
	}
	return l.otherCoefficient(t, in, shares)
}

// fewestShares is how many candidates must agree.
const fewestShares = 6

// unevenSides reports a reference that only some candidates have, or that is reduced
// otherwise than the model.
func (l *loss) unevenSides(t program.Term, in sdktest.Inputs, shares []share) bool {
	whole, none, byLength := 0, 0, 0
	for _, s := range shares {
		whole += near(s.share, 1)
		none += near(s.share, 0)
		byLength += near(s.share, s.length) + near(s.share, 1/s.length)
	}
	f := check.Finding{Places: l.Places(t.Sum), Probe: l.show(in)}
	switch {
	case len(shares) >= fewestShares && whole > 0 && none > 0 && whole+none == len(shares):
		f.Text = fmt.Sprintf(
			"term %s subtracts the reference from %d candidates, but not from %d",
			t.Name,
			whole,
			none,
		)
		f.Cause = "one side of a pair lacks its RefLogps: a log-ratio is formed for the better and for the worse candidate"
	case len(shares) >= fewestShares && byLength == len(shares):
		f.Text = fmt.Sprintf("moving the reference changes term %s as much as moving the model does, times or divided by the number of tokens", t.Name)
		f.Cause = "a mean over tokens is subtracted from a sum, or the other way round: form Logps().Sub(RefLogps()) first and reduce that"
	default:
		return false
	}
	l.Find(f)
	return true
}

// share is the ratio of the reference's negated slope to the model's for a
// candidate, the candidate's number of tokens, and whether it is the better one.
type share struct {
	share, length float64
	better        bool
}

// shares are those of all candidates for which the model has a slope.
func (l *loss) shares(t program.Term, in sdktest.Inputs) ([]share, error) {
	gradient, err := l.logpGradient(in, t.Sum)
	if err != nil {
		return nil, err
	}
	var shares []share
	for b, prompt := range perCandidate(gradient) {
		for k, slope := range prompt {
			if math.Abs(slope) < 1e-9 {
				continue
			}
			reference, err := l.referenceSlope(t, in, b, k, every)
			if err != nil {
				return nil, err
			}
			shares = append(shares, share{-reference / slope, float64(len(in.Logps[b][k])), l.standing(in, b, k) == 1})
		}
	}
	return shares, nil
}

// near is 1 if two slopes are equal up to the error of a difference.
func near(a, b float64) int {
	if math.Abs(a-b) < 1e-4*math.Max(1, math.Abs(b)) {
		return 1
	}
	return 0
}

// every stands for all tokens of an answer.
const every = -1

// referenceSlope is how a term changes as one of a candidate's tokens, or every
// one, gets likelier under the reference, with what is detached held.
func (l *loss) referenceSlope(t program.Term, in sdktest.Inputs, b, k, token int) (float64, error) {
	const step = 1e-5
	base, err := l.evaluate(in)
	if err != nil {
		return 0, err
	}
	var sums [2]float64
	for i, by := range []float64{step, -step} {
		out := mapped(in, func(x float64) float64 { return x })
		for at := range out.RefLogps[b][k] {
			if token == every || token == at {
				out.RefLogps[b][k][at] += by
			}
		}
		a, err := out.Arguments()
		if err != nil {
			return 0, err
		}
		a.Held = base.Detached()
		e, err := l.evaluateOn(out, a)
		if err != nil {
			return 0, err
		}
		sums[i] = e.Number(t.Sum)
	}
	return (sums[0] - sums[1]) / (2 * step), nil
}

// tokenOfReference reports a token whose reference is left out although its
// neighbours' are not.
func (l *loss) tokenOfReference(t program.Term, in sdktest.Inputs) (wrong bool, err error) {
	gradient, err := l.logpGradient(in, t.Sum)
	if err != nil {
		return false, err
	}
	seen := map[string]int{}
	for b, prompt := range gradient {
		for k, row := range prompt {
			if len(row) < 3 || slices.ContainsFunc(row, func(g float64) bool { return math.Abs(g) < 1e-9 }) {
				continue
			}
			shares := make([]float64, len(row))
			for i, slope := range row {
				reference, err := l.referenceSlope(t, in, b, k, i)
				if err != nil {
					return false, err
				}
				if shares[i] = -reference / slope; math.Abs(shares[i]) < 1e-6 {
					shares[i] = 0
				}
			}
			if s := numbers.SharesOf(shares); s.Text != "" && !s.Meant {
				seen[s.Text]++
			}
		}
	}
	for text, n := range seen {
		if n >= 2 {
			l.Find(check.Finding{
				Text:   fmt.Sprintf("term %s subtracts the reference from an answer's tokens, of which %s", t.Name, text),
				Cause:  "RefLogps is masked otherwise than Logps: form Logps().Sub(RefLogps()) and mask that",
				Places: l.Places(t.Sum), Probe: l.show(in),
			})
			return true, nil
		}
	}
	return false, nil
}
