package check

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"llmhost/host/plugin"
	"llmhost/sdk"
)

// variant is a set of parameters that a component is checked under.
type variant struct {
	values map[string]any // nil for the defaults
	edge   bool           // a parameter stands at a bound, where a loss may well be degenerate
	mixed  bool           // several parameters together
	word   bool           // a text is not its default
}

// skips says whether a check of a loss is not asked of a variant. What a loss is
// for it may not be for any more at a bound or under several parameters at once,
// what is held constant under those is held so on purpose, and who lists two
// terms by a text wants both.
func (v variant) skips(name string, always bool) bool {
	return (v.edge || v.mixed) && !always || v.mixed && name == "detach" || v.word && name == "twice"
}

// variants are the defaults, every choice and flag once, every text that the
// doc gives as an example, every bound once, and 0 where a number has no bound
// below it.
func (r *run) variants(ctx context.Context, c *plugin.Component) []variant {
	all := []variant{{}}
	add := func(p sdk.Param, v any, edge bool) {
		if v != p.Default {
			all = append(all, variant{values: map[string]any{p.Name: v}, edge: edge, word: p.Type == sdk.StringParam && p.Choices == nil})
		}
	}
	for _, p := range c.Params {
		for _, v := range r.discrete(ctx, c, p) {
			add(p, v, false)
		}
		for _, bound := range bounds(p) {
			if v, err := p.Accept(bound); err == nil {
				add(p, v, true)
			}
		}
	}
	return all
}

// discrete are the values of a parameter that is no number.
func (r *run) discrete(ctx context.Context, c *plugin.Component, p sdk.Param) []any {
	var all []any
	for _, choice := range p.Choices {
		all = append(all, choice)
	}
	switch {
	case p.Type == sdk.BoolParam:
		all = append(all, p.Default != true)
	case p.Type == sdk.StringParam && p.Choices == nil:
		for _, text := range r.spoken(ctx, c, p) {
			all = append(all, text)
		}
	}
	return all
}

// bounds are the smallest and largest numbers that a parameter may be. Without
// a declared smallest one it is 0 that authors forget: a temperature of 0 is
// allowed, and divides.
func bounds(p sdk.Param) []float64 {
	var all []float64
	number := p.Type == sdk.FloatParam || p.Type == sdk.IntParam
	switch {
	case p.Min != nil:
		all = append(all, *p.Min)
	case number:
		all = append(all, 0)
	}
	if p.Max != nil {
		all = append(all, *p.Max)
	}
	return all
}

// mostMixed is how many variants of several parameters are tried.
const mostMixed = 20

// mixed are variants in which all that is off by default is on, such as a weight
// of 0: by itself, with each choice, text and flag, and with each two of those.
func (r *run) mixed(ctx context.Context, c *plugin.Component) []variant {
	on := map[string]any{}
	var single, pairs []variant
	for _, p := range c.Params {
		if v, off := switchedOn(p); off {
			on[p.Name] = v
		}
		for _, v := range r.discrete(ctx, c, p) {
			if v != p.Default {
				single = append(single, variant{values: map[string]any{p.Name: v}, word: p.Type == sdk.StringParam && p.Choices == nil})
			}
		}
	}
	for i, a := range single {
		for _, b := range single[:i] {
			if both := joined(a.values, b.values); len(both) == 2 {
				pairs = append(pairs, variant{values: both, word: a.word || b.word})
			}
		}
	}
	if len(on) > 0 {
		pairs = slices.Concat([]variant{{}}, single, pairs)
	}
	for i, v := range pairs {
		pairs[i].values, pairs[i].mixed = joined(on, v.values), true
	}
	return spread(pairs, mostMixed)
}

// switchedOn is a value of a number that is 0 by default, where that is the
// smallest one.
func switchedOn(p sdk.Param) (any, bool) {
	if p.Min == nil || *p.Min != 0 || p.Default != 0.0 {
		return nil, false
	}
	v, err := p.Accept(0.1)
	return v, err == nil
}

// joined has the values of a and b, and b's where both have one.
func joined(a, b map[string]any) map[string]any {
	all := map[string]any{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// spread are at most n of a list, evenly far from each other.
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

// mostWords is how many words of a doc are tried.
const mostWords = 24

// spelled are the words of a doc, with the signs that lists have inside.
var spelled = regexp.MustCompile(`[\pL\pN_][\pL\pN_=,.|+-]*`)

// spoken are values of a text without choices, going by what its doc says. Where
// the plugin does not take just any text they are the words that it takes and
// lists of them, else what the doc gives as a list.
func (r *run) spoken(ctx context.Context, c *plugin.Component, p sdk.Param) []string {
	key := string(c.Kind) + " " + c.Name + " " + p.Name
	if have, asked := r.texts[key]; asked {
		return have
	}
	takes := func(text string) bool {
		return text != p.Default && !r.late() && c.Reconfigure(ctx, map[string]any{p.Name: text}) == nil
	}
	var s []string
	strict := !takes(unknownName)
	for _, word := range wordsOfDoc(p.Doc) {
		if example := strict || strings.ContainsAny(word, "=,"); example && takes(word) {
			s = append(s, word)
		}
	}
	if strict {
		s = append(s, lists(p, s, takes)...)
	}
	if r.texts == nil {
		r.texts = map[string][]string{}
	}
	r.texts[key] = s
	return s
}

// wordsOfDoc are the first different words of a doc.
func wordsOfDoc(doc string) []string {
	var words []string
	for _, word := range spelled.FindAllString(doc, -1) {
		if word = strings.TrimRight(word, ".,=|+-"); !slices.Contains(words, word) && len(words) < mostWords {
			words = append(words, word)
		}
	}
	return words
}

// lists are numbers and lists that a text may be, one of them of two known ones.
func lists(p sdk.Param, known []string, takes func(string) bool) []string {
	texts := []string{"0.5", "0.5,2"}
	if first, _ := p.Default.(string); first != "" && len(known) > 0 {
		texts = append(texts, first+","+known[0])
	}
	return slices.DeleteFunc(texts, func(text string) bool { return slices.Contains(known, text) || !takes(text) })
}
