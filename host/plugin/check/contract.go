package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"llmhost/host/plugin"
	"llmhost/sdk"
)

// describeTwice asks two fresh instances for the descriptor.
func (s *scope) describeTwice(ctx context.Context, p *plugin.Plugin) error {
	first, err := p.Redescribe(ctx)
	if err != nil {
		return err
	}
	if err := p.Restart(ctx); err != nil {
		return err
	}
	second, err := p.Redescribe(ctx)
	if err != nil {
		return err
	}
	s.note = fmt.Sprintf("%d components, described twice", len(p.Components))
	if at := parts(first, second); at >= 0 {
		s.find(Finding{
			Text:  fmt.Sprintf("two fresh instances describe themselves differently: %s against %s", around(first, at), around(second, at)),
			Cause: "the descriptor is built from a map's order, the time or a random number; write lists in one fixed order",
		})
	}
	return nil
}

// parts is where two texts part, -1 where they are equal.
func parts(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// around quotes a little of a text from where it parts from another.
func around(text []byte, at int) string {
	return fmt.Sprintf("%.60q", text[max(0, at-20):])
}

// parameters has the plugin configure every variant, and values that are not
// allowed: those the host refuses before the plugin sees them.
func (s *scope) parameters(ctx context.Context, c *plugin.Component) error {
	tried := 0
	for _, v := range s.run.variants(ctx, c) {
		if s.run.late() {
			return errLate
		}
		given := map[string]plugin.Given{}
		for name, value := range v.values {
			given[name] = plugin.Given{Value: value}
		}
		values, err := c.Settle(given)
		if err == nil {
			err = c.Reconfigure(ctx, values)
		}
		if err != nil {
			s.find(Finding{Text: "refuses parameters within its own bounds: " + err.Error(), Cause: "its Validate is stricter than min, max and choices say; narrow those", Params: v.values})
		}
		tried++
	}
	if _, err := c.Settle(map[string]plugin.Given{unknownName: {Value: 1}}); err == nil {
		s.find(Finding{Text: fmt.Sprintf("a parameter %s that nobody declared was accepted", unknownName)})
	}
	if err := c.Reconfigure(ctx, map[string]any{unknownName: 1}); err == nil {
		s.find(Finding{Warning: true, Text: fmt.Sprintf("leaves it to the host to refuse a parameter that it has not, such as %s", unknownName)})
	}
	for _, p := range c.Params {
		s.outside(ctx, c, p)
	}
	s.note = fmt.Sprintf("%d parameters, %d settings accepted", len(c.Params), tried)
	return nil
}

// unknownName is no parameter of anybody's.
const unknownName = "no_such_parameter"

// outside offers values beyond a parameter's declaration.
func (s *scope) outside(ctx context.Context, c *plugin.Component, p sdk.Param) {
	var lax []string
	for _, v := range unfit(p) {
		if _, err := c.Settle(map[string]plugin.Given{p.Name: {Value: v}}); err == nil {
			s.find(Finding{Text: fmt.Sprintf("%s = %v is outside of what its declaration allows, and was accepted", p.Name, v)})
		}
		var refusal *plugin.Error
		if err := c.Reconfigure(ctx, map[string]any{p.Name: v}); err == nil {
			lax = append(lax, fmt.Sprint(v))
		} else if !errors.As(err, &refusal) {
			s.find(Finding{Text: fmt.Sprintf("%s = %v does not end in an error of its own, but in: %v", p.Name, v, err)})
		}
	}
	if len(lax) > 0 {
		s.find(Finding{Warning: true, Text: fmt.Sprintf("leaves it to the host to refuse %s = %s", p.Name, strings.Join(lax, ", "))})
	}
}

// unfit are values just outside of a parameter's bounds, and of another type.
func unfit(p sdk.Param) []any {
	var values []any
	beyond := func(bound *float64, away float64) {
		switch {
		case bound == nil:
		case p.Type == sdk.IntParam:
			values = append(values, int(*bound+away))
		default:
			size := math.Max(1, math.Abs(*bound))
			values = append(values, *bound+away*1e-6*size, *bound+away*size)
		}
	}
	beyond(p.Min, -1)
	beyond(p.Max, 1)
	if p.Choices != nil {
		values = append(values, strings.Join(p.Choices, "")+"?")
	}
	switch p.Type {
	case sdk.StringParam:
		values = append(values, true)
	default:
		values = append(values, "a text")
	}
	return values
}

// traced traces a component and reads the trace. Under the defaults it traces
// often enough, in two instances, that a map's order would show.
func (s *scope) traced(ctx context.Context, c *plugin.Component, v variant) (*plugin.Trace, error) {
	if v.values != nil {
		once, err := c.Retrace(ctx, v.values, 1)
		if err != nil {
			return nil, err
		}
		return c.ReadTrace(once[0])
	}
	first, err := c.Retrace(ctx, nil, 8)
	if err != nil {
		return nil, err
	}
	if err := c.Plugin.Restart(ctx); err != nil {
		return nil, err
	}
	second, err := c.Retrace(ctx, nil, 2)
	if err != nil {
		return nil, err
	}
	for i, other := range append(first[1:], second...) {
		if at := parts(first[0], other); at >= 0 {
			s.find(Finding{
				Text:  fmt.Sprintf("trace %d gives another program than the first: %s against %s", i+2, around(other, at), around(first[0], at)),
				Cause: "Trace depends on a map's order, the time, a random number or on what an earlier trace left behind",
			})
			break
		}
	}
	return c.ReadTrace(first[0])
}

// paramText writes parameters as "a = 1, b = x".
func paramText(values map[string]any) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, fmt.Sprintf("%s = %v", name, values[name]))
	}
	return strings.Join(parts, ", ")
}
