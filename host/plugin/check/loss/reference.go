package loss

import (
	"fmt"
	"llmhost/host/plugin/check"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
	"math"
)

// reference asks whether the reference model is subtracted: a term that stays
// the same where one model's log-probabilities rise and the other's fall adds
// the two.
func (l *loss) reference() error {
	if !l.draw.reads("ref.logps") {
		l.Note = "reads no reference model"
		return nil
	}
	for _, t := range l.p.Terms {
		if wrong, err := l.uneven(t); wrong || err != nil {
			return err
		}
		added, seen := true, 0
		var probe sdktest.Inputs
		for range 4 {
			in := l.draw.batch(3, 3, 3)
			base, err := l.sum(t, in)
			if err != nil {
				return err
			}
			apart := in
			apart.Logps = l.redrawn(in).Logps
			policy, err := l.sum(t, apart)
			if err != nil {
				return err
			}
			apart.RefLogps = opposite(in, apart)
			against, err := l.sum(t, apart)
			if err != nil {
				return err
			}
			if !sdktest.Near(base, policy) {
				seen++
				added = added && sdktest.Near(base, against)
			}
			probe = in
		}
		if added && seen > 0 {
			l.Find(check.Finding{
				Text:   fmt.Sprintf("term %s stays the same where the model's log-probabilities move by any amount and the reference's by as much the other way: it adds the two", t.Name),
				Cause:  "a ratio of two models is the difference of their log-probabilities: Logps().Sub(RefLogps())",
				Places: l.Places(t.Sum), Probe: l.show(probe),
			})
			return nil
		}
	}
	l.Note = "the reference is subtracted from the model, for all candidates alike"
	return nil
}

// opposite is the reference moved as far as the policy did, the other way.
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

// uneven asks whether the reference is subtracted from every candidate of a
// pair, and as the model is: per token from a mean, in all from a sum.
func (l *loss) uneven(t program.Term) (wrong bool, err error) {
	if !l.fromInput(t.Sum, "policy.logps") || !l.fromInput(t.Sum, "ref.logps") {
		return false, nil
	}
	in := l.draw.fill([][]int{{2, 4}, {5, 2}, {3, 3}, {4, 2}, {2, 5}})
	if len(in.Logps[0]) != 2 {
		return false, nil
	}
	gradient, err := l.logpGradient(in, t.Sum)
	if err != nil {
		return true, err
	}
	var shares []float64 // of the model's slope that the reference has, the other way
	whole, none, byLength := 0, 0, 0
	for b, prompt := range perCandidate(gradient) {
		for k, slope := range prompt {
			reference, err := l.referenceSlope(t, in, b, k)
			if err != nil {
				return true, err
			}
			if math.Abs(slope) < 1e-9 {
				continue
			}
			share, n := -reference/slope, float64(len(in.Logps[b][k]))
			shares = append(shares, share)
			whole, none = whole+near(share, 1), none+near(share, 0)
			byLength += near(share, n) + near(share, 1/n)
		}
	}
	f := check.Finding{Places: l.Places(t.Sum), Probe: l.show(in)}
	switch {
	case len(shares) >= 6 && whole > 0 && none > 0 && whole+none == len(shares):
		f.Text = fmt.Sprintf("term %s subtracts the reference from %d candidates, and from %d it does not", t.Name, whole, none)
		f.Cause = "one side of a pair lacks its RefLogps: a log-ratio is formed for the better and for the worse candidate"
	case len(shares) >= 6 && byLength == len(shares):
		f.Text = fmt.Sprintf("moving the reference moves term %s as much as moving the model does, times or divided by the number of tokens", t.Name)
		f.Cause = "a mean over tokens is subtracted from a sum, or the other way round: form Logps().Sub(RefLogps()) first and reduce that"
	default:
		return false, nil
	}
	l.Find(f)
	return true, nil
}

// near is 1 where two slopes are equal but for the error of a difference.
func near(a, b float64) int {
	if math.Abs(a-b) < 1e-4 {
		return 1
	}
	return 0
}

// referenceSlope is how a term changes as one candidate's tokens get likelier
// under the reference.
func (l *loss) referenceSlope(t program.Term, in sdktest.Inputs, b, k int) (float64, error) {
	const step = 1e-5
	var sums [2]float64
	for i, by := range []float64{step, -step} {
		out := mapped(in, func(x float64) float64 { return x })
		for at := range out.RefLogps[b][k] {
			out.RefLogps[b][k][at] += by
		}
		var err error
		if sums[i], err = l.sum(t, out); err != nil {
			return 0, err
		}
	}
	return (sums[0] - sums[1]) / (2 * step), nil
}
