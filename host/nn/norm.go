package nn

import "llmhost/host/tensor"

// LayerNorm shifts and scales each vector to a mean of 0 and a variance of 1,
// then by learned weights.
type LayerNorm struct {
	Weight, Bias tensor.Tensor // [hidden]
	Eps          float64
}

// LayerNorm takes NAME.weight and NAME.bias [size].
func (p *Params) LayerNorm(name string, size int64, eps float64) LayerNorm {
	return LayerNorm{
		Weight: p.Get(name+".weight", size),
		Bias:   p.Get(name+".bias", size),
		Eps:    eps,
	}
}

// Forward keeps x's shape [..., hidden] and type; it computes in the type of the weight.
func (n LayerNorm) Forward(x tensor.Tensor) tensor.Tensor {
	return x.To(n.Weight.DType()).LayerNorm(n.Weight, n.Bias, n.Eps).To(x.DType())
}

// CentredRMSNorm is RMSNorm that scales by 1 + weight, so that a weight of 0
// leaves the vector as it is.
type CentredRMSNorm struct {
	Weight tensor.Tensor // [hidden]
	Eps    float64
}

// CentredRMSNorm takes NAME.weight [size].
func (p *Params) CentredRMSNorm(name string, size int64, eps float64) CentredRMSNorm {
	return CentredRMSNorm{Weight: p.Get(name+".weight", size), Eps: eps}
}

// Forward keeps x's shape [..., hidden] and type. The sum 1 + weight is at least
// float32: next to 1, half precision loses small weights.
func (n CentredRMSNorm) Forward(x tensor.Tensor) tensor.Tensor {
	w := n.Weight
	if w.DType() != tensor.Float64 {
		w = w.To(tensor.Float32)
	}
	return x.RMSNorm(w.AddScalar(1), n.Eps)
}
