// Package optim holds AdamW, gradient clipping and learning rate schedules.
package optim

import (
	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// Options are AdamW's settings besides the learning rate.
type Options struct {
	Beta1, Beta2, Epsilon float64
	WeightDecay           float64
	Fused                 bool // one kernel for all of a step, or one an operation (foreach)
}

// AdamW is Adam with decoupled weight decay (Loshchilov and Hutter 2019,
// arXiv:1711.05101, algorithm 2). Only matrices decay: parameters of one axis,
// which are biases and norm weights, do not.
type AdamW struct {
	options Options
	params  tensor.List
	groups  []group
	state   []State
}

// State is what AdamW keeps of one parameter.
type State struct {
	Name                   string
	ExpAvg, ExpAvgSq, Step tensor.Tensor // shapes of the parameter, and no axes
}

// group is parameters that decay alike.
type group struct {
	decay                             float64
	params, expAvg, expAvgSq, counter tensor.List
}

// NewAdamW makes the optimizer of params, with all its state 0. Free frees it.
func NewAdamW(params []nn.Param, o Options) *AdamW {
	a := &AdamW{options: o}
	var all []tensor.Tensor
	var split [2][]int // the indices that do not decay, and those that do
	for i, p := range params {
		all = append(all, p.Tensor)
		device := p.Tensor.Device()
		shape := p.Tensor.Shape()
		a.state = append(a.state, State{Name: p.Name,
			ExpAvg:   tensor.Zeros(device, p.Tensor.DType(), shape...).Own(),
			ExpAvgSq: tensor.Zeros(device, p.Tensor.DType(), shape...).Own(),
			Step:     tensor.Zeros(device, tensor.Float32).Own()})
		matrix := 0
		if len(shape) > 1 {
			matrix = 1
		}
		split[matrix] = append(split[matrix], i)
	}
	a.params = tensor.NewList(all)
	a.groups = []group{a.group(all, split[0], 0), a.group(all, split[1], o.WeightDecay)}
	return a
}

func (a *AdamW) group(params []tensor.Tensor, members []int, decay float64) group {
	var p, m, v, s []tensor.Tensor
	for _, i := range members {
		p = append(p, params[i])
		m = append(m, a.state[i].ExpAvg)
		v = append(v, a.state[i].ExpAvgSq)
		s = append(s, a.state[i].Step)
	}
	return group{decay, tensor.NewList(p), tensor.NewList(m), tensor.NewList(v), tensor.NewList(s)}
}

// ZeroGrad removes all gradients.
func (a *AdamW) ZeroGrad() { a.params.ZeroGrad() }

// ClipGradients scales all gradients by maxNorm / (norm + 1e-6) where that is
// below 1, and returns their joint L2 norm before that, a float64 scalar on their
// device. A maxNorm of 0 only measures.
func (a *AdamW) ClipGradients(maxNorm float64) tensor.Tensor {
	norm := a.params.GradNorm()
	if maxNorm > 0 {
		a.params.ClipGrad(norm, maxNorm)
	}
	return norm
}

// Step moves every parameter that has a gradient. skip is a float32 scalar on
// their device: where it is 1, no parameter and no state changes.
func (a *AdamW) Step(learningRate float64, skip tensor.Tensor) {
	for _, g := range a.groups {
		if g.params.Len() == 0 {
			continue
		}
		tensor.AdamW(g.params, g.expAvg, g.expAvgSq, g.counter, skip, tensor.AdamWOptions{
			LR: learningRate, Beta1: a.options.Beta1, Beta2: a.options.Beta2, Eps: a.options.Epsilon,
			WeightDecay: g.decay, Fused: a.options.Fused})
	}
}

// State returns the state of every parameter, for checkpoints; its tensors
// stay a's own and may be written.
func (a *AdamW) State() []State { return a.state }

// Free frees the state.
func (a *AdamW) Free() {
	for _, s := range a.state {
		s.ExpAvg.Free()
		s.ExpAvgSq.Free()
		s.Step.Free()
	}
	a.state = nil
}
