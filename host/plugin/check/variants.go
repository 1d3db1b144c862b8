package check

import (
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"llmhost/host/plugin"
	"llmhost/sdk"
)

// Setting is a set of flags for what is special about the parameters that a
// component is checked under.
type Setting uint8

// What may be special about parameters.
const (
	Bound   Setting = 1 << iota // a number is at its minimum or maximum, where a loss may well be degenerate
	Several                     // all that is off by default is on, perhaps with more
	Text                        // a string is not its default
	Number                      // a number is between its bounds and not its default
	Given                       // one is not its default; a check that excepts this is run once, after all others
)

// Variant is a set of parameters that a component is checked under.
type Variant struct {
	Params  map[string]any // nil for the defaults
	Setting Setting
}

func variantOf(params map[string]any, setting Setting) Variant {
	return Variant{params, setting | Given}
}

// settings are the variants under which a component is checked, the defaults
// first.
func (s *session) settings(c *plugin.Component) []Variant {
	all := slices.Concat(s.variants(c), s.ofTasks(c))
	if c.Kind == plugin.Loss {
		return slices.Concat(all, s.several(c))
	}
	return all
}

// ofTasks are what the plugin's tasks have as defaults for a component's parameters.
func (s *session) ofTasks(c *plugin.Component) (all []Variant) {
	for _, task := range s.assembled(c.Plugin) {
		if !slices.Contains(task.Components(), c) {
			continue
		}
		params := map[string]any{}
		for _, p := range c.Params {
			if v, err := p.Accept(task.Defaults[p.Name]); err == nil && v != p.Default {
				params[p.Name] = v
			}
		}
		if len(params) > 0 {
			all = append(all, variantOf(params, 0))
		}
	}
	return all
}

// variants are the defaults, every choice and flag once, every string known to be
// accepted, every bound once, 0 for a number without a minimum, and some numbers
// between the bounds.
func (s *session) variants(c *plugin.Component) []Variant {
	all := []Variant{{}}
	for _, p := range c.Params {
		for _, v := range s.discrete(c, p) {
			if v != p.Default {
				all = append(all, variantOf(map[string]any{p.Name: v}, textSetting(p)))
			}
		}
		for _, bound := range Bounds(p) {
			if v, err := p.Accept(bound); err == nil && v != p.Default {
				all = append(all, variantOf(map[string]any{p.Name: v}, Bound))
			}
		}
		for _, v := range s.inner(c, p) {
			all = append(all, variantOf(map[string]any{p.Name: v}, Number))
		}
	}
	return all
}

// textSetting is Text for a string parameter without choices.
func textSetting(p sdk.Param) Setting {
	if isText(p) {
		return Text
	}
	return 0
}

func isText(p sdk.Param) bool { return p.Type == sdk.StringParam && p.Choices == nil }

func isNumber(p sdk.Param) bool { return p.Type == sdk.FloatParam || p.Type == sdk.IntParam }

// discrete are the values of a parameter that is not a number.
func (s *session) discrete(c *plugin.Component, p sdk.Param) []any {
	var all []any
	for _, choice := range p.Choices {
		all = append(all, choice)
	}
	if p.Type == sdk.BoolParam {
		all = append(all, p.Default != true)
	}
	if isText(p) {
		for _, text := range s.texts(c, p) {
			all = append(all, text)
		}
	}
	return all
}

// Bounds are the minimum and maximum of a parameter. Without a declared minimum
// it is 0 that authors forget: a temperature of 0 is allowed, and divides.
func Bounds(p sdk.Param) []float64 {
	var all []float64
	switch {
	case p.Min != nil:
		all = append(all, *p.Min)
	case isNumber(p):
		all = append(all, 0)
	}
	if p.Max != nil {
		all = append(all, *p.Max)
	}
	return all
}

