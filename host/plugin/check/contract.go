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
	Doc:  "the static gate, the start, and the same descriptor from two fresh starts",
	Run:  describeTwice,
}

// describeTwice starts the plugin twice and compares the descriptors.
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
	if at := diverge(first, second); at >= 0 {
		t.Find(Finding{
			Text: fmt.Sprintf(
				"two fresh starts give different descriptors: %s and %s",
				around(first, at),
				around(second, at),
			),
			Cause: "the descriptor depends on map order, the time or a random number; write lists in a fixed order",
		})
	}
	return nil
}

// diverge is the index at which two texts first differ, -1 if they are equal.
func diverge(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// around quotes a little of a text from where it differs from another.
func around(text []byte, at int) string {
	return fmt.Sprintf("%.60q", text[max(0, at-20):])
}

var parameters = &Check{
	Name: "parameters",
	Doc:  "defaults, every choice, every bound and what is between are accepted; values beyond, other types and unknown names are refused",
	Run:  configured,
}

// configured has the plugin configure every variant, and values that are not
// allowed, which the host would refuse before the plugin sees them.
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
		t.Find(Finding{Text: fmt.Sprintf("an undeclared parameter %s was accepted", unknownName)})
	}
	if err := c.Reconfigure(t.Context(), map[string]any{unknownName: 1}); err == nil {
		t.Find(Finding{Warning: true, Text: fmt.Sprintf("leaves it to the host to refuse an undeclared parameter, such as %s", unknownName)})
	}
	for _, p := range c.Params {
		t.outside(p)
	}
	if err := t.session.known(slices.Sorted(maps.Keys(t.Allow))...); err != nil {
		t.Find(Finding{Text: "allows what is not a check: " + err.Error(), Cause: "a key of Allow is the name of a check, as in llmhost plugins check --list"})
	}
	t.Note = fmt.Sprintf("%d parameters, %d settings accepted", len(c.Params), len(all))
	return nil
}

// accepts returns an error if host or plugin refuse parameters.
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

// unknownName is a parameter that no plugin has.
const unknownName = "no_such_parameter"

// outside tries values beyond a parameter's declaration.
func (t *Trial) outside(p sdk.Param) {
	ctx, c := t.Context(), t.Component
	var lax []string
	for _, v := range unfit(p) {
		if _, err := c.Settle(map[string]plugin.Given{p.Name: {Value: v}}); err == nil {
			t.Find(Finding{Text: fmt.Sprintf("%s = %v is outside its declaration, and was accepted", p.Name, v)})
		}
		var refusal *plugin.Error
		if err := c.Reconfigure(ctx, map[string]any{p.Name: v}); err == nil {
			lax = append(lax, fmt.Sprint(v))
		} else if !errors.As(err, &refusal) {
			t.Find(Finding{Text: fmt.Sprintf(
				"%s = %v is not refused with an error of the plugin, but ends in: %v",
				p.Name,
				v,
				err,
			)})
		}
	}
	if len(lax) > 0 {
		t.Find(Finding{Warning: true, Text: fmt.Sprintf(
			"leaves it to the host to refuse %s = %s",
			p.Name,
			strings.Join(lax, ", "),
		)})
	}
}

// unfit are values just outside a parameter's bounds, and of another type.
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
	Doc:  "many traces after two starts give one program, which is also valid at every bound",
	Run:  traced,
}

// traced traces the subject and keeps its program.
func traced(t *Trial) error {
	found, err := t.trace()
	var refusal *plugin.Error
	if t.Setting&Given != 0 && errors.As(err, &refusal) && refusal.Code == sdk.CodeInvalidConfig {
		return nil // reported by the params check, or the values are incompatible
	}
	if err != nil {
		return err
	}
	t.Subject.Trace = found
	t.Allow = found.Allow
	t.Program = &sdktest.Traced{Program: found.Program, Places: found.Locations}
	t.Note = fmt.Sprintf(
		"%d settings, %d nodes, reads %v",
		len(t.session.settings(t.Component)),
		len(found.Nodes),
		found.InputNames(),
	)
	return nil
}

// tracesInOne is the number of traces after one start. A map of a few entries is
// iterated in the same order more than half of the time.
const tracesInOne = 24

// trace traces the component. Under the defaults it traces often enough, after
// two starts, to reveal a dependence on map order.
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
		if at := diverge(first[0], other); at >= 0 {
			t.Find(Finding{
				Text: fmt.Sprintf(
					"trace %d gives another program than the first: %s and %s",
					i+2,
					around(other, at),
					around(first[0], at),
				),
				Cause: "Trace depends on map order, the time, a random number or state left by an earlier trace",
			})
			break
		}
	}
	return c.ReadTrace(first[0])
}

// ParamText formats parameters as "a = 1, b = x".
func ParamText(values map[string]any) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		parts = append(parts, fmt.Sprintf("%s = %v", name, values[name]))
	}
	return strings.Join(parts, ", ")
}
