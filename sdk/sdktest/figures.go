package sdktest

import (
	"maps"
	"slices"

	"llmhost/sdk/program"
)

// Figure is a number of a program that a host adds up over batches.
type Figure struct {
	Name   string // "the sum of term rank"
	Value  int
	Metric bool // reported only, not learned from
}

// Figures are the sums and counts of terms, of metrics and of means over the step.
func (p *Traced) Figures() []Figure {
	var all []Figure
	add := func(name string, sum, count int, metric bool) {
		all = append(all, Figure{"the sum of " + name, sum, metric})
		if count != program.None {
			all = append(all, Figure{"the count of " + name, count, metric})
		}
	}
	for _, t := range p.Terms {
		add("term "+t.Name, t.Sum, t.Count, false)
	}
	for _, m := range p.Metrics {
		add("metric "+m.Name, m.Sum, m.Count, true)
	}
	for _, g := range p.Globals() {
		add("the mean over the step at "+p.Place(len(p.Inputs)+g.Node), g.Sum, g.Count, false)
	}
	return all
}

// Yields are the figures and the updated states; the latter belong to a whole
// step and do not add up over batches.
func (p *Traced) Yields() []Figure {
	all := p.Figures()
	for _, s := range p.States {
		all = append(all, Figure{Name: "what state " + s.Name + " becomes", Value: s.Update})
	}
	return all
}

// over runs the program over a batch.
func (p *Traced) over(in Inputs) (*Evaluation, error) {
	a, err := in.Arguments()
	if err != nil {
		return nil, err
	}
	return p.Evaluate(a)
}

// Used lists the part of a gradient, as Gradient returns it, that a host uses,
// input by input: positions without a label token or candidate are left out.
func (in Inputs) Used(gradient map[string][]float64) []float64 {
	var all []float64
	byCandidate := in.byCandidate(gradient)
	for _, name := range slices.Sorted(maps.Keys(gradient)) {
		prompts, known := byCandidate[name]
		if !known {
			all = append(all, gradient[name]...)
			continue
		}
		for _, prompt := range prompts {
			all = append(all, slices.Concat(prompt...)...)
		}
	}
	return all
}

// byCandidate are the gradients with an entry for each candidate, by input: one
// number a label token, or a single one.
func (in Inputs) byCandidate(gradient map[string][]float64) map[string][][][]float64 {
	all := map[string][][][]float64{}
	for _, name := range []string{"policy.logps", "policy.vocab_mean_logps", "kl.reverse", "kl.forward"} {
		if g := gradient[name]; g != nil {
			all[name] = in.Unpadded(g)
		}
	}
	if g := gradient["rewards"]; g != nil {
		for _, prompt := range in.unpaddedRewards(g) {
			all["rewards"] = append(all["rewards"], singly(prompt))
		}
	}
	return all
}

// singly wraps each number in a list.
func singly(numbers []float64) [][]float64 {
	out := make([][]float64, len(numbers))
	for i, x := range numbers {
		out[i] = []float64{x}
	}
	return out
}
