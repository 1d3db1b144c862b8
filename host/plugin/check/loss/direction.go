package loss

import (
	"fmt"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// direction checks that a term pushes in the direction of the data: with
// scores, the best candidate of a prompt up relative to the worst; with only
// answers, the answers up.
func (l *loss) direction() error {
	if err := l.classDirection(); err != nil {
		return err
	}
	plain := l.draw.reads("policy.logps") &&
		!l.draw.readsKind("column") &&
		!l.draw.readsKind("label") &&
		!l.exampleColumns()
	if !l.draw.scored() && !plain {
		if l.Note == "" {
			l.Note = "no column says what is better"
		}
		return nil
	}
	for _, t := range l.p.Terms {
		if plain && l.fromInput(t.Sum, "ref.logps") {
			continue // a distance to the reference may push either way
		}
		for _, r := range l.regimes() {
			wrong, probe, err := l.pushedBack(t, r)
			if err != nil {
				return err
			}
			if wrong >= 20 {
				l.backwards(t, plain, wrong, probe)
				break
			}
		}
	}
	if l.Note == "" {
		l.Note = "better candidates are pushed up"
	}
	return nil
}

// regimes move the scores of a batch: as drawn, all above 0, all below. A term that
// is right on one of them may be wrong on another.
func (l *loss) regimes() []func(in sdktest.Inputs) sdktest.Inputs {
	all := []func(in sdktest.Inputs) sdktest.Inputs{func(in sdktest.Inputs) sdktest.Inputs { return in }}
	if !l.draw.scored() || !l.draw.free(l.score()) {
		return all
	}
	for _, by := range []float64{20, -20} {
		all = append(all, func(in sdktest.Inputs) sdktest.Inputs { return l.moved(in, constant(by)) })
	}
	return all
}

// pushedBack counts the prompts on which a term pushes the wrong way, 0 if it
// pushes the right way on any.
func (l *loss) pushedBack(t program.Term, regime func(in sdktest.Inputs) sdktest.Inputs) (wrong int, probe sdktest.Inputs, err error) {
	for range 30 {
		in := regime(l.draw.fill([][]int{{2, 2, 2}, {3, 3, 3}, {1, 1, 1}}))
		pushes, err := l.pushes(in, t.Sum)
		if err != nil {
			return 0, probe, err
		}
		for b, byCandidate := range pushes {
			switch push := sign(t.Coefficient) * l.upward(in, b, byCandidate); {
			case push > 1e-12:
				return 0, probe, nil
			case push < -1e-12:
				wrong++
				probe = in
			}
		}
	}
	return wrong, probe, nil
}

// pushes is the gradient of a sum by each candidate's total log-probability
// plus that by its reward.
func (l *loss) pushes(in sdktest.Inputs, sum int) ([][]float64, error) {
	e, err := l.evaluate(in)
	if err != nil {
		return nil, err
	}
	gradient := e.Gradient(bySum(sum))
	all := perCandidate(in.Unpadded(gradient["policy.logps"]))
	for b, prompt := range in.Rewards {
		for k := range prompt {
			all[b][k] += gradient["rewards"][b*len(gradient["rewards"])/len(in.Rewards)+k]
		}
	}
	return all, nil
}

// upward is how far a step down a gradient pushes the best candidate of prompt b
// up relative to the worst, or all of them up if nothing says which is better.
func (l *loss) upward(in sdktest.Inputs, b int, gradient []float64) float64 {
	if l.draw.scored() {
		best, worst := extremes(in.Columns[l.draw.score][b])
		return gradient[worst] - gradient[best]
	}
	push := 0.0
	for _, g := range gradient {
		push -= g
	}
	return push
}

// exampleColumns reports whether an example column is read that may reverse the
// direction: one that may be negative.
func (l *loss) exampleColumns() bool {
	for name, c := range l.draw.columns {
		if strings.HasPrefix(name, "example_column.") && (c.min == nil || *c.min < 0) {
			return true
		}
	}
	return false
}

// backwards reports a term that pushes the wrong way.
func (l *loss) backwards(t program.Term, plain bool, wrong int, probe sdktest.Inputs) {
	f := check.Finding{
		Text: fmt.Sprintf(
			"term %s pushes the candidate of the highest score down relative to that of the lowest, on all %d prompts where it has a gradient",
			t.Name,
			wrong,
		),
		Cause:  "a comparison or a difference is the wrong way round (Lt for Gt, j − i for i − j), or Argmin is used for Argmax: higher scores are better",
		Places: l.Places(t.Sum), Probe: l.show(probe),
	}
	if plain {
		f.Text = fmt.Sprintf(
			"term %s falls as answers get less likely, on all %d prompts: it trains the model not to give them",
			t.Name,
			wrong,
		)
		f.Cause = "a sign is missing: a likelihood is maximised by minimising its Neg"
	}
	l.Find(f)
}

// sign is -1 for a number below 0, else 1.
func sign(x float64) float64 {
	if x < 0 {
		return -1
	}
	return 1
}

// extremes are the indices of the largest and the smallest number.
func extremes(scores []float64) (best, worst int) {
	for i, s := range scores {
		if s > scores[best] {
			best = i
		}
		if s < scores[worst] {
			worst = i
		}
	}
	return best, worst
}
