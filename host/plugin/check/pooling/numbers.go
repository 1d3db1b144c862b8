package pooling

import (
	"fmt"
	"math"
	"slices"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/sdktest"
)

// finite pools large states in float32, sequences without an end token, and
// sequences of nothing but end tokens.
func (p *pooling) finite() error {
	for _, in := range p.probes() {
		none := in
		none.EOS = -1
		for _, s := range []struct {
			what string
			in   sdktest.PoolInputs
		}{
			{"ordinary states", in},
			{"no end token", none},
			{"every token the end token", reidentified(in, eos, true)},
			{"states of 10,000", grown(in, 1e4)},
			{"states of 0", grown(in, 0)},
		} {
			if infinite, err := p.infinite(s.what, s.in); infinite || err != nil {
				return err
			}
		}
	}
	p.Note = "ends, zeros and large states in float32"
	return nil
}

// infinite reports pooled states or gradients that are not finite.
func (p *pooling) infinite(what string, in sdktest.PoolInputs) (found bool, err error) {
	a := in.Arguments()
	a.Single = true
	e, err := p.p.Evaluate(a)
	if err != nil {
		return false, fmt.Errorf("with %s it cannot be run: %w", what, err)
	}
	output := e.Values[p.p.Output].Data
	ones := slices.Repeat([]float64{1}, len(output))
	gradient := e.Gradient(map[int][]float64{p.p.Output: ones})["hidden"]
	if numbers.AllFinite(output) && numbers.AllFinite(gradient) {
		return false, nil
	}
	p.Find(check.Finding{
		Text:  fmt.Sprintf("with %s, the pooled states or their gradients are not finite", what),
		Cause: "a division by 0, a logarithm or root of 0, or an exponential above 88",
		Probe: in.String(),
	})
	return true, nil
}

// grown multiplies every state by a factor.
func grown(in sdktest.PoolInputs, by float64) sdktest.PoolInputs {
	return mapped(in, func(state []float64) []float64 { return numbers.Scaled(state, by) })
}

// gradient compares gradients with central differences, with what is detached
// held constant.
func (p *pooling) gradient() error {
	worst, err := p.slopes(func(e *sdktest.Evaluation) map[int]sdktest.Array { return e.Detached() })
	p.Note = fmt.Sprintf("largest relative error %.1g", worst)
	return err
}

// detach compares them with nothing held constant.
func (p *pooling) detach() error {
	_, err := p.slopes(func(*sdktest.Evaluation) map[int]sdktest.Array { return nil })
	p.Note = "the gradient is the slope of what is computed"
	return err
}

// slopes compares the gradient of the pooled states with differences, with some
// values held constant.
func (p *pooling) slopes(constant func(*sdktest.Evaluation) map[int]sdktest.Array) (worst float64, err error) {
	summed, total := p.p.Summed()
	reached := false
	for _, in := range p.probes() {
		a := in.Arguments()
		e, err := summed.Evaluate(a)
		if err != nil {
			return worst, err
		}
		a.Held = constant(e)
		slopes, err := summed.Slopes(a, total, a.Used)
		if err != nil {
			return worst, err
		}
		for _, s := range slopes {
			reached = reached || s.Gradient != 0
			if s.Rough || !numbers.Finite(s.Gradient) {
				continue
			}
			worst = math.Max(worst, s.Error)
			if s.Wrong() {
				p.tooSteep(in, a.Compared(s))
				return worst, nil
			}
		}
	}
	if !reached {
		p.Find(check.Finding{Text: "no gradient reaches the hidden states on any batch", Cause: "a Detach, a comparison or an index cuts it off"})
	}
	return worst, nil
}

// tooSteep reports a slope that is not the gradient.
func (p *pooling) tooSteep(in sdktest.PoolInputs, text string) {
	p.Find(check.Finding{
		Text:  text,
		Cause: "a Detach blocks the gradient; remove it, or, if a constant is intended, say so with an Allow method",
		Probe: in.String(),
	})
}
