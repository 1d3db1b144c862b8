package nn_test

import (
	"testing"

	"llmhost/host/nn"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// drawn is a source of random float64 parameters.
func drawn(_ string, shape []int64) tensor.Tensor {
	var t tensor.Tensor
	tensor.Scoped(func() { t = tensor.Randn(tensor.CPU, tensor.Float64, 0.5, shape...).Own() })
	return t
}

func TestParamsAreKeptInOrderAndFreed(t *testing.T) {
	live := tensor.Live()
	p := nn.NewParams(drawn, tensor.Float64)
	p.Linear("a", 3, 2, true)
	p.RMSNorm("b", 5, 1e-6)
	p.Linear("c", 2, 2, false)
	var names []string
	for _, q := range p.All() {
		names = append(names, q.Name)
	}
	require.Equal(t, []string{"a.weight", "a.bias", "b.weight", "c.weight"}, names)
	require.EqualValues(t, 3*2+2+5+2*2, p.Count())
	require.Equal(t, []int64{2, 3}, p.All()[0].Tensor.Shape())
	p.Free()
	require.Empty(t, p.All())
	require.Equal(t, live, tensor.Live())
}

func TestLinearMultipliesInTheComputeType(t *testing.T) {
	for _, compute := range []tensor.DType{tensor.Float64, tensor.Float32, tensor.BFloat16} {
		t.Run(compute.String(), func(t *testing.T) {
			p := nn.NewParams(drawn, compute)
			defer p.Free()
			l := p.Linear("l", 3, 2, true)
			tensor.Scoped(func() {
				x := tensor.Of(tensor.CPU, []float64{1, -2, 3, 0.5, 0, 4}, 2, 3)
				y := l.Forward(x)
				require.Equal(t, compute, y.DType())
				require.Equal(t, []int64{2, 2}, y.Shape())
				want := x.Matmul(l.Weight.Transpose(0, 1)).Add(l.Bias)
				require.InDeltaSlice(t, want.Floats(), y.Floats(), map[tensor.DType]float64{tensor.Float64: 1e-12, tensor.Float32: 1e-5, tensor.BFloat16: 0.1}[compute])
				y.Sum().Backward()
				require.Equal(t, tensor.Float64, l.Weight.Grad().DType(), "gradients have the type of the weights")
				require.Equal(t, []float64{2, 2}, l.Bias.Grad().Floats())
			})
		})
	}
}

func TestRMSNormIsItsFormula(t *testing.T) {
	p := nn.NewParams(drawn, tensor.Float64)
	defer p.Free()
	n := p.RMSNorm("n", 4, 0.25)
	tensor.Scoped(func() {
		x := tensor.Of(tensor.CPU, []float64{1, 2, 3, 4, 0, 0, 0, 0}, 2, 4)
		want := x.Div(x.Square().MeanDim(-1, true).AddScalar(0.25).Sqrt()).Mul(n.Weight)
		require.InDeltaSlice(t, want.Floats(), n.Forward(x).Floats(), 1e-12)
	})
}
