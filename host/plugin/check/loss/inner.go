package loss

import (
	"fmt"
	"maps"
	"slices"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// inner compares two values of a number between its bounds: they must make a
// difference to each other, and none that is only one of the counts.
func (l *loss) inner(p sdk.Param) error {
	values := check.Inner(p)
	if len(values) < 2 {
		return nil
	}
	a, err := l.effectOf(map[string]any{p.Name: values[0]})
	if err != nil {
		return ofOthers(err)
	}
	b, err := l.effectOf(map[string]any{p.Name: values[1]})
	if err != nil {
		return ofOthers(err)
	}
	if p.Type == sdk.FloatParam && sdktest.NearAll(a.numbers, b.numbers) {
		return l.onlySwitches(p, a, values)
	}
	l.counted(p, values, a, b)
	return nil
}

// onlySwitches notes a number that has an effect at a bound or its default, but none
// between.
func (l *loss) onlySwitches(p sdk.Param, inside *effect, values []any) error {
	for _, v := range append([]any{p.Default}, boundsOf(p)...) {
		other, err := l.effectOf(map[string]any{p.Name: v})
		if err != nil {
			if err = ofOthers(err); err != nil {
				return err
			}
			continue
		}
		if !sdktest.NearAll(inside.numbers, other.numbers) {
			l.Find(check.Finding{
				Warning: true,
				Text:    fmt.Sprintf("parameter %s is only a switch: %v and %v give the same, and %v does not", p.Name, values[0], values[1], v),
				Cause:   "a fixed number is used where the parameter should be; if it is meant, a flag or a choice says so better",
			})
			return nil
		}
	}
	return nil
}

func boundsOf(p sdk.Param) []any {
	var all []any
	for _, bound := range check.Bounds(p) {
		if v, err := p.Accept(bound); err == nil {
			all = append(all, v)
		}
	}
	return all
}

// counted reports a term whose count a parameter scales.
func (l *loss) counted(p sdk.Param, values []any, a, b *effect) {
	before, _ := values[0].(float64)
	after, _ := values[1].(float64)
	for _, name := range slices.Sorted(maps.Keys(a.counts)) {
		was, is := a.counts[name], b.counts[name]
		factor := ratio(was, is)
		if factor == 0 || sdktest.Near(factor, 1) {
			continue
		}
		own := before != 0 && after != 0 && (sdktest.Near(factor, after/before) || sdktest.Near(factor, before/after))
		l.Find(check.Finding{
			Warning: !own,
			Text: fmt.Sprintf("the count of term %s is %s times as large with %s = %v as with %v on every batch",
				name, sdktest.Numbers(factor), p.Name, values[1], values[0]),
			Cause: "a count says how many things a sum adds up; a parameter in it takes back what it does to the sum, or scales the term: the term's Coefficient is the place for a weight",
		})
		return
	}
}

// ratio is the one between two lists wherever they are not 0, and 0 if it is not the
// same everywhere.
func ratio(was, is []float64) float64 {
	factor := 0.0
	for i, v := range was {
		switch {
		case i >= len(is) || (v == 0) != (is[i] == 0):
			return 0
		case v == 0:
		case factor == 0:
			factor = is[i] / v
		case !sdktest.Near(factor, is[i]/v):
			return 0
		}
	}
	return factor
}
