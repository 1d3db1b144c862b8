// Package loss has the checks of losses, which run a loss's program on generated
// batches. All lists them in the order of a report; each is in a file with what
// it needs. What the checks of one loss share is in this file, what its columns
// hold in columns.go, and how batches are drawn and changed in draw.go and
// change.go.
package loss

import (
	"fmt"

	"llmhost/host/plugin/check"
	"llmhost/sdk/op"
	"llmhost/sdk/sdktest"
)

// unusual excepts the settings under which a loss may no longer do what it is
// for: at a bound, or with several parameters at once. Checks that hold whatever
// the parameters are run there too.
const unusual = check.Bound | check.Several

// All are the checks of a loss, in the order of a report.
var All = []*check.Check{
	{Name: "padding", Doc: "more padding label positions and candidates change neither figures nor gradients nor updated states",
		Run: on((*loss).padding)},
	{Name: "order", Doc: "neither does reordering prompts, or candidates whose scores differ; a metric may depend on the candidates' order",
		Run: on((*loss).order)},
	{Name: "cuts", Doc: "the sums and counts of the prompts one by one, with the means of the step held, add up to those of the batch",
		Run: on((*loss).cuts)},
	{Name: "finite", Doc: "finite in float32 when the model is certain or clueless, rewards or KLs are large, scores are equal or 0, labels are missing",
		Run: on((*loss).finite)},
	{Name: "gradient", Doc: "gradients match central differences in float64, to 1e-6",
		Run: on((*loss).gradient)},
	{Name: "detach", Doc: "what is detached does not contribute to the slope; a loss with an intended constant says so with Allow",
		Except: check.Several, Run: on((*loss).detach)}, // what is constant under several settings is so on purpose
	{Name: "jumps", Doc: "terms do not jump where the model hardly changes",
		Except: unusual, Run: on((*loss).jumps)},
	{Name: "zeros", Doc: "a log-probability, reward, KL or score of exactly 0 is not treated as padding",
		Except: unusual, Run: on((*loss).zeros)},
	{Name: "learns", Doc: "every term has a gradient to the model",
		Except: unusual, Run: on((*loss).learns)},
	{Name: "states", Doc: "every state changes as training goes on, without running away, and something reads it",
		Except: unusual, Run: on((*loss).states)},
	{Name: "inputs", Doc: "everything read from data, a reference, a state or the score head changes something",
		Except: unusual, Run: on((*loss).inputs)},
	{Name: "tokens", Doc: "every label token of an answer counts, and as much as its neighbours",
		Except: unusual, Run: on((*loss).tokens)},
	{Name: "lengths", Doc: "answers are weighted by their number of tokens, not by one more or less, and better ones the same way as worse ones",
		Except: unusual, Run: on((*loss).lengths)},
	{Name: "floor", Doc: "the gradient does not vanish where the model is most wrong",
		Except: unusual, Run: on((*loss).floor)},
	{Name: "bounded", Doc: "no term falls without end; what data asks for, as in a policy gradient, is a note",
		Except: unusual, Run: on((*loss).bounded)},
	{Name: "direction", Doc: "better candidates, plain answers and labels' classes are pushed up, whatever the sign of scores",
		Except: unusual, Run: on((*loss).direction)},
	{Name: "labels", Doc: "the logits of a head are trained on the label of that head",
		Except: unusual, Run: on((*loss).labels)},
	{Name: "scores", Doc: "ranking terms follow any finite score, and equal scores rank nothing",
		Except: unusual, Run: on((*loss).scores)},
	{Name: "reference", Doc: "the reference is subtracted, in the same way from every candidate and token, and with the model's coefficient",
		Except: unusual, Run: on((*loss).reference)},
	{Name: "counts", Doc: "counts are never negative, and 0 only where the sum is; either all terms have one or none does",
		Run: on((*loss).counts)},
	{Name: "weights", Doc: "three times the weight column gives three times the sum; one that reaches some terms alone is a note",
		Run: on((*loss).weights)},
	{Name: "unlabelled", Doc: "prompts without a class count for nothing",
		Run: on((*loss).unlabelled)},
	{Name: "twice", Doc: "no term is a combination of others",
		Except: unusual | check.Text, Run: on((*loss).twice)}, // a user who lists two terms wants both
	{Name: "metrics", Doc: "accuracies, shares, perplexities, margins are what their names say",
		Run: on((*loss).metrics)},
	{Name: "alone", Doc: "a prompt alone in its step gives finite numbers, and teaches if it does so among others; that it does not is a note",
		Except: unusual, Run: on((*loss).alone)},
	{Name: "settings", Doc: "every parameter changes something, by itself or together with others; a weight once and in the right direction, none in a count; every term counts under some parameters",
		Except: check.Given, Run: on((*loss).settings)},
}

