package tensor

import (
	"llmhost/host/tensor/internal/shim"

	lib "github.com/sugarme/gotch/libtch"
)

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

// ZeroGrad removes the gradients; the next backward pass writes new ones.
func (l List) ZeroGrad() {
	shim.ZeroGrads(l.handles)
	checkShim("zero_grad")
}

// GradNorm returns the L2 norm of all gradients together, summed in float64: a
// float64 scalar on their device.
func (l List) GradNorm() Tensor {
	norm := shim.GradNorm(l.handles)
	checkShim("gradient norm")
	return adopt(lib.Ctensor(norm))
}

// ClipGrad scales all gradients by maxNorm / (norm + 1e-6) where that is below 1.
func (l List) ClipGrad(norm Tensor, maxNorm float64) {
	shim.ClipGrads(l.handles, norm.ptr(), maxNorm)
	checkShim("clip gradients", norm)
}

// AdamWOptions are the scalars of one AdamW step.
type AdamWOptions = shim.AdamWOptions

// AdamW makes one AdamW step on params (see package optim) and adds 1 to steps.
// Parameters without a gradient are left alone. expAvg and expAvgSq have the
// shapes of params; steps are float32 without axes; all lists have one length.
// skip is a float32 scalar on the device of params: where it is 1, nothing changes
// but the gradients.
func AdamW(params, expAvg, expAvgSq, steps List, skip Tensor, o AdamWOptions) {
	shim.AdamW(params.handles, expAvg.handles, expAvgSq.handles, steps.handles, skip.ptr(), o)
	checkShim("adamw", skip)
}
