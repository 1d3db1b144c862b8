package loss

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// settings checks that every parameter changes what the loss computes, that one
// that scales it does so once, and that every term counts under some
// parameters.
func (l *loss) settings() error {
	matter, err := l.Effects(l.idle)
	if err != nil {
		return err
	}
	for _, p := range matter {
		if err := l.proportions(p); err != nil {
			return err
		}
		if err := l.inner(p); err != nil {
			return err
		}
		if err := l.temperature(p); err != nil {
			return err
		}
	}
	return l.coefficients()
}

// effect is what a program computes under one set of parameters.
type effect struct {
	parts   map[string][]float64 // of each term: its part of the loss, batch by batch
	counts  map[string][]float64 // of each term with one: its count
	numbers []float64            // everything that a host reads
}

// effectOf runs the program of some parameters on batches that are the same for
// all parameters that read the same inputs.
func (l *loss) effectOf(params map[string]any) (*effect, error) {
	trace, err := l.Retrace(params)
	if err != nil {
		return nil, err
	}
	p := &sdktest.Traced{Program: trace.Program, Places: trace.Locations}
	other := &loss{Trial: l.Trial, p: p, draw: newDrawer(l.Trial, trace)}
	out := &effect{parts: map[string][]float64{}, counts: map[string][]float64{}}
	for _, size := range sizes {
		if err := other.measure(other.draw.batch(size[0], size[1], size[2]), out); err != nil {
			return nil, err
		}
	}
	ordinary, counts := maps.Clone(out.parts), maps.Clone(out.counts) // strange batches show an effect, but no proportion
	other.draw.reachStates(p)
	for _, scene := range scenes {
		if err := other.measure(scene.make(other), out); err != nil {
			return nil, err
		}
	}
	if len(p.States) > 0 {
		if err := other.levels(out); err != nil {
			return nil, err
		}
	}
	out.parts, out.counts = ordinary, counts
	return out, nil
}

// levels adds batches in which the model is above its reference by about the
// same amount everywhere: a state may only respond within narrow bounds of
// unknown size.
func (l *loss) levels(to *effect) error {
	for level := 0.02; level < 200; level *= 1.3 {
		if err := l.measure(l.atLevel(level), to); err != nil {
			return err
		}
	}
	return nil
}

// atLevel is a batch in which the model is above its reference by a level.
func (l *loss) atLevel(level float64) sdktest.Inputs {
	in := l.draw.batch(2, 2, 3)
	at := func(float64) float64 { return level }
	in.RefLogps = applied3(in.Logps, func(x float64) float64 { return x - level })
	in.Rewards, in.ReverseKL, in.ForwardKL = applied2(in.Rewards, at), applied3(in.ReverseKL, at), applied3(in.ForwardKL, at)
	return in
}

// measure adds what the program gives for one batch.
func (l *loss) measure(in sdktest.Inputs, to *effect) error {
	e, err := l.evaluate(in)
	if err != nil {
		return err
	}
	for _, t := range l.p.Terms {
		part := t.Coefficient * e.Number(t.Sum)
		if count := e.Number(t.Count); count != 0 {
			part /= count
		}
		to.parts[t.Name] = append(to.parts[t.Name], part)
		if t.Count != program.None {
			to.counts[t.Name] = append(to.counts[t.Name], e.Number(t.Count))
		}
	}
	for _, f := range l.p.Yields() {
		to.numbers = append(to.numbers, e.Number(f.Value))
	}
	to.numbers = append(append(to.numbers, e.Loss()), used(in, e, e.LossSeeds())...)
	return nil
}

// idle reports whether the loss computes the same under two sets of parameters,
// on everything tried.
func (l *loss) idle(one, other map[string]any) (bool, error) {
	a, err := l.effectOf(one)
	if err != nil {
		return false, ofOthers(err)
	}
	b, err := l.effectOf(other)
	if err != nil {
		return false, ofOthers(err)
	}
	return len(a.parts) == len(b.parts) && sdktest.NearAll(a.numbers, b.numbers), nil
}

// ofOthers leaves errors to the check that reports them, except ErrLate.
func ofOthers(err error) error {
	if errors.Is(err, check.ErrLate) {
		return err
	}
	return nil
}

