package check

import (
	"fmt"

	"llmhost/sdk/sdktest"
)

// own asks whether each row pools to something of its own states, without an
// end token, and wherever the states lie.
func (p *pooling) own() error {
	for _, probe := range p.probes() {
		none := reidentified(probe, 5, true)
		for _, s := range []struct {
			what string
			in   sdktest.PoolInputs
		}{{"with ordinary states", probe}, {"without an end token in it", none}, {"with all states 50 lower", lifted(none, -50)}, {"with all states 50 higher", lifted(none, 50)}} {
			gradient, err := p.pulls(s.in)
			if err != nil {
				return err
			}
			for n, row := range gradient {
				if len(row) < 2 && s.what == "with ordinary states" || anyPull(row) {
					continue
				}
				p.find(Finding{
					Text:  fmt.Sprintf("row %d, of %d tokens, pools to something that none of its states changes, %s", n, len(row), s.what),
					Cause: "a token is sought that the row may not have (take its last one then), or a clamp or a fill value takes the place of its states",
					Probe: s.in.String(),
				})
				return nil
			}
		}
	}
	p.note = "every row pools to something of its own"
	return nil
}

// tokens asks whether one end of a row is left out while all else is taken.
func (p *pooling) tokens() error {
	rows, first, last := 0, 0, 0
	var probe sdktest.PoolInputs
	for range 4 {
		probe = reidentified(p.batch(4, 5, 3), 5, true)
		gradient, err := p.pulls(probe)
		if err != nil {
			return err
		}
		for _, row := range gradient {
			sizes := make([]float64, len(row))
			for i, state := range row {
				sizes[i] = largest(state)
			}
			rows++
			first += zeroAlone(sizes[0], sizes[1:])
			last += zeroAlone(sizes[len(sizes)-1], sizes[:len(sizes)-1])
		}
	}
	for _, c := range []struct {
		n    int
		what string
	}{{first, "first"}, {last, "last"}} {
		if c.n == rows {
			p.find(Finding{
				Text:  fmt.Sprintf("the %s token of a row never takes part, all others do", c.what),
				Cause: "an index is off by one: a row's tokens are the entries whose Row is its number, and none of them is padding",
				Probe: probe.String(),
			})
		}
	}
	p.note = "every token of a row takes part, or few do"
	return nil
}

// units puts the elements of all states in another order: no element means
// more than another to a pooling.
func (p *pooling) units() error {
	for _, in := range p.probes() {
		base, _, err := p.pool(in)
		if err != nil {
			return err
		}
		turned := in
		turned.Hidden = nil
		for _, states := range in.Hidden {
			var row [][]float64
			for _, state := range states {
				row = append(row, ordered(state, shifted(width)))
			}
			turned.Hidden = append(turned.Hidden, row)
		}
		want := make([][]float64, len(base))
		for n, row := range base {
			want[n] = ordered(row, shifted(width))
		}
		ok, err := p.compare("with the elements of every state in another order", "a reduction or running sum goes along the elements of a state (axis 1) instead of along a row's tokens", want, in, turned, identity(len(base)))
		if !ok || err != nil {
			return err
		}
	}
	p.note = "elements of a state in any order"
	return nil
}

// pulls is the gradient of the pooled rows by every state of theirs.
func (p *pooling) pulls(in sdktest.PoolInputs) ([][][]float64, error) {
	if p.run.late() {
		return nil, errLate
	}
	summed, total := p.p.Summed()
	e, err := summed.Evaluate(in.Arguments())
	if err != nil {
		return nil, fmt.Errorf("cannot be run: %w\n  batch   %v", err, in)
	}
	gradient := e.Gradient(map[int][]float64{total: {1}})["hidden"]
	if gradient == nil {
		gradient = make([]float64, len(in.Arguments().Inputs["hidden"].Data))
	}
	return in.Unpacked(gradient), nil
}

func anyPull(row [][]float64) bool {
	for _, state := range row {
		if anyNonZero(state) {
			return true
		}
	}
	return false
}

// lifted has every state moved by a number.
func lifted(in sdktest.PoolInputs, by float64) sdktest.PoolInputs {
	out := in
	out.Hidden = nil
	for _, states := range in.Hidden {
		var row [][]float64
		for _, state := range states {
			row = append(row, applied(state, true, func(x float64) float64 { return x + by }))
		}
		out.Hidden = append(out.Hidden, row)
	}
	return out
}
