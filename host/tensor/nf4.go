package tensor

import (
	"llmhost/host/tensor/internal/shim"

	lib "github.com/sugarme/gotch/libtch"
)

// NF4 is a matrix in 4-bit NormalFloat (Dettmers et al. 2023, arXiv:2305.14314,
// section 3): each 64 consecutive elements share a float32 scale, and each is the
// nearest of 16 levels, 4.5 bits an element in all. It belongs to no scope; Free it.
type NF4 struct {
	codes, scales Tensor
	rows, cols    int64
}

// QuantizeNF4 rounds a matrix [rows, cols], which stays as it is.
func QuantizeNF4(weight Tensor) NF4 {
	codes, scales := shim.NF4Quantize(weight.ptr())
	checkShim("quantize_nf4", weight)
	return NF4{adopt(lib.Ctensor(codes)).Own(), adopt(lib.Ctensor(scales)).Own(), weight.Size(0), weight.Size(1)}
}

// Share returns the same matrix on the same memory, to be freed by itself.
func (q NF4) Share() NF4 {
	return NF4{q.codes.Detach().Own(), q.scales.Detach().Own(), q.rows, q.cols}
}

// Defined tells whether there is a matrix.
func (q NF4) Defined() bool { return q.codes.Defined() }

// Size returns the length of axis 0 or 1.
func (q NF4) Size(axis int) int64 { return [2]int64{q.rows, q.cols}[axis] }

// Device is where the matrix is.
func (q NF4) Device() Device { return q.codes.Device() }

// Dequantize returns the rounded matrix, float32 [rows, cols].
func (q NF4) Dequantize() Tensor {
	out := shim.NF4Dequantize(q.codes.ptr(), q.scales.ptr(), q.rows, q.cols)
	checkShim("dequantize_nf4", q.codes, q.scales)
	return adopt(lib.Ctensor(out))
}

// Linear is x Wᵀ + bias, x [..., cols], for the rounded W; bias is undefined or
// [rows]. W is made for the product alone, and again for the gradient, which
// flows to x alone.
func (q NF4) Linear(x, bias Tensor) Tensor {
	out := shim.NF4Linear(x.ptr(), q.codes.ptr(), q.scales.ptr(), bias.ptr(), q.rows, q.cols)
	checkShim("linear_nf4", x, q.codes)
	return adopt(lib.Ctensor(out))
}

// Free frees the matrix.
func (q NF4) Free() {
	q.codes.Free()
	q.scales.Free()
}