// proportions doubles a parameter to see whether it was multiplied in twice, or
// in the wrong direction.
func (l *loss) proportions(p sdk.Param) error {
	d, _ := p.Default.(float64)
	double, err := p.Accept(2 * d)
	if d == 0 || err != nil {
		return nil
	}
	once, err := l.effectOf(nil)
	if err != nil {
		return ofOthers(err)
	}
	twice, err := l.effectOf(map[string]any{p.Name: double})
	if err != nil {
		return ofOthers(err)
	}
	for name, was := range once.parts {
		is := twice.parts[name]
		if len(is) != len(was) || numbers.Largest(was) < 1e-9 {
			continue
		}
		text, cause := disproportion(p, was, is)
		if text == "" {
			continue
		}
		l.Find(check.Finding{
			Text: fmt.Sprintf(
				"with %s twice as large, term %s goes from %s to %s: %s",
				p.Name,
				name,
				sdktest.Numbers(was...),
				sdktest.Numbers(is...),
				text,
			),
			Cause: cause,
		})
	}
	return nil
}

// temperature doubles a parameter of that name: it divides what is compared.
func (l *loss) temperature(p sdk.Param) error {
	d, _ := p.Default.(float64)
	double, err := p.Accept(2 * d)
	if d <= 0 || err != nil || !strings.Contains(p.Name, "temperature") {
		return nil
	}
	for _, t := range l.p.Terms {
		once, _, err := l.slopesAtZero(t.Name, nil)
		if err != nil {
			return ofOthers(err)
		}
		twice, _, err := l.slopesAtZero(t.Name, map[string]any{p.Name: double})
		if err != nil {
			return ofOthers(err)
		}
		if once > 0 && near(twice, 2*once) == 1 {
			l.Find(check.Finding{
				Text:   fmt.Sprintf("with %s twice as large, the slope of term %s is twice as large, where nothing is decided yet", p.Name, t.Name),
				Cause:  "it is multiplied with what it should divide: a high temperature evens out",
				Places: l.Places(t.Sum),
			})
		}
	}
	return nil
}

// disproportion says what is wrong with how a term changes when a positive or
// negative parameter is doubled, and why; both are "" if nothing is.
func disproportion(p sdk.Param, was, is []float64) (text, cause string) {
	d, _ := p.Default.(float64)
	scales := strings.Contains(p.Name, "weight") || strings.Contains(p.Name, "coef")
	switch {
	case proportional(was, is, 4):
		return "four times as much on every batch", "the parameter is multiplied in twice, as the term's Coefficient and in its Sum"
	case scales && proportional(was, is, 0.5):
		return "half as much on every batch", "the parameter is multiplied into the Count instead of the Sum; the term's Coefficient is the place for a weight"
	case d > 0 && strings.Contains(p.Name, "margin") && falls(was, is):
		return "less, although more is asked", "the margin has the wrong sign: it is subtracted from the gap that it is asked of"
	}
	return "", ""
}

// proportional reports whether is = factor · was everywhere.
func proportional(was, is []float64, factor float64) bool {
	for i, v := range was {
		if !sdktest.Near(factor*v, is[i]) {
			return false
		}
	}
	return true
}

// falls reports whether nothing rose and something fell.
func falls(was, is []float64) bool {
	fell := false
	for i, v := range was {
		if is[i] > v && !sdktest.Near(v, is[i]) {
			return false
		}
		fell = fell || is[i] < v && !sdktest.Near(v, is[i])
	}
	return fell
}

// coefficients checks that each term counts under at least some parameters.
func (l *loss) coefficients() error {
	idle := map[string]bool{} // the terms that never counted so far
	for _, t := range l.p.Terms {
		if t.Coefficient == 0 {
			idle[t.Name] = true
		}
	}
	for params := range l.single() {
		if len(idle) == 0 {
			return nil
		}
		p, err := l.Retrace(params)
		if err != nil {
			continue // another check reports it
		}
		for _, t := range p.Terms {
			if t.Coefficient != 0 {
				delete(idle, t.Name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(idle)) {
		l.Find(check.Finding{
			Text:  fmt.Sprintf("term %s has coefficient 0 whatever the parameters: nothing is learned from it", name),
			Cause: "Coefficient was left out of the sdk.Term, so it is 0; write Coefficient: 1, or report the term as a metric",
		})
	}
	return nil
}

// single yields parameters of which one is not its default.
func (l *loss) single() iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		for _, v := range l.Variants() {
			if !yield(v.Params) {
				return
			}
		}
		for _, p := range l.Component.Params {
			for _, v := range l.Values(p) {
				if !yield(map[string]any{p.Name: v}) {
					return
				}
			}
		}
	}
}
