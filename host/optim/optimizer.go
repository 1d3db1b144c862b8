// Package optim holds AdamW and Adafactor, gradient clipping and learning rate
// schedules.
package optim

import (
	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// Optimizer moves parameters by one of the rules of this package. Free frees its
// state.
type Optimizer struct {
	params tensor.List
	state  []State
	step   func(learningRate float64, skip tensor.Tensor)
}

// State is what a rule keeps of one parameter, for checkpoints.
type State struct {
	Name  string // of the parameter
	Parts []Part
}

// Part is one tensor of a State, under the name that torch.optim and transformers
// give it.
type Part struct {
	Name string
	tensor.Tensor
}

// Bytes is the memory that the state takes.
func (s State) Bytes() (bytes int64) {
	for _, p := range s.Parts {
		bytes += p.Numel() * int64(p.DType().Size())
	}
	return bytes
}

// newOptimizer is an optimizer of params whose state and rule are to be set.
func newOptimizer(params []nn.Param) *Optimizer {
	var all []tensor.Tensor
	for _, p := range params {
		all = append(all, p.Tensor)
	}
	return &Optimizer{params: tensor.NewList(all)}
}

// zeros is a part of a state, at 0.
func zeros(name string, like tensor.Tensor, shape ...int64) Part {
	return Part{name, tensor.Zeros(like.Device(), like.DType(), shape...).Own()}
}

// ZeroGrad removes all gradients.
func (o *Optimizer) ZeroGrad() { o.params.ZeroGrad() }

// ClipGradients scales all gradients by maxNorm / (norm + 1e-6) where that is
// below 1, and returns their joint L2 norm before that, a float64 scalar on their
// device. A maxNorm of 0 only measures.
func (o *Optimizer) ClipGradients(maxNorm float64) tensor.Tensor {
	norm := o.params.GradNorm()
	if maxNorm > 0 {
		o.params.ClipGrad(norm, maxNorm)
	}
	return norm
}

// Step moves every parameter that has a gradient. skip is a float32 scalar on
// their device: where it is 1, no parameter and no state changes.
func (o *Optimizer) Step(learningRate float64, skip tensor.Tensor) { o.step(learningRate, skip) }

// State returns the state of every parameter, for checkpoints; its tensors
// stay o's own and may be written.
func (o *Optimizer) State() []State { return o.state }

// Free frees the state.
func (o *Optimizer) Free() {
	for _, s := range o.state {
		for _, p := range s.Parts {
			p.Tensor.Free()
		}
	}
	o.state = nil
}
