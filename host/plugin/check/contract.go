package check

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"llmhost/host/plugin"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

var load = &Check{
	Name: "load",
	Doc:  "the static gate, the start, and two instances that describe themselves alike",
	Run:  describeTwice,
}

// describeTwice asks two fresh instances for the descriptor.
func describeTwice(t *Trial) error {
	ctx, p := t.Context(), t.Plugin
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
	t.Note = fmt.Sprintf("%d components, described twice", len(p.Components))
	if at := parts(first, second); at >= 0 {
		t.Find(Finding{
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

var parameters = &Check{
	Name: "parameters",
	Doc:  "defaults, every choice, every bound accepted; what lies beyond a bound, another type and an unknown name refused",
	Run:  configured,
}

// configured has the plugin configure every variant, and values that are not
// allowed: those the host refuses before the plugin sees them.
func configured(t *Trial) error {
	c := t.Component
	all := t.session.variants(c)
	for _, v := range all {
		if t.Late() {
			return ErrLate
		}
		if err := t.accepts(v.Params); err != nil {
			t.Find(Finding{
				Text:  "refuses parameters within its own bounds: " + err.Error(),
				Cause: "its Validate is stricter than min, max and choices say; narrow those",
			})
		}
	}
	if _, err := c.Settle(map[string]plugin.Given{unknownName: {Value: 1}}); err == nil {
		t.Find(Finding{Text: fmt.Sprintf("a parameter %s that nobody declared was accepted", unknownName)})
	}
	if err := c.Reconfigure(t.Context(), map[string]any{unknownName: 1}); err == nil {
		t.Find(Finding{Warning: true, Text: fmt.Sprintf("leaves it to the host to refuse a parameter that it has not, such as %s", unknownName)})
	}
	for _, p := range c.Params {
		t.outside(p)
	}
	if err := t.session.known(slices.Sorted(maps.Keys(t.Allow))...); err != nil {
		t.Find(Finding{Text: "allows what is not looked at: " + err.Error(), Cause: "a key of Allow is the name of a check, as llmhost plugins check --list has it"})
	}
	t.Note = fmt.Sprintf("%d parameters, %d settings accepted", len(c.Params), len(all))
	return nil
}

// accepts is an error where host or plugin refuse parameters.
func (t *Trial) accepts(params map[string]any) error {
	given := map[string]plugin.Given{}
	for name, value := range params {
		given[name] = plugin.Given{Value: value}
	}
	values, err := t.Component.Settle(given)
	if err != nil {
		return err
	}
	return t.Component.Reconfigure(t.Context(), values)
}

// unknownName is no parameter of anybody's.
const unknownName = "no_such_parameter"

// outside offers values beyond a parameter's declaration.
func (t *Trial) outside(p sdk.Param) {
	ctx, c := t.Context(), t.Component
	var lax []string
	for _, v := range unfit(p) {
		if _, err := c.Settle(map[string]plugin.Given{p.Name: {Value: v}}); err == nil {
			t.Find(Finding{Text: fmt.Sprintf("%s = %v is outside of what its declaration allows, and was accepted", p.Name, v)})
		}
		var refusal *plugin.Error
		if err := c.Reconfigure(ctx, map[string]any{p.Name: v}); err == nil {
			lax = append(lax, fmt.Sprint(v))
		} else if !errors.As(err, &refusal) {
			t.Find(Finding{Text: fmt.Sprintf("%s = %v does not end in an error of its own, but in: %v", p.Name, v, err)})
		}
	}
	if len(lax) > 0 {
		t.Find(Finding{Warning: true, Text: fmt.Sprintf("leaves it to the host to refuse %s = %s", p.Name, strings.Join(lax, ", "))})
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

var trace = &Check{
	Name: "trace",
	Doc:  "many traces in two instances are one program, which can be read at every bound too",
	Run:  traced,
}

// traced traces the subject and keeps its program.
func traced(t *Trial) error {
	found, err := t.trace()
	var refusal *plugin.Error
	if t.Setting&Given != 0 && errors.As(err, &refusal) && refusal.Code == sdk.CodeInvalidConfig {
		return nil // the check of parameters has said so, or they do not go together
	}
	if err != nil {
		return err
	}
	t.Subject.Trace = found
	t.Allow = found.Allow
	t.Program = &sdktest.Traced{Program: found.Program, Places: found.Locations}
	t.Note = fmt.Sprintf("%d settings, %d nodes, reads %v", len(t.session.settings(t.Component)), len(found.Nodes), found.InputNames())
	return nil
}

// tracesInOne is how often one instance traces. A map of a few entries keeps its
// order in more than half of its walks.
const tracesInOne = 24

// trace traces the component. Under the defaults it traces often enough, in two
// instances, that a map's order would show.
func (t *Trial) trace() (*plugin.Trace, error) {
	if t.Setting&Given != 0 {
		return t.Retrace(t.Params)
	}
	ctx, c := t.Context(), t.Component
	first, err := c.Retrace(ctx, nil, tracesInOne)
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
			t.Find(Finding{
				Text:  fmt.Sprintf("trace %d gives another program than the first: %s against %s", i+2, around(other, at), around(first[0], at)),
				Cause: "Trace depends on a map's order, the time, a random number or on what an earlier trace left behind",
			})
			break
		}
	}
	return c.ReadTrace(first[0])
}

// ParamText writes parameters as "a = 1, b = x".
func ParamText(values map[string]any) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, fmt.Sprintf("%s = %v", name, values[name]))
	}
	return strings.Join(parts, ", ")
}
