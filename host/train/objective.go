package train

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/model"
	"llmhost/host/nearest"
	"llmhost/host/nn"
	"llmhost/host/tensor"
	"llmhost/sdk/program"
)

// Reference is the model that a loss holds the policy against: Model, or, where
// that is nil, the policy with its adapters off.
type Reference struct{ Model *model.Model }

// Objective computes a loss program's inputs from models and a batch, and
// runs it. Only what the program asks for is computed.
type Objective struct {
	program *program.Program
	where   exec.Where

	Pooling   *program.Program // makes one vector of a row for score and class heads; nil where the loss needs none
	Reference Reference
	EOS       int64  // the end token's id for poolings, -1 for none
	Scores    string // the column that orders the candidates, which rewards are compared with; "" for none

	// States are the numbers that the program keeps from step to step.
	States map[string]float64
}

// NewObjective binds a checked loss program to a device. Losses run in
// float32, or in float64 where the model does.
func NewObjective(p *program.Program, device tensor.Device, param tensor.DType) *Objective {
	real := tensor.Float32
	if param == tensor.Float64 {
		real = tensor.Float64
	}
	o := &Objective{program: p, where: exec.Where{Device: device, Real: real}, EOS: -1, States: map[string]float64{}}
	for _, s := range p.States {
		o.States[s.Name] = s.Initial
	}
	return o
}

// Program returns the program that o runs.
func (o *Objective) Program() *program.Program { return o.program }

// Check reports the data columns that the program asks for and the examples lack.
func (o *Objective) Check(examples []data.Example) error {
	if len(examples) == 0 {
		return nil
	}
	for _, need := range o.program.Needs() {
		kind, name, _ := strings.Cut(need, ".")
		var given []string
		switch kind {
		case "column":
			given = slices.Sorted(maps.Keys(examples[0].Columns))
		case "example_column":
			given = slices.Sorted(maps.Keys(examples[0].ExampleColumns))
		case "label":
			given = labelNames(examples)
		default:
			continue
		}
		if !slices.Contains(given, name) {
			return lacks(strings.ReplaceAll(kind, "_", " "), name, given)
		}
	}
	return nil
}

// Needs says what a loss program makes a run provide.
type Needs struct {
	LM         bool     // the head that predicts tokens
	Score      bool     // the score head
	Classes    []string // heads of classes, by name
	Reference  bool     // a model that stays as it is
	Mismatched bool     // prompts with answers of others
	// RefLogps says that a reference model is asked for log-probabilities of the
	// labels alone, which can be computed once for all steps.
	RefLogps bool
}

// NeedsOf reads them off the program's inputs.
func NeedsOf(p *program.Program) (n Needs) {
	others := false
	for _, need := range p.Needs() {
		kind, rest, _ := strings.Cut(need, ".")
		switch kind {
		case "policy":
			n.LM = true
		case "rewards":
			n.Score = true
		case "logits":
			n.Classes = append(n.Classes, rest)
		case "ref":
			n.LM, n.Reference = true, true
		case "kl":
			n.LM, n.Reference, others = true, true, true
		case "mismatched":
			n.LM, n.Mismatched = true, true
			n.Reference, others = n.Reference || rest == "ref.logps", true
		}
	}
	n.RefLogps = n.Reference && !others
	return n
}

// labelNames are the heads that any of the examples has a label for.
func labelNames(examples []data.Example) []string {
	names := map[string]bool{}
	for _, g := range examples {
		for name := range g.Labels {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// lacks is the error of a column that the formatter does not give.
func lacks(kind, name string, given []string) error {
	list := "none"
	if len(given) > 0 {
		list = strings.Join(given, ", ")
	}
	return fmt.Errorf("the loss reads %s %q, which the formatter does not give (of these it gives %s)%s", kind, name, list, nearest.Hint(name, given))
}

// Counts returns the denominator of each term over b, from data alone.
func (o *Objective) Counts(b *data.Batch) (counts []float64) {
	var wanted []int
	for _, t := range o.program.Terms {
		wanted = append(wanted, t.Count)
	}
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			s := &sight{o: o, b: b}
			counts = exec.Counts(o.program, o.where, s.arguments(o.program.Reach(wanted...), nil))
		})
	})
	return counts
}

// Run computes the terms and metrics of b with the model. globals are the
// program's means over the whole step by node, nil where it reads none in its
// terms. The caller runs the tape's Backward after that of the loss.
func (o *Objective) Run(m *model.Model, b *data.Batch, tape *nn.Tape, globals map[int]float64) exec.Outputs {
	s := &sight{o: o, model: m, b: b, tape: tape}
	return exec.Loss(o.program, o.where, s.arguments(exec.Reached(o.program, globals != nil), globals))
}

// look is Run for an evaluation. Where the program reads rewards it returns them
// too, [B*K].
func (o *Objective) look(m *model.Model, b *data.Batch, globals map[int]float64) (out exec.Outputs, rewards []float64) {
	s := &sight{o: o, model: m, b: b}
	a := s.arguments(exec.Reached(o.program, globals != nil), globals)
	if r, read := a.Inputs["rewards"]; read {
		rewards = r.Floats()
	}
	return exec.Loss(o.program, o.where, a), rewards
}

// Globals computes what the program's means over a step are made of, for one of
// its batches.
func (o *Objective) Globals(m *model.Model, b *data.Batch) (parts []exec.Fraction) {
	s := &sight{o: o, model: m, b: b}
	var wanted []int
	for _, g := range o.program.Globals() {
		wanted = append(wanted, g.Sum, g.Count)
	}
	return exec.Globals(o.program, o.where, s.arguments(o.program.Reach(wanted...), nil))
}

// NewPass puts the tokens of a batch on a device.
func NewPass(d tensor.Device, b *data.Batch) *nn.Pass {
	p := nn.Pack{IDs: tensor.Of(d, b.IDs), Positions: tensor.Of(d, b.Positions)}
	if len(b.Positions) > 0 {
		p.MaxPosition = slices.Max(b.Positions)
	}
	if b.Types != nil {
		p.TokenTypes = tensor.Of(d, b.Types)
	}
	for _, s := range b.Segments {
		p.Segments.Add(s.Start, s.Len, s.Prefix)
	}
	return &nn.Pass{Pack: p}
}

// update moves the states after a step with these means over it.
func (o *Objective) update(globals map[int]float64) {
	tensor.Scoped(func() {
		for name, value := range exec.Updates(o.program, o.where, o.States, globals) {
			o.States[name] = value
		}
	})
}
