package check

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"llmhost/host/plugin"
	"llmhost/sdk"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// lossChecks are the checks of a loss, in the order of the report. Those that
// hold at any parameters also run where one stands at a bound; the others ask
// what a loss is for, which at a bound it may not be for any more.
var lossChecks = []struct {
	name   string
	always bool
	run    func(l *loss) error
}{
	{"padding", true, (*loss).padding},
	{"order", true, (*loss).order},
	{"cuts", true, (*loss).cuts},
	{"finite", true, (*loss).finite},
	{"gradient", true, (*loss).gradient},
	{"detach", true, (*loss).detach},
	{"jumps", false, (*loss).jumps},
	{"zeros", false, (*loss).zeros},
	{"learns", false, (*loss).learns},
	{"inputs", false, (*loss).inputs},
	{"tokens", false, (*loss).tokens},
	{"lengths", false, (*loss).lengths},
	{"floor", false, (*loss).floor},
	{"direction", false, (*loss).direction},
	{"scores", false, (*loss).scores},
	{"reference", false, (*loss).reference},
	{"counts", true, (*loss).counts},
	{"weights", true, (*loss).weights},
	{"unlabelled", true, (*loss).unlabelled},
	{"twice", false, (*loss).twice},
	{"metrics", true, (*loss).metrics},
}

// loss is a loss under one set of parameters.
type loss struct {
	*scope
	p      *sdktest.Traced
	draw   *drawer
	probes []sdktest.Inputs // of several sizes
	under  variant
}

// sizes of the probes: prompts, candidates, label tokens.
var sizes = [][3]int{{1, 1, 1}, {2, 3, 4}, {3, 4, 2}, {4, 2, 6}}

// sizes are those of the batches of checks that take long: all under the
// defaults, two under other parameters.
func (l *loss) sizes() [][3]int {
	if l.params != nil {
		return sizes[1:3]
	}
	return sizes
}

// programs traces a loss or pooling under every variant and runs its checks.
func (r *run) programs(ctx context.Context, c *plugin.Component) {
	known := r.learn(ctx, c)
	all := r.variants(ctx, c)
	if c.Kind == plugin.Loss {
		all = append(all, r.mixed(ctx, c)...)
	}
	for _, v := range all {
		var p *sdktest.Traced
		r.finish(&scope{run: r, component: c, check: "trace", params: v.values}, func(s *scope) error {
			trace, err := s.traced(ctx, c, v)
			var refusal *plugin.Error
			if v.values != nil && errors.As(err, &refusal) && refusal.Code == sdk.CodeInvalidConfig {
				return nil // the check of parameters has said so, or they do not go together
			}
			if err != nil {
				return err
			}
			s.note = fmt.Sprintf("%d settings, %d nodes, reads %v", len(all), len(trace.Nodes), trace.Needs())
			p = &sdktest.Traced{Program: trace.Program, Places: trace.Locations}
			return nil
		})
		switch {
		case p == nil:
		case c.Kind == plugin.Pooling:
			r.pooling(c, p, v)
		default:
			r.loss(c, p, known, v)
		}
	}
	r.step(c, "settings", func(s *scope) error { return s.settings(ctx, c, known) })
}

func (r *run) loss(c *plugin.Component, p *sdktest.Traced, known knowledge, v variant) {
	draw := newDrawer(p, known)
	var probes []sdktest.Inputs
	for _, size := range sizes {
		probes = append(probes, draw.batch(size[0], size[1], size[2]))
	}
	probes = append(probes, below(draw, draw.batch(3, 4, 3)))
	for _, check := range lossChecks {
		if v.skips(check.name, check.always) {
			continue
		}
		r.finish(&scope{run: r, component: c, check: check.name, params: v.values}, func(s *scope) error {
			return check.run(&loss{s, p, draw, probes, v})
		})
	}
}

// show writes a batch for a finding, without what the loss does not read.
func (l *loss) show(in sdktest.Inputs) string {
	if !l.draw.reads("ref.logps") {
		in.RefLogps = nil
	}
	return in.String()
}

// below is a batch whose free columns are all below 0, so that the 0 of a
// filler is above them.
func below(d *drawer, in sdktest.Inputs) sdktest.Inputs {
	return withColumn(in, d.free, func(x float64) float64 { return -math.Abs(x) - 0.5 })
}

