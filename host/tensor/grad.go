package tensor

import (
	"runtime"

	"llmhost/host/tensor/internal/shim"

	lib "github.com/sugarme/gotch/libtch"
)

// RequireGrad marks a leaf to be differentiated, in place, and returns it. It
// panics unless t is of a float type.
func (t Tensor) RequireGrad() Tensor {
	var out lib.Ctensor
	lib.AtgRequiresGrad_(&out, t.c, 1)
	check("requires_grad_", t)
	lib.AtFree(out) // a second handle on the same tensor
	return t
}

// Freeze undoes RequireGrad, in place, and returns t. It panics where t is no
// leaf.
func (t Tensor) Freeze() Tensor {
	var out lib.Ctensor
	lib.AtgRequiresGrad_(&out, t.c, 0)
	check("requires_grad_", t)
	lib.AtFree(out)
	return t
}

// RequiresGrad tells whether t is differentiated: marked by RequireGrad, or made
// of what is.
func (t Tensor) RequiresGrad() bool { return lib.AtRequiresGrad(t.c) }

// Grad returns the gradient of a leaf, in its shape and type; undefined before a
// backward pass.
func (t Tensor) Grad() Tensor { return t.unary("grad", lib.AtgGrad) }

// Detach returns t's elements, not copied, as a constant: no gradient flows
// through it.
func (t Tensor) Detach() Tensor { return t.unary("detach", lib.AtgDetach) }

// Backward runs reverse-mode differentiation from t, which has one element, and
// adds the gradients to those of the leaves. It panics where t has more elements
// or was made of nothing that is differentiated.
func (t Tensor) Backward() {
	shim.Backward(t.ptr(), nil)
	checkShim("backward", t)
}

// BackwardWith is Backward from any t, given the gradient of the loss with
// respect to it, in t's shape and type.
func (t Tensor) BackwardWith(gradient Tensor) {
	shim.Backward(t.ptr(), gradient.ptr())
	checkShim("backward", t, gradient)
	runtime.KeepAlive(gradient)
}
