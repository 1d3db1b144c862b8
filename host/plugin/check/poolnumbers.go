package check

import (
	"fmt"
	"math"

	"llmhost/sdk/sdktest"
)

// finite pools large states in float32, without an end token, and rows that are
// nothing but the end token.
func (p *pooling) finite() error {
	for _, in := range p.probes() {
		none := in
		none.EOS = -1
		for what, changed := range map[string]sdktest.PoolInputs{"ordinary states": in, "no end token": none, "every token the end token": onlyEnds(in), "states of 10,000": grown(in, 1e4), "states of 0": grown(in, 0)} {
			a := changed.Arguments()
			a.Single = true
			e, err := p.p.Evaluate(a)
			if err != nil {
				return fmt.Errorf("with %s it cannot be run: %w", what, err)
			}
			gradient := e.Gradient(map[int][]float64{p.p.Output: ones(len(e.Values[p.p.Output].Data))})["hidden"]
			if !allFinite(e.Values[p.p.Output].Data) || !allFinite(gradient) {
				p.find(Finding{Text: fmt.Sprintf("with %s, the pooled states or their gradients are no finite numbers", what), Cause: "a division by 0, a logarithm or root of 0, or an exponential above 88", Probe: in.String()})
				return nil
			}
		}
	}
	p.note = "ends, zeros and large states in float32"
	return nil
}

func onlyEnds(in sdktest.PoolInputs) sdktest.PoolInputs {
	out := in
	out.IDs = nil
	for _, row := range in.IDs {
		ids := make([]int, len(row))
		for i := range ids {
			ids[i] = eos
		}
		out.IDs = append(out.IDs, ids)
	}
	return out
}

func grown(in sdktest.PoolInputs, by float64) sdktest.PoolInputs {
	out := in
	out.Hidden = nil
	for _, states := range in.Hidden {
		var row [][]float64
		for _, state := range states {
			row = append(row, scaled(state, by))
		}
		out.Hidden = append(out.Hidden, row)
	}
	return out
}

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// gradient holds gradients to central differences, with what is detached held.
func (p *pooling) gradient() error {
	worst, err := p.slopes(true)
	p.note = fmt.Sprintf("largest relative error %.1g", worst)
	return err
}

// detach compares them with nothing held.
func (p *pooling) detach() error {
	_, err := p.slopes(false)
	p.note = "the gradient is the slope of what is computed"
	return err
}

func (p *pooling) slopes(hold bool) (worst float64, err error) {
	summed, total := p.p.Summed()
	reached := false
	for _, in := range p.probes() {
		a := in.Arguments()
		e, err := summed.Evaluate(a)
		if err != nil {
			return worst, err
		}
		if hold {
			a.Held = e.Detached()
		}
		slopes, err := summed.Slopes(a, total, func(string, int) bool { return true })
		if err != nil {
			return worst, err
		}
		for _, s := range slopes {
			reached = reached || s.Gradient != 0
			if s.Rough || !isFinite(s.Gradient) {
				continue
			}
			worst = math.Max(worst, s.Error)
			if s.Error > sdktest.GradientTolerance {
				p.find(Finding{Text: fmt.Sprintf("by %s the gradient is %s, while moving that by a little changes the pooled states by %s a unit", element(s.Input, a, s.Element), number(s.Gradient), number(s.Difference)),
					Cause: "a Detach holds the gradient back; remove it, or check with --allow detach", Probe: in.String()})
				return worst, nil
			}
		}
	}
	if !reached {
		p.find(Finding{Text: "no gradient reaches the hidden states on any batch", Cause: "a Detach, a comparison or an index cuts it off"})
	}
	return worst, nil
}