// evaluate runs the program over a batch in float64.
func (l *loss) evaluate(in sdktest.Inputs) (*sdktest.Evaluation, error) {
	a, err := in.Arguments()
	if err != nil {
		return nil, err
	}
	return l.run1(in, a)
}

// evaluateWithin runs the program over a part of the batch that whole is of.
func (l *loss) evaluateWithin(whole *sdktest.Evaluation, in sdktest.Inputs) (*sdktest.Evaluation, error) {
	a, err := in.Arguments()
	if err != nil {
		return nil, err
	}
	a.Held = whole.GlobalMeans()
	return l.run1(in, a)
}

// run1 runs the program; an error that shows only when it runs is a finding,
// and nothing comes back.
func (l *loss) run1(in sdktest.Inputs, a sdktest.Arguments) (*sdktest.Evaluation, error) {
	if l.run.late() {
		return nil, errLate
	}
	e, err := l.p.Evaluate(a)
	if err != nil {
		return nil, fmt.Errorf("cannot be run: %w\n  batch   %v", err, in)
	}
	return e, nil
}

// figure is a number that a host adds up over batches.
type figure struct {
	name   string // "the sum of term rank"
	value  int
	metric bool // it is only reported
}

// results are the figures, and what states become, which is of a whole step.
func (l *loss) results() []figure {
	all := l.figures()
	for _, s := range l.p.States {
		all = append(all, figure{name: "what state " + s.Name + " becomes", value: s.Update})
	}
	return all
}

func (l *loss) figures() []figure {
	var all []figure
	add := func(name string, sum, count int, metric bool) {
		all = append(all, figure{"the sum of " + name, sum, metric})
		if count != program.None {
			all = append(all, figure{"the count of " + name, count, metric})
		}
	}
	for _, t := range l.p.Terms {
		add("term "+t.Name, t.Sum, t.Count, false)
	}
	for _, m := range l.p.Metrics {
		add("metric "+m.Name, m.Sum, m.Count, true)
	}
	for i, node := range l.p.Nodes {
		if node.Op == "global_mean" {
			add("the mean over the step at "+l.p.Place(len(l.p.Inputs)+i), node.In[0], node.In[1], false)
		}
	}
	return all
}

// reach says which values v is computed from, v included.
func (l *loss) reach(v int) []bool { return reach(l.p, v) }

func reach(p *sdktest.Traced, v int) []bool {
	reached := make([]bool, v+1)
	reached[v] = true
	for i := v; i >= len(p.Inputs); i-- {
		if reached[i] {
			for _, in := range p.Nodes[i-len(p.Inputs)].In {
				reached[in] = true
			}
		}
	}
	return reached
}

// from says whether value v is computed from an input for which pick is true.
func (l *loss) from(v int, pick func(op.Input) bool) bool {
	for i, reached := range l.reach(v)[:min(v+1, len(l.p.Inputs))] {
		if reached && pick(l.p.Inputs[i]) {
			return true
		}
	}
	return false
}

// termGradient is the gradient of a term's sum at the places that a host has a
// use for: nil elements of policy.logps without a label are left out.
func (l *loss) termGradient(in sdktest.Inputs, e *sdktest.Evaluation, seed map[int][]float64) []float64 {
	gradient := e.Gradient(seed)
	var all []float64
	for _, name := range slices.Sorted(maps.Keys(gradient)) {
		switch name {
		case "policy.logps", "kl.reverse", "kl.forward":
			for _, prompt := range in.Unpadded(gradient[name]) {
				all = append(all, slices.Concat(prompt...)...)
			}
		case "rewards":
			width := len(gradient[name]) / len(in.Rewards)
			for b, prompt := range in.Rewards {
				all = append(all, gradient[name][b*width:b*width+len(prompt)]...)
			}
		default:
			all = append(all, gradient[name]...)
		}
	}
	return all
}

// perCandidate sums the gradient over each candidate's tokens.
func perCandidate(gradient [][][]float64) [][]float64 {
	out := make([][]float64, len(gradient))
	for b, prompt := range gradient {
		for _, row := range prompt {
			total := 0.0
			for _, g := range row {
				total += g
			}
			out[b] = append(out[b], total)
		}
	}
	return out
}
