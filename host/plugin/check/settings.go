package check

import (
	"context"
	"fmt"
	"maps"

	"llmhost/host/plugin"
	"llmhost/sdk"
)

// settings asks whether every parameter of a loss or pooling changes its
// program, and whether one that scales the loss does so once.
func (s *scope) settings(ctx context.Context, c *plugin.Component, k knowledge) error {
	tried := 0
	for _, p := range c.Params {
		values := others(p)
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
				Text:  fmt.Sprintf("parameter %s changes nothing: the program is the same with %v and with %v, whatever the others", p.Name, p.Default, values),
				Cause: "Trace does not use the field; use it, or take its tag away",
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
func others(p sdk.Param) []any {
	var given []any
	switch p.Type {
	case sdk.BoolParam:
		given = []any{p.Default != true}
	case sdk.StringParam:
		for _, choice := range p.Choices {
			given = append(given, choice)
		}
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
	sameProgram change = iota
	sameNumbers        // another program that computes the same
	otherNumbers
)

// changes says how much a parameter changes under the defaults, or beside any
// choice of another one.
func (s *scope) changes(ctx context.Context, c *plugin.Component, name string, values []any, k knowledge) (change, error) {
	most := sameProgram
	for _, v := range variants(c) {
		if _, own := v.values[name]; own || v.edge {
			continue
		}
		base, err := s.canonical(ctx, c, v.values)
		if err != nil {
			return otherNumbers, nil // another check's business
		}
		for _, value := range values {
			if s.run.late() {
				return otherNumbers, errLate
			}
			with := maps.Clone(v.values)
			if with == nil {
				with = map[string]any{}
			}
			with[name] = value
			other, err := s.canonical(ctx, c, with)
			switch {
			case err != nil, other != base && !s.idle(ctx, c, v.values, with, k):
				return otherNumbers, nil
			case other != base:
				most = sameNumbers
			}
		}
	}
	return most, nil
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

// canonical is the program under some parameters.
func (s *scope) canonical(ctx context.Context, c *plugin.Component, values map[string]any) (string, error) {
	traces, err := c.Retrace(ctx, values, 1)
	if err != nil {
		return "", err
	}
	trace, err := c.ReadTrace(traces[0])
	if err != nil {
		return "", err
	}
	return string(trace.Canonical()), nil
}
