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
	"llmhost/host/program"
	"llmhost/host/tensor"
)

// Objective computes a loss program's inputs from a model and a batch, and
// runs it. Only what the program asks for is computed.
type Objective struct {
	program *program.Program
	where   exec.Where
}

// NewObjective binds a checked loss program to a device. Losses run in
// float32, or in float64 where the model does.
func NewObjective(p *program.Program, device tensor.Device, param tensor.DType) *Objective {
	real := tensor.Float32
	if param == tensor.Float64 {
		real = tensor.Float64
	}
	return &Objective{program: p, where: exec.Where{Device: device, Real: real}}
}

// Program returns the program that o runs.
func (o *Objective) Program() *program.Program { return o.program }

// Check reports the data columns that the program asks for and the groups lack.
func (o *Objective) Check(groups []data.Group) error {
	if len(groups) == 0 {
		return nil
	}
	for _, need := range o.program.Needs() {
		kind, name, isColumn := strings.Cut(need, ".")
		given := slices.Sorted(maps.Keys(groups[0].Columns))
		if kind == "example_column" {
			given = slices.Sorted(maps.Keys(groups[0].Example))
		}
		if isColumn && strings.HasSuffix(kind, "column") && !slices.Contains(given, name) {
			return lacks(strings.ReplaceAll(kind, "_", " "), name, given)
		}
	}
	return nil
}

// lacks is the error of a column that the formatter does not give.
func lacks(kind, name string, given []string) error {
	list := "none"
	if len(given) > 0 {
		list = strings.Join(given, ", ")
	}
	return fmt.Errorf("the loss reads %s %q, which the formatter does not give (of these it gives %s)%s", kind, name, list, nearest.Hint(name, given))
}

// Provides tells whether a run can compute an input of a loss program, given
// that its data has the columns.
func Provides(need string) bool {
	kind, _, _ := strings.Cut(need, ".")
	return slices.Contains([]string{"policy.logps", "label_mask", "candidate_mask"}, need) || kind == "column" || kind == "example_column"
}

// Counts returns the denominator of each term over b, from data alone.
func (o *Objective) Counts(b *data.Batch) (counts []float64) {
	tensor.Scoped(func() {
		tensor.NoGrad(func() { counts = exec.Counts(o.program, o.where, o.arguments(b, nil)) })
	})
	return counts
}

// Run computes the terms and metrics of b with the model. The caller runs the
// tape's Backward after that of the loss.
func (o *Objective) Run(m model.Model, b *data.Batch, tape *nn.Tape) exec.Outputs {
	hidden := m.Forward(NewPack(o.where.Device, b), tape)
	return exec.Loss(o.program, o.where, o.arguments(b, func() tensor.Tensor { return o.logps(m, hidden, b) }))
}

// arguments gives the inputs that the program lists. logps may be nil where
// only data is wanted.
func (o *Objective) arguments(b *data.Batch, logps func() tensor.Tensor) exec.Arguments {
	inputs := map[string]tensor.Tensor{}
	d, rows, candidates, labels := o.where.Device, int64(b.B), int64(b.K), int64(b.T)
	for _, need := range o.program.Needs() {
		kind, name, _ := strings.Cut(need, ".")
		switch {
		case need == "policy.logps" && logps != nil:
			inputs[need] = logps()
		case need == "label_mask":
			inputs[need] = tensor.Of(d, b.LabelMask, rows, candidates, labels)
		case need == "candidate_mask":
			inputs[need] = tensor.Of(d, b.Real, rows, candidates)
		case kind == "column" && b.Columns[name] != nil:
			inputs[need] = tensor.Of(d, b.Columns[name], rows, candidates)
		case kind == "example_column" && b.Example[name] != nil:
			inputs[need] = tensor.Of(d, b.Example[name], rows)
		}
	}
	return exec.Arguments{Inputs: inputs, Sizes: map[string]int64{"B": rows, "K": candidates, "T": labels}}
}

// logps returns the label tokens' log-probabilities [B, K, T]: the head runs
// at the positions that predict a label and nowhere else.
func (o *Objective) logps(m model.Model, hidden tensor.Tensor, b *data.Batch) tensor.Tensor {
	d := o.where.Device
	at := hidden.IndexSelect(0, tensor.Of(d, b.Source))
	logps := tensor.TokenLogps(at, m.Head().To(at.DType()), tensor.Of(d, b.Target))
	view := tensor.Zeros(d, logps.DType(), int64(b.B*b.K*b.T)).Scatter(0, tensor.Of(d, b.Slot), logps)
	return view.View(int64(b.B), int64(b.K), int64(b.T))
}

// NewPack puts the tokens of a batch on a device.
func NewPack(d tensor.Device, b *data.Batch) nn.Pack {
	p := nn.Pack{IDs: tensor.Of(d, b.IDs), Positions: tensor.Of(d, b.Positions)}
	if len(b.Positions) > 0 {
		p.MaxPosition = slices.Max(b.Positions)
	}
	for _, s := range b.Segments {
		p.Segments.Add(s.Start, s.Len, s.Prefix)
	}
	return p
}
