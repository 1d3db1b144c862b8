package tensor

import (
	"llmhost/host/tensor/internal/shim"

	lib "github.com/sugarme/gotch/libtch"
)

// Gelu is x Φ(x) (Hendrycks and Gimpel 2016, arXiv:1606.08415), with Φ the normal
// distribution, or by tanh the approximation of it in section 2 of the paper.
func (t Tensor) Gelu(byTanh bool) Tensor {
	approximate := "none"
	if byTanh {
		approximate = "tanh"
	}
	var out lib.Ctensor
	lib.AtgGelu(&out, t.c, approximate)
	return wrap("gelu", out, t)
}

// LayerNorm is (x - mean) / sqrt(variance + eps) * weight + bias over the last
// axis (Ba et al. 2016, arXiv:1607.06450, eq. 4); weight and bias are in x's type.
func (t Tensor) LayerNorm(weight, bias Tensor, eps float64) Tensor {
	var out lib.Ctensor
	lib.AtgLayerNorm(&out, t.c, weight.Shape(), 1, weight.c, bias.c, eps, 1)
	return wrap("layer_norm", out, t, weight, bias)
}

// Matmul returns the matrix product of t [..., n, k] and u [..., k, m] as [...,
// n, m]; the axes in front broadcast, and a vector is a matrix with one row
// (left) or column (right) that the result drops. Both have one type. Sizes or
// types that do not fit panic.
func (t Tensor) Matmul(u Tensor) Tensor { return t.binary("matmul", lib.AtgMatmul, u) }

// Linear returns x Wᵀ + bias [..., out], for x [..., in], weight [out, in] and
// bias [out] or undefined, all of one float type. Sizes or types that do not fit
// panic.
func (t Tensor) Linear(weight, bias Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgLinear(&out, t.c, weight.c, bias.c)
	return wrap("linear", out, t, weight, bias)
}

// Embedding returns the rows of t [vocab, hidden] that ids name: [..., hidden]
// for ids [...] int64 or int32. An id outside of t panics on the CPU.
func (t Tensor) Embedding(ids Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgEmbedding(&out, t.c, ids.c, -1, 0, 0)
	return wrap("embedding", out, t, ids)
}

// Dropout sets each element to 0 with probability p and scales the others by
// 1/(1-p) (Srivastava et al. 2014), with libtorch's generator. A p outside [0,
// 1] panics.
func (t Tensor) Dropout(p float64) Tensor {
	var out lib.Ctensor
	lib.AtgDropout(&out, t.c, p, 1)
	return wrap("dropout", out, t)
}

// RMSNorm is x / sqrt(mean(x²) + eps) * weight over the last axis (Zhang and
// Sennrich 2019, arXiv:1910.07467, eq. 4), with the mean in float32 at least. x
// is [..., hidden], weight [hidden] in x's type or another; the result is of x's
// shape and type.
func (t Tensor) RMSNorm(weight Tensor, eps float64) Tensor {
	out := shim.RMSNorm(t.ptr(), weight.ptr(), eps)
	checkShim("rms_norm", t, weight)
	return adopt(lib.Ctensor(out))
}
