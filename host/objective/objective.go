// Package objective runs a loss program over batches: it computes what the
// program reads from models and data, on the device, and leaves the results
// there. Steps and averages over a run are host/train's work.
// Start at New, then inputs.go, which lists what a program can read.
package objective

import (
	"iter"

	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/tensor"
	"llmhost/sdk/program"
)

// Reference is the model that a loss compares the policy with: Model, or, where
// that is nil, the policy with its adapters off.
type Reference struct{ Model *model.Model }

// Objective is a loss program bound to a device. Only what the program asks for
// is computed.
type Objective struct {
	program *program.Program
	device  *exec.Compiled // the program where the models are
	host    *exec.Compiled // the program on the CPU, for what data alone decides

	Pooling   *program.Program // makes one vector of a sequence for score and class heads; nil where the loss needs none
	Reference Reference
	// NoiseAlpha is how much noise training puts on the policy's embeddings, 0 for
	// none. Sequences must not share tokens then.
	NoiseAlpha float64
	EOS        int64    // the end token's id for poolings, -1 for none
	Pad        int64    // a token at the end of a sequence that is hidden from the pooling, -1 for none
	Optional   []string // columns, by the names of their inputs, that are 0 where the data has none
	Scores     string   // the column that orders the candidates, which rewards are compared with; "" for none

	needs     program.Needs
	twoPasses bool            // terms or metrics read means over the step
	states    []tensor.Tensor // in the order of the program
	pooling   *exec.Compiled  // of Pooling, from its first use
}

// New binds a checked loss program to a device. Losses run in float32, or in
// float64 where the model does. The caller calls Free.
func New(p *program.Program, device tensor.Device, param tensor.DType) *Objective {
	real := tensor.Float32
	if param == tensor.Float64 {
		real = tensor.Float64
	}
	o := &Objective{
		program: p,
		device:  exec.Compile(p, exec.Target{Device: device, Real: real}),
		host:    exec.Compile(p, exec.Target{Device: tensor.CPU, Real: real}),
		EOS:     -1,
		Pad:     -1,

		needs:     p.Needs(),
		twoPasses: p.TwoPasses(),
	}
	for _, s := range p.States {
		o.states = append(o.states, tensor.Full(device, real, s.Initial).Own())
	}
	return o
}

// Free frees what o holds on its device.
func (o *Objective) Free() {
	for _, s := range o.states {
		s.Free()
	}
	o.states = nil
}

// Program returns the program that o runs.
func (o *Objective) Program() *program.Program { return o.program }

// Needs is what the program makes a run provide.
func (o *Objective) Needs() program.Needs { return o.needs }

// Device returns where o runs.
func (o *Objective) Device() tensor.Device { return o.device.Target().Device }

// Counts returns the denominator of each term over b. They depend on data alone and
// are computed on the CPU, so that no device is waited for.
func (o *Objective) Counts(b *data.Batch) (counts []float64) {
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			counts = o.host.Counts(&inputs{o: o, target: o.host.Target(), b: b})
		})
	})
	return counts
}

// Run computes the terms and metrics of b with the model. means are the
// program's means over the whole step, nil where it reads none in its terms. The
// caller runs the tape's Backward after that of the loss.
func (o *Objective) Run(m *model.Model, b *data.Batch, tape *nn.Tape, means exec.Means) exec.Outputs {
	in := o.inputs(m, b, tape)
	in.noise = o.NoiseAlpha
	return o.device.Loss(in, means)
}

// Evaluate is Run for an evaluation. Where the program reads rewards it returns
// them too, [B, K]; else the undefined tensor.
func (o *Objective) Evaluate(m *model.Model, b *data.Batch, means exec.Means) (out exec.Outputs, rewards tensor.Tensor) {
	in := o.inputs(m, b, nil)
	out = o.device.Loss(in, means)
	return out, in.rewards
}

func (o *Objective) inputs(m *model.Model, b *data.Batch, tape *nn.Tape) *inputs {
	return &inputs{o: o, target: o.device.Target(), model: m, b: b, tape: tape}
}

// Means makes the extra pass over all batches of a step for a loss whose terms
// read means over the step; nil where no term does. Dropout is off in it.
func (o *Objective) Means(m *model.Model, batches iter.Seq[data.Batch]) exec.Means {
	if !o.twoPasses {
		return nil
	}
	mode := m.Params().Mode()
	training := mode.Training
	mode.Training = false
	defer func() { mode.Training = training }()
	all := o.NewTotals()
	for b := range batches {
		tensor.Scoped(func() {
			tensor.NoGrad(func() { all.Add(o.device.Globals(o.inputs(m, &b, nil))) })
		})
	}
	return all.Means()
}
