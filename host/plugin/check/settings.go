package check

import (
	"fmt"
	"maps"

	"llmhost/host/plugin"
	"llmhost/sdk"
)

// effect is how much a parameter changes.
type effect int

const (
	untried effect = iota // the plugin accepts no other value, with any others
	sameProgram
	sameNumbers // another program that computes the same
	otherNumbers
)

// Idle reports whether a component computes the same under two sets of
// parameters, whose programs differ.
type Idle func(a, b map[string]any) (bool, error)

// Effects checks that every parameter of a loss or pooling changes its program
// and what that computes, with at least some others, and returns those that do.
func (t *Trial) Effects(idle Idle) (matter []sdk.Param, err error) {
	tried := 0
	for _, p := range t.Component.Params {
		values := t.Values(p)
		if len(values) == 0 {
			continue
		}
		tried++
		most, err := t.effect(p.Name, values, idle)
		if err != nil {
			return nil, err
		}
		switch most {
		case sameProgram:
			t.Find(Finding{
				Warning: isText(p), // its values were guessed
				Text: fmt.Sprintf(
					"parameter %s changes nothing: the program is the same with %v and with %v, whatever the others",
					p.Name,
					p.Default,
					values,
				),
				Cause: "Trace does not use the field; use it, or remove its tag",
			})
		case sameNumbers:
			t.Find(Finding{
				Text: fmt.Sprintf(
					"parameter %s changes the program, but nothing that is computed: with %v and with %v all sums, counts and gradients are the same",
					p.Name,
					p.Default,
					values,
				),
				Cause: "it cancels out, as when added to both sides of a difference, or is masked out entirely",
			})
		default:
			matter = append(matter, p)
		}
	}
	t.Note = fmt.Sprintf("%d parameters, each of which matters", tried)
	return matter, nil
}

// effect is the largest one that any of the values has, with any others.
func (t *Trial) effect(name string, values []any, idle Idle) (effect, error) {
	most := untried
	for beside := range t.Beside(name) {
		found, err := t.effectBeside(beside, name, values, idle)
		if most = max(most, found); most == otherNumbers || err != nil {
			return most, err
		}
	}
	return most, nil
}

// effectBeside is that with the given others. The plugin may refuse those, since
// they may be incompatible.
func (t *Trial) effectBeside(beside map[string]any, name string, values []any, idle Idle) (effect, error) {
	base, err := t.Retrace(beside)
	if err != nil {
		return untried, nil
	}
	most := untried
	for _, value := range values {
		if t.Late() {
			return otherNumbers, ErrLate
		}
		with := map[string]any{name: value}
		maps.Copy(with, beside)
		found, err := t.compared(base, beside, with, idle)
		if most = max(most, found); most == otherNumbers || err != nil {
			return most, err
		}
	}
	return most, nil
}

// compared is how the program of some parameters differs from that of others,
// traced as base.
func (t *Trial) compared(base *plugin.Trace, before, after map[string]any, idle Idle) (effect, error) {
	other, err := t.Retrace(after)
	if err != nil {
		return untried, nil // they are incompatible
	}
	if other.Digest() == base.Digest() {
		return sameProgram, nil
	}
	same, err := idle(before, after)
	if same {
		return sameNumbers, err
	}
	return otherNumbers, err
}
