package check

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"llmhost/host/plugin"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// effect is what a program computes under one set of parameters.
type effect struct {
	parts   map[string][]float64 // of each term: its part of the loss, batch by batch
	numbers []float64            // everything that a host reads
}

// effectOf runs the program of some parameters over batches that are the same
// for all of them as long as they read the same inputs.
func (s *scope) effectOf(ctx context.Context, c *plugin.Component, values map[string]any, k knowledge) (*effect, error) {
	trace, err := s.traceOf(ctx, c, values)
	if err != nil {
		return nil, err
	}
	p := &sdktest.Traced{Program: trace.Program, Places: trace.Locations}
	l := &loss{scope: s, p: p, draw: newDrawer(p, k)}
	out := &effect{parts: map[string][]float64{}}
	for _, size := range sizes {
		if err := l.measure(l.draw.batch(size[0], size[1], size[2]), out); err != nil {
			return nil, err
		}
	}
	ordinary := maps.Clone(out.parts) // strange batches show an effect, but no proportion
	for _, scene := range scenes {
		if err := l.measure(scene.make(l), out); err != nil {
			return nil, err
		}
	}
	if len(p.States) > 0 {
		if err := l.levels(out); err != nil {
			return nil, err
		}
	}
	out.parts = ordinary
	return out, nil
}

// levels adds batches in which the model is by about as much everywhere above
// its reference: a state may follow that within narrow bounds, of unknown size.
func (l *loss) levels(to *effect) error {
	for level := 0.02; level < 200; level *= 1.3 {
		in := l.draw.batch(2, 2, 3)
		at := func(float64) float64 { return level }
		in.RefLogps = applied3(in.Logps, func(x float64) float64 { return x - level })
		in.Rewards, in.ReverseKL, in.ForwardKL = applied2(in.Rewards, at), applied3(in.ReverseKL, at), applied3(in.ForwardKL, at)
		if err := l.measure(in, to); err != nil {
			return err
		}
	}
	return nil
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
	}
	for _, f := range l.results() {
		to.numbers = append(to.numbers, e.Number(f.value))
	}
	to.numbers = append(append(to.numbers, e.Loss()), l.termGradient(in, e, e.LossSeeds())...)
	return nil
}

// idle says whether two programs compute the same for all that was tried.
func idle(a, b *effect) bool {
	return len(a.numbers) == len(b.numbers) && len(a.parts) == len(b.parts) && sameAll(a.numbers, b.numbers)
}

// proportions looks at a parameter that is doubled: whether it was multiplied
// in twice, or the wrong way round.
func (s *scope) proportions(ctx context.Context, c *plugin.Component, p sdk.Param, k knowledge) error {
	d, _ := p.Default.(float64)
	double, err := p.Accept(2 * d)
	if c.Kind != plugin.Loss || d == 0 || err != nil {
		return nil
	}
	once, err := s.effectOf(ctx, c, nil, k)
	if err != nil {
		return nil // another check's business
	}
	twice, err := s.effectOf(ctx, c, map[string]any{p.Name: double}, k)
	if err != nil {
		return nil
	}
	for name, was := range once.parts {
		is := twice.parts[name]
		if len(is) != len(was) || largest(was) < 1e-9 {
			continue
		}
		f := Finding{Text: fmt.Sprintf("with %s twice as large, term %s goes from %s to %s", p.Name, name, listed(was), listed(is))}
		switch {
		case proportional(was, is, 4):
			f.Text += ": four times as much on every batch"
			f.Cause = "the parameter is multiplied in twice, as the term's Coefficient and in its Sum"
		case isWeightName(p.Name) && proportional(was, is, 0.5):
			f.Text += ": half as much on every batch"
			f.Cause = "the parameter is multiplied into the Count instead of the Sum; the term's Coefficient is the place for a weight"
		case d > 0 && strings.Contains(p.Name, "margin") && falls(was, is):
			f.Text += ": less, although more is asked"
			f.Cause = "the margin has the wrong sign: it is subtracted from the gap that it is asked of"
		default:
			continue
		}
		s.find(f)
	}
	return nil
}

func isWeightName(name string) bool {
	return strings.Contains(name, "weight") || strings.Contains(name, "coef")
}

// proportional says whether is = factor · was throughout.
func proportional(was, is []float64, factor float64) bool {
	for i, v := range was {
		if !same(factor*v, is[i]) {
			return false
		}
	}
	return true
}

// falls says whether nothing rose and something fell.
func falls(was, is []float64) bool {
	fell := false
	for i, v := range was {
		if is[i] > v && !same(v, is[i]) {
			return false
		}
		fell = fell || is[i] < v && !same(v, is[i])
	}
	return fell
}

// coefficients asks whether each term counts under some parameters at least.
func (s *scope) coefficients(ctx context.Context, c *plugin.Component) error {
	if c.Kind != plugin.Loss {
		return nil
	}
	settings := s.run.variants(ctx, c)
	for _, p := range c.Params {
		for _, v := range s.run.others(ctx, c, p) {
			settings = append(settings, variant{values: map[string]any{p.Name: v}})
		}
	}
	idle, counts := []string{}, map[string]bool{}
	for i, v := range settings {
		if i > 0 && len(idle) == 0 {
			break
		}
		p, err := s.traceOf(ctx, c, v.values)
		if err != nil {
			continue // another check's business
		}
		for _, t := range p.Terms {
			if i == 0 && t.Coefficient == 0 {
				idle = append(idle, t.Name)
			}
			counts[t.Name] = counts[t.Name] || t.Coefficient != 0
		}
	}
	for _, name := range idle {
		if !counts[name] {
			s.find(Finding{
				Text:  fmt.Sprintf("term %s has the coefficient 0, whatever the parameters: nothing of it is learned", name),
				Cause: "Coefficient was left out of the sdk.Term, and 0 is what Go fills in; write Coefficient: 1, or report the term as a metric",
			})
		}
	}
	return nil
}
