package check

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"

	"llmhost/host/plugin"
	"llmhost/sdk"
)

// settings asks whether every parameter of a loss or pooling changes its
// program, and whether one that scales the loss does so once.
func (s *scope) settings(ctx context.Context, c *plugin.Component, k knowledge) error {
	tried := 0
	for _, p := range c.Params {
		values := s.run.others(ctx, c, p)
		if len(values) == 0 {
			continue
		}
		tried++
		changed, err := s.changes(ctx, c, p.Name, values, k)
		if err != nil {
			return err
		}
		switch {
		case changed == sameProgram:
			s.find(Finding{
				Warning: p.Type == sdk.StringParam && p.Choices == nil, // its values were guessed
				Text:    fmt.Sprintf("parameter %s changes nothing: the program is the same with %v and with %v, whatever the others", p.Name, p.Default, values),
				Cause:   "Trace does not use the field; use it, or take its tag away",
			})
		case changed == sameNumbers:
			s.find(Finding{
				Text:  fmt.Sprintf("parameter %s changes the program, but nothing that is computed: with %v and with %v all sums, counts and gradients are the same", p.Name, p.Default, values),
				Cause: "it cancels out, as what is added to both sides of a difference does, or stands behind a mask that leaves nothing of it",
			})
		default:
			err = s.proportions(ctx, c, p, k)
		}
		if err != nil {
			return err
		}
	}
	s.note = fmt.Sprintf("%d parameters, each of which matters", tried)
	return s.coefficients(ctx, c)
}

// others are allowed values of a parameter besides its default.
func (r *run) others(ctx context.Context, c *plugin.Component, p sdk.Param) []any {
	var given []any
	switch p.Type {
	case sdk.BoolParam, sdk.StringParam:
		given = r.discrete(ctx, c, p)
	case sdk.FloatParam:
		d, _ := p.Default.(float64)
		given = []any{2 * d, d + 0.5, d - 0.5, d / 2}
	case sdk.IntParam:
		d, _ := p.Default.(int)
		given = []any{d + 1, d - 1, d + 7}
	}
	var allowed []any
	for _, v := range given {
		if v, err := p.Accept(v); err == nil && v != p.Default {
			allowed = append(allowed, v)
		}
	}
	return allowed
}

// change is how much a parameter changes.
type change int

const (
	untried change = iota // the plugin takes no other value, beside whatever
	sameProgram
	sameNumbers // another program that computes the same
	otherNumbers
)

// combinations is how often other parameters are drawn beside one that seems to
// change nothing.
const combinations = 40

// changes says how much a parameter changes under the defaults, beside any
// choice of another one, or beside others that are drawn.
func (s *scope) changes(ctx context.Context, c *plugin.Component, name string, values []any, k knowledge) (change, error) {
	most := untried
	for _, v := range s.run.variants(ctx, c) {
		if _, own := v.values[name]; own || v.edge {
			continue
		}
		changed, err := s.changesBeside(ctx, c, v.values, name, values, k)
		if most = max(most, changed); most == otherNumbers || err != nil {
			return most, err
		}
	}
	rng := rand.New(rand.NewPCG(s.run.options.Seed, 5))
	others := func(p sdk.Param) []any { return s.run.others(ctx, c, p) }
	for range combinations {
		changed, err := s.changesBeside(ctx, c, drawn(rng, c.Params, name, others), name, values, k)
		if most = max(most, changed); most == otherNumbers || err != nil {
			return most, err
		}
	}
	return most, nil
}

// changesBeside says how much a parameter changes beside the given others. The
// plugin may refuse those, for they may not go together.
func (s *scope) changesBeside(ctx context.Context, c *plugin.Component, beside map[string]any, name string, values []any, k knowledge) (change, error) {
	base, err := s.traceOf(ctx, c, beside)
	if err != nil {
		return untried, nil
	}
	most := untried
	for _, value := range values {
		if s.run.late() {
			return otherNumbers, errLate
		}
		with := map[string]any{name: value}
		maps.Copy(with, beside)
		other, err := s.traceOf(ctx, c, with)
		switch {
		case err != nil:
		case other.Digest() == base.Digest():
			most = max(most, sameProgram)
		case s.idle(ctx, c, beside, with, k):
			most = sameNumbers
		default:
			return otherNumbers, nil
		}
	}
	return most, nil
}

// drawn are values of about half of the parameters besides one; others are those
// that each may have.
func drawn(rng *rand.Rand, params []sdk.Param, besides string, others func(p sdk.Param) []any) map[string]any {
	values := map[string]any{}
	for _, p := range params {
		if allowed := others(p); p.Name != besides && len(allowed) > 0 && rng.IntN(2) == 0 {
			values[p.Name] = allowed[rng.IntN(len(allowed))]
		}
	}
	return values
}

// idle says whether a loss computes the same under two sets of parameters.
func (s *scope) idle(ctx context.Context, c *plugin.Component, a, b map[string]any, k knowledge) bool {
	if c.Kind != plugin.Loss {
		return false
	}
	was, err := s.effectOf(ctx, c, a, k)
	if err != nil {
		return false // another check's business
	}
	is, err := s.effectOf(ctx, c, b, k)
	return err == nil && idle(was, is)
}

// traceOf is the program under some parameters.
func (s *scope) traceOf(ctx context.Context, c *plugin.Component, values map[string]any) (*plugin.Trace, error) {
	traces, err := c.Retrace(ctx, values, 1)
	if err != nil {
		return nil, err
	}
	return c.ReadTrace(traces[0])
}
