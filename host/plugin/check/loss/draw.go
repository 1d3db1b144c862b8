package loss

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"llmhost/host/plugin"
	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// drawer generates batches that have what a loss reads.
type drawer struct {
	rng     *rand.Rand
	needs   []string          // the inputs of the program
	columns map[string]column // by input name
	score   string            // the column that orders the candidates, "" if none does
	fixed   int               // candidates of every prompt; 0 for any number
	classes int               // of every classification head

	states []map[string]float64 // that training may reach, in turn; nil is the initial ones
	turn   int
}

// newDrawer draws for a trace of the trial's component.
func newDrawer(t *check.Trial, trace *plugin.Trace) *drawer {
	known := check.Kept(t, t.Component, func() knowledge { return learn(t) })
	d := &drawer{
		rng:     rand.New(rand.NewPCG(t.Seed(), 1)),
		needs:   trace.InputNames(),
		columns: described(trace, known),
		fixed:   known.candidates,
		classes: 3,
	}
	for _, input := range d.needs {
		name, ofCandidates := strings.CutPrefix(input, "column.")
		if ofCandidates && d.score == "" && d.columns[input].role == sdk.ScoreRole {
			d.score = name
		}
	}
	return d
}

// reachStates lets a program change its states over some steps: later batches have
// initial and reached ones in turn, so that a coefficient that begins at 0 does not
// hide a term.
func (d *drawer) reachStates(p *sdktest.Traced) {
	if len(p.States) == 0 {
		return
	}
	run := d.train(p, 12)
	d.states = []map[string]float64{nil}
	for _, step := range []int{0, 3, 11} {
		if step < len(run) {
			d.states = append(d.states, run[step])
		}
	}
}

// settled is the batch with the last states that were reached, so that batches differ
// in nothing else.
func (d *drawer) settled(in sdktest.Inputs) sdktest.Inputs {
	if n := len(d.states); n > 0 {
		in.States = d.states[n-1]
	}
	return in
}

// train are the states after each of some steps; fewer if the program cannot be run.
func (d *drawer) train(p *sdktest.Traced, steps int) (after []map[string]float64) {
	var states map[string]float64
	for range steps {
		in := d.batch(3, 3, 4)
		in.States = states
		a, err := in.Arguments()
		if err != nil {
			return after
		}
		e, err := p.Evaluate(a)
		if err != nil {
			return after
		}
		states = map[string]float64{}
		for _, s := range p.States {
			states[s.Name] = e.Number(s.Update)
		}
		after = append(after, states)
	}
	return after
}

// free reports whether a column may hold any real number.
func (d *drawer) free(input string) bool { return d.columns[input].free() }

// number draws one number of a column.
func (d *drawer) number(input string) float64 { return d.columns[input].number(d.rng) }

// scored reports whether a column orders the candidates: the higher, the
// better.
func (d *drawer) scored() bool { return d.score != "" }

func (d *drawer) reads(input string) bool { return slices.Contains(d.needs, input) }

// batch draws b prompts with up to k candidates of one to t label tokens; the
// first prompt has k and t of them, so that the dimensions are as requested.
func (d *drawer) batch(b, k, t int) sdktest.Inputs {
	lengths := make([][]int, b)
	for i := range lengths {
		n := 1 + d.rng.IntN(k)
		if i == 0 {
			n = k
		}
		for range n {
			lengths[i] = append(lengths[i], 1+d.rng.IntN(t))
		}
	}
	lengths[0][d.rng.IntN(k)] = t
	return d.fill(lengths)
}

// allowed adjusts the number of candidates a prompt to what the data requires.
func (d *drawer) allowed(lengths [][]int) [][]int {
	if d.fixed == 0 {
		return lengths
	}
	out := make([][]int, len(lengths))
	for b, prompt := range lengths {
		for k := range d.fixed {
			out[b] = append(out[b], prompt[k%len(prompt)])
		}
	}
	return out
}

