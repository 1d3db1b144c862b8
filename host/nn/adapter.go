package nn

import "llmhost/host/tensor"

// Adapter is a change of low rank to a linear map (LoRA; Hu et al. 2021,
// arXiv:2106.09685, eq. 3): W' = W + Scale · B A. With a Magnitude it is DoRA (Liu
// et al. 2024, arXiv:2402.09353, eq. 5): the rows of W' scaled to the lengths
// that Magnitude gives; the gradient treats the lengths of W' as
// constants (section 4.3).
type Adapter struct {
	A, B      tensor.Tensor // [rank, in], [out, rank]
	Magnitude tensor.Tensor // [out], or undefined
	Scale     float64
	Dropout   float64 // share of x's entries dropped before B A in training
	mode      *Mode
}

// Adapt puts an adapter on a map of p.
func (p *Params) Adapt(l *Linear, a Adapter) {
	a.mode = &p.mode
	l.Adapter = &a
}

// forward maps x [..., in] to [..., out] by the map l; bias is in x's type.
func (a *Adapter) forward(x tensor.Tensor, l *Linear, bias tensor.Tensor) tensor.Tensor {
	t := x.DType()
	low := x
	if a.mode.Training && a.Dropout > 0 {
		low = x.Dropout(a.Dropout)
	}
	delta := low.Linear(a.A.To(t), tensor.Tensor{}).Linear(a.B.To(t), tensor.Tensor{}).MulScalar(a.Scale)
	if !a.Magnitude.Defined() {
		return l.product(x, bias).Add(delta)
	}
	share := a.share(l.Whole(t))
	y := l.product(x, tensor.Tensor{})
	dropped := y
	if low != x { // dropout affects the input of adapters alone
		dropped = l.product(low, tensor.Tensor{})
	}
	y = y.Add(dropped.Mul(share.SubScalar(1))).Add(delta.Mul(share))
	if bias.Defined() {
		y = y.Add(bias)
	}
	return y
}

// share is Magnitude over the lengths of the rows of W + Scale · B A, [out].
func (a *Adapter) share(weight tensor.Tensor) tensor.Tensor {
	t := weight.DType()
	length := weight.Detach().Add(a.B.Detach().To(t).Matmul(a.A.Detach().To(t)).MulScalar(a.Scale)).Square().SumDim(1, false).Sqrt()
	return a.Magnitude.To(t).Div(length)
}

// Merged returns the weight [out, in] of l that computes the same without its
// adapter, in the type of l's weight; made in float32, or float64 where that is its type.
func (l *Linear) Merged() tensor.Tensor {
	a, t := l.Adapter, l.Weight.DType()
	wide := tensor.Float32
	if t == tensor.Float64 {
		wide = t
	}
	weight := l.Weight.Detach().To(wide)
	merged := weight.Add(a.B.Detach().To(wide).Matmul(a.A.Detach().To(wide)).MulScalar(a.Scale))
	if a.Magnitude.Defined() {
		merged = merged.Mul(a.share(weight).Detach().Unsqueeze(1))
	}
	return merged.To(t)
}
