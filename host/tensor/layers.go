package tensor

import lib "github.com/sugarme/gotch/libtch"

// Tanh is the hyperbolic tangent.
func (t Tensor) Tanh() Tensor { return t.unary("tanh", lib.AtgTanh) }

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