// Inner are values of a number between its bounds, on both sides of the default
// where there is room.
func Inner(p sdk.Param) []any {
	if !isNumber(p) {
		return nil
	}
	d := numberOf(p.Default)
	low, high := d-1-math.Abs(d), d+1+math.Abs(d)
	if p.Min != nil {
		low = *p.Min
	} else if d >= 0 {
		low = 0 // a number whose sign nothing limits is hardly meant to change it
	}
	if p.Max != nil {
		high = *p.Max
	}
	var all []any
	for _, x := range []float64{d - 0.6*(d-low), d + 0.4*(high-d), d + 0.75*(high-d)} {
		v, err := p.Accept(rounded(p, x))
		if n := numberOf(v); err == nil && n != d && n > low && n < high && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all[:min(2, len(all))]
}

// inner are those of a component. It may refuse one of a number that is not bounded
// on both sides: what else it wants is in its Validate.
func (s *session) inner(c *plugin.Component, p sdk.Param) []any {
	type of struct {
		component *plugin.Component
		param     string
	}
	return kept(s, of{c, p.Name}, func() []any {
		values := Inner(p)
		if p.Min != nil && p.Max != nil {
			return values
		}
		return slices.DeleteFunc(values, func(v any) bool {
			return s.late() || c.Reconfigure(s.ctx, map[string]any{p.Name: v}) != nil
		})
	})
}

func numberOf(v any) float64 {
	if n, is := v.(int); is {
		return float64(n)
	}
	x, _ := v.(float64)
	return x
}

// rounded is a number with few digits, or a whole one.
func rounded(p sdk.Param, x float64) float64 {
	if p.Type == sdk.IntParam {
		return math.Round(x)
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Max(math.Abs(x), 1e-9)))-1)
	return math.Round(x/unit) * unit
}

// mostSeveral bounds how many variants of several parameters are tried.
const mostSeveral = 20

// several are variants in which everything that is off by default, such as a
// weight of 0, is on: by itself, with each choice, string and flag, and with each
// two of those.
func (s *session) several(c *plugin.Component) []Variant {
	on := switchedOn(c.Params)
	single := s.singles(c)
	all := pairs(single)
	if len(on) > 0 {
		all = slices.Concat([]Variant{{}}, single, all)
	}
	for i, v := range all {
		all[i] = variantOf(joined(on, v.Params), v.Setting|Several)
	}
	return spread(all, mostSeveral)
}

// singles are the variants of one parameter that is not a number.
func (s *session) singles(c *plugin.Component) []Variant {
	var all []Variant
	for _, p := range c.Params {
		for _, v := range s.discrete(c, p) {
			if v != p.Default {
				all = append(all, variantOf(map[string]any{p.Name: v}, textSetting(p)))
			}
		}
	}
	return all
}

// pairs are all pairs of variants of different parameters.
func pairs(single []Variant) []Variant {
	var all []Variant
	for i, a := range single {
		for _, b := range single[:i] {
			if both := joined(a.Params, b.Params); len(both) == 2 {
				all = append(all, variantOf(both, a.Setting|b.Setting))
			}
		}
	}
	return all
}

// switchedOn are values of the numbers whose default is 0 and also the minimum.
func switchedOn(params []sdk.Param) map[string]any {
	on := map[string]any{}
	for _, p := range params {
		if p.Min == nil || *p.Min != 0 || p.Default != 0.0 {
			continue
		}
		if v, err := p.Accept(0.1); err == nil {
			on[p.Name] = v
		}
	}
	return on
}

// joined has the values of a and b, and b's where both have one.
func joined(a, b map[string]any) map[string]any {
	all := map[string]any{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// spread are at most n entries of a list, evenly spaced.
func spread[V any](list []V, n int) []V {
	if len(list) <= n {
		return list
	}
	var out []V
	for i := range n {
		out = append(out, list[i*len(list)/n])
	}
	return out
}

// Values are values of a parameter other than its default.
func (t *Trial) Values(p sdk.Param) []any {
	var given []any
	switch p.Type {
	case sdk.BoolParam, sdk.StringParam:
		given = t.session.discrete(t.Component, p)
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

// combinations is how often other parameters are drawn for one that seems to
// change nothing.
const combinations = 40

// Beside yields parameters to combine one with: the defaults, any choice of
// another one, and then randomly drawn ones.
func (t *Trial) Beside(name string) iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		for _, v := range t.session.variants(t.Component) {
			_, own := v.Params[name]
			if !own && v.Setting&Bound == 0 && !yield(v.Params) {
				return
			}
		}
		rng := rand.New(rand.NewPCG(t.Seed(), 5))
		for range combinations {
			if !yield(t.drawn(rng, name)) {
				return
			}
		}
	}
}

// drawn are values of about half of the parameters except one.
func (t *Trial) drawn(rng *rand.Rand, besides string) map[string]any {
	values := map[string]any{}
	for _, p := range t.Component.Params {
		allowed := t.Values(p)
		if p.Name != besides && len(allowed) > 0 && rng.IntN(2) == 0 {
			values[p.Name] = allowed[rng.IntN(len(allowed))]
		}
	}
	return values
}

// VariantsOf are all settings that a component is tried under.
func (t *Trial) VariantsOf(c *plugin.Component) []Variant { return t.session.settings(c) }

// Variants are the defaults, and parameters of which one is not its default.
func (t *Trial) Variants() []Variant { return t.session.variants(t.Component) }
