package tensor

import "llmhost/host/tensor/internal/shim"

// List is a set of leaves that are trained together, in a fixed order.
type List struct{ handles []shim.Tensor }

// NewList makes a List of ts, which it does not own.
func NewList(ts []Tensor) List {
	l := List{handles: make([]shim.Tensor, len(ts))}
	for i, t := range ts {
		l.handles[i] = t.ptr()
	}
	return l
}

// Len returns how many tensors l has.
func (l List) Len() int { return len(l.handles) }

// ZeroGrad forgets the gradients; the next backward pass writes new ones.
func (l List) ZeroGrad() {
	shim.ZeroGrads(l.handles)
	checkShim("zero_grad")
}

// ScaleGrad multiplies all gradients by factor.
func (l List) ScaleGrad(factor float64) {
	shim.ScaleGrads(l.handles, factor)
	checkShim("scale gradients")
}

// GradNorm returns the L2 norm of all gradients together, summed in float64.
func (l List) GradNorm() float64 {
	norm := shim.GradNorm(l.handles)
	checkShim("gradient norm")
	return norm
}

// AdamWOptions are the scalars of one AdamW step.
type AdamWOptions = shim.AdamWOptions

// AdamW makes one AdamW step on params (see package optim) and adds 1 to steps.
// Parameters without a gradient are left alone. expAvg and expAvgSq have the
// shapes of params; steps are float32 without axes. All lists have one length.
func AdamW(params, expAvg, expAvgSq, steps List, o AdamWOptions) {
	shim.AdamW(params.handles, expAvg.handles, expAvgSq.handles, steps.handles, o)
	checkShim("adamw")
}