// fill draws all numbers of a batch whose candidates have the given label
// tokens, in as many candidates as the data requires.
func (d *drawer) fill(lengths [][]int) sdktest.Inputs {
	lengths = d.allowed(lengths)
	in := sdktest.Inputs{
		Columns:        map[string][][]float64{},
		ExampleColumns: map[string][]float64{},
		Logits:         map[string][][]float64{},
		Labels:         map[string][]int{},
	}
	for _, prompt := range lengths {
		var logps, reference [][]float64
		for _, n := range prompt {
			own := make([]float64, n)
			other := make([]float64, n)
			for i := range own {
				own[i] = numbers.Rounded(-0.05 - 2.5*d.rng.Float64())
				other[i] = numbers.Rounded(min(own[i]+0.5*d.rng.NormFloat64(), -0.01))
			}
			logps = append(logps, own)
			reference = append(reference, other)
		}
		in.Logps, in.RefLogps = append(in.Logps, logps), append(in.RefLogps, reference)
	}
	if d.states != nil {
		in.States = d.states[d.turn%len(d.states)]
		d.turn++
	}
	for _, name := range d.needs {
		d.column(&in, name, lengths)
		d.ofModel(&in, name, lengths)
	}
	return in
}

// ofModel draws the other inputs that come from the model.
func (d *drawer) ofModel(in *sdktest.Inputs, input string, lengths [][]int) {
	switch input {
	case "rewards":
		for _, prompt := range lengths {
			row := make([]float64, len(prompt))
			for i := range row {
				row[i] = numbers.Rounded(d.rng.NormFloat64())
			}
			in.Rewards = append(in.Rewards, row)
		}
	case "kl.reverse":
		in.ReverseKL = d.tokens(lengths, func(n int) int { return n }, func() float64 { return d.rng.Float64() })
	case "kl.forward":
		in.ForwardKL = d.tokens(lengths, func(n int) int { return n }, func() float64 { return d.rng.Float64() })
	case "policy.vocab_mean_logps":
		in.VocabMeanLogps = d.tokens(lengths, func(n int) int { return n }, func() float64 { return -2 - 3*d.rng.Float64() })
	case "mismatched.policy.logps":
		in.MismatchedLogps = d.tokens(lengths, d.otherLength, func() float64 { return -0.05 - 2.5*d.rng.Float64() })
	case "mismatched.ref.logps":
		in.MismatchedRefLogps = d.tokens(lengths, d.otherLength, func() float64 { return -0.05 - 2.5*d.rng.Float64() })
	}
}

// otherLength is the length of a mismatched answer for one of n tokens.
func (d *drawer) otherLength(n int) int { return 1 + d.rng.IntN(n+2) }

// tokens draws a number for each token of each candidate.
func (d *drawer) tokens(lengths [][]int, length func(n int) int, draw func() float64) [][][]float64 {
	var all [][][]float64
	for _, prompt := range lengths {
		var rows [][]float64
		for _, n := range prompt {
			row := make([]float64, length(n))
			for i := range row {
				row[i] = numbers.Rounded(draw())
			}
			rows = append(rows, row)
		}
		all = append(all, rows)
	}
	return all
}

// column draws what one input reads besides log-probabilities.
func (d *drawer) column(in *sdktest.Inputs, input string, lengths [][]int) {
	kind, name, _ := strings.Cut(input, ".")
	for _, prompt := range lengths {
		switch kind {
		case "column":
			row := make([]float64, len(prompt))
			for i := range row {
				row[i] = d.number(input)
			}
			in.Columns[name] = append(in.Columns[name], row)
		case "example_column":
			in.ExampleColumns[name] = append(in.ExampleColumns[name], d.number(input))
		case "logits":
			row := make([]float64, d.classes)
			for i := range row {
				row[i] = numbers.Rounded(2 * d.rng.NormFloat64())
			}
			in.Logits[name] = append(in.Logits[name], row)
		case "label":
			in.Labels[name] = append(in.Labels[name], d.rng.IntN(d.classes))
		}
	}
}

// readsKind reports whether an input of the kind is read, such as "column".
func (d *drawer) readsKind(kind string) bool {
	for _, name := range d.needs {
		if strings.HasPrefix(name, kind+".") {
			return true
		}
	}
	return false
}

// below is a batch whose free columns are all negative, so that the 0 of
// padding is above them.
func below(d *drawer, in sdktest.Inputs) sdktest.Inputs {
	return withColumn(in, d.free, func(x float64) float64 { return -math.Abs(x) - 0.5 })
}