// loss is a loss under one set of parameters, as its checks see it.
type loss struct {
	*check.Trial
	p      *sdktest.Traced
	draw   *drawer
	probes []sdktest.Inputs // of several sizes, one with columns below 0
}

// batches are what the checks of a loss under one set of parameters share.
type batches struct {
	draw   *drawer
	probes []sdktest.Inputs
}

// sizes of the probes: prompts, candidates, label tokens.
var sizes = [][3]int{{1, 1, 1}, {2, 3, 4}, {3, 4, 2}, {4, 2, 6}}

// on turns a method into a check.
func on(ask func(l *loss) error) func(*check.Trial) error {
	return func(t *check.Trial) error {
		shared := check.Kept(t, t.Subject, func() batches { return newBatches(t) })
		return ask(&loss{
			Trial:  t,
			p:      t.Program,
			draw:   shared.draw,
			probes: shared.probes,
		})
	}
}

func newBatches(t *check.Trial) batches {
	b := batches{draw: newDrawer(t, t.Trace)}
	b.draw.reachStates(t.Program)
	for _, size := range sizes {
		b.probes = append(b.probes, b.draw.batch(size[0], size[1], size[2]))
	}
	b.probes = append(b.probes, below(b.draw, b.draw.batch(3, 4, 3)))
	return b
}

// sizes are the batch sizes of slow checks: all under the defaults, two under
// other parameters.
func (l *loss) sizes() [][3]int {
	if l.Setting&check.Given != 0 {
		return sizes[1:3]
	}
	return sizes
}

// evaluate runs the program over a batch in float64.
func (l *loss) evaluate(in sdktest.Inputs) (*sdktest.Evaluation, error) {
	a, err := in.Arguments()
	if err != nil {
		return nil, err
	}
	return l.evaluateOn(in, a)
}

// evaluateOn runs the program on a batch already laid out as a.
func (l *loss) evaluateOn(in sdktest.Inputs, a sdktest.Arguments) (*sdktest.Evaluation, error) {
	if l.Late() {
		return nil, check.ErrLate
	}
	e, err := l.p.Evaluate(a)
	if err != nil {
		return nil, cannotRun(in, err)
	}
	return e, nil
}

// cannotRun is an error that only shows when the program runs.
func cannotRun(in sdktest.Inputs, err error) error {
	return fmt.Errorf("cannot be run: %w\n  batch   %v", err, in)
}

// report makes the first of the faults a finding, and returns whether there is
// one.
func (l *loss) report(in sdktest.Inputs, faults []sdktest.Fault) bool {
	if len(faults) == 0 {
		return false
	}
	f := faults[0]
	l.Find(check.Finding{
		Text:   f.Text,
		Cause:  f.Cause,
		Places: l.Places(f.At),
		Probe:  l.show(in),
	})
	return true
}

// show formats a batch for a finding, without what the loss does not read.
func (l *loss) show(in sdktest.Inputs) string {
	if !l.draw.reads("ref.logps") {
		in.RefLogps = nil
	}
	return in.String()
}

// from reports whether value v is computed from an input for which pick is
// true.
func (l *loss) from(v int, pick func(op.Input) bool) bool {
	reached := l.p.Reach(v)
	for i, input := range l.p.Inputs {
		if reached[i] && pick(input) {
			return true
		}
	}
	return false
}

// fromInput reports whether value v is computed from the input of that name.
func (l *loss) fromInput(v int, name string) bool {
	return l.from(v, func(i op.Input) bool { return i.Name == name })
}

// used is the part of the gradient of seeds over a batch that a host uses.
func used(in sdktest.Inputs, e *sdktest.Evaluation, seeds map[int][]float64) []float64 {
	return in.Used(e.Gradient(seeds))
}

// bySum is the seed whose gradient is that of a sum.
func bySum(sum int) map[int][]float64 { return map[int][]float64{sum: {1}} }

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
