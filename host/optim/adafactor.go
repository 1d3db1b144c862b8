package optim

import (
	"math"

	"llmhost/host/nn"
	"llmhost/host/tensor"
)

// The constants of Adafactor, as transformers' Trainer has them.
const (
	squareFloor    = 1e-30 // added to the squares of gradients
	clipThreshold  = 1.0   // the most that the root mean square of an update may be
	averagingPower = -0.8  // of the step: 1 minus this power is the decay of averages
)

// NewAdafactor makes an optimizer of params, with all its state 0: Adafactor
// (Shazeer and Stern 2018, arXiv:1804.04235, algorithm 4) with the learning rate of
// the schedule, no first moment and no scaling by the parameter, which is what
// transformers' Trainer runs under this name. A matrix keeps one number a row and
// one a column instead of AdamW's two an element. Only matrices decay.
func NewAdafactor(params []nn.Param, weightDecay float64) *Optimizer {
	a := newOptimizer(params)
	for _, p := range params {
		a.state = append(a.state, State{p.Name, factors(p.Tensor)})
	}
	a.step = func(learningRate float64, skip tensor.Tensor) {
		for i, p := range params {
			tensor.Scoped(func() {
				tensor.NoGrad(func() { adafactor(p.Tensor, a.state[i], learningRate, weightDecay, skip) })
			})
		}
	}
	return a
}

// factors are the state of a parameter: averages of the squares of gradients over
// rows and over columns, or of each element of a vector. The steps are counted on
// the CPU, where they are needed as a number.
func factors(p tensor.Tensor) []Part {
	shape := p.Shape()
	step := Part{"step", tensor.Zeros(tensor.CPU, tensor.Float32).Own()}
	n := len(shape)
	if n < 2 {
		return []Part{zeros("exp_avg_sq", p, shape...), step}
	}
	columns := append(append([]int64(nil), shape[:n-2]...), shape[n-1])
	return []Part{zeros("exp_avg_sq_row", p, shape[:n-1]...), zeros("exp_avg_sq_col", p, columns...), step}
}

// adafactor makes one step on one parameter.
func adafactor(p tensor.Tensor, s State, learningRate, weightDecay float64, skip tensor.Tensor) {
	gradient := p.Grad()
	if !gradient.Defined() {
		return
	}
	step := s.Parts[len(s.Parts)-1].Tensor
	step.CopyTensor(step.AddScalar(1))
	decay := 1 - math.Pow(step.HostItem(), averagingPower)
	square := gradient.Square().AddScalar(squareFloor)
	on := skip.EqScalar(0)
	average := func(state, now tensor.Tensor) tensor.Tensor {
		next := state.MulScalar(decay).Add(now.MulScalar(1 - decay))
		state.CopyTensor(next.Where(on, state))
		return next
	}
	var update tensor.Tensor
	if len(s.Parts) == 2 {
		update = average(s.Parts[0].Tensor, square).PowScalar(-0.5).Mul(gradient)
	} else {
		rows := average(s.Parts[0].Tensor, square.MeanDim(-1, false))
		columns := average(s.Parts[1].Tensor, square.MeanDim(-2, false))
		rowFactor := rows.Div(rows.MeanDim(-1, true)).PowScalar(-0.5).Unsqueeze(-1)
		update = rowFactor.Mul(columns.Unsqueeze(-2).PowScalar(-0.5)).Mul(gradient)
	}
	root := update.Square().Mean().Sqrt()
	update = update.Div(root.DivScalar(clipThreshold).ClampMin(1)).MulScalar(learningRate)
	next := p
	if len(s.Parts) == 3 && weightDecay != 0 {
		next = p.MulScalar(1 - weightDecay*learningRate)
	}
	p.CopyTensor(next.Sub(update).Where(on, p))
}
