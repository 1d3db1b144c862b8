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

// group is parameters that decay alike.
type group struct {
	decay                             float64
	params, expAvg, expAvgSq, counter tensor.List
}

// NewAdamW makes an optimizer of params, with all its state 0: Adam with decoupled
// weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2). Only
// matrices decay: parameters of one axis, which are biases and norm weights, do not.
func NewAdamW(params []nn.Param, o Options) *Optimizer {
	a := newOptimizer(params)
	var split [2][]int // the indices that do not decay, and those that do
	for i, p := range params {
		shape := p.Tensor.Shape()
		step := tensor.Zeros(p.Tensor.Device(), tensor.Float32).Own()
		a.state = append(a.state, State{p.Name, []Part{zeros("exp_avg", p.Tensor, shape...), zeros("exp_avg_sq", p.Tensor, shape...), {"step", step}}})
		split[kind(shape)] = append(split[kind(shape)], i)
	}
	groups := []group{groupOf(params, a.state, split[0], 0), groupOf(params, a.state, split[1], o.WeightDecay)}
	a.step = func(learningRate float64, skip tensor.Tensor) {
		for _, g := range groups {
			if g.params.Len() == 0 {
				continue
			}
			tensor.AdamW(g.params, g.expAvg, g.expAvgSq, g.counter, skip, tensor.AdamWOptions{
				LR: learningRate, Beta1: o.Beta1, Beta2: o.Beta2, Eps: o.Epsilon,
				WeightDecay: g.decay, Fused: o.Fused})
		}
	}
	return a
}

// kind is 1 for matrices, which decay, and 0 for parameters of one axis.
func kind(shape []int64) int {
	if len(shape) > 1 {
		return 1
	}
	return 0
}

func groupOf(params []nn.Param, state []State, members []int, decay float64) group {
	var p, m, v, s []tensor.Tensor
	for _, i := range members {
		p = append(p, params[i].Tensor)
		m = append(m, state[i].Parts[0].Tensor)
		v = append(v, state[i].Parts[1].Tensor)
		s = append(s, state[i].Parts[2].Tensor)
	}
	return group{decay, tensor.NewList(p), tensor.NewList(m), tensor.NewList(v), tensor.NewList(s)}
}
