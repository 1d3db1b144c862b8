package tensor_test

import (
	"math"
	"testing"

	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

func TestGeluIsItsFormula(t *testing.T) {
	tensor.Scoped(func() {
		values := []float64{-3, -0.7, 0, 0.1, 2.5}
		x := tensor.Of(tensor.CPU, values)
		exact, byTanh, tanh := x.Gelu(false).Floats(), x.Gelu(true).Floats(), x.Tanh().Floats()
		for i, v := range values {
			require.InDelta(t, v*0.5*math.Erfc(-v/math.Sqrt2), exact[i], 1e-14)
			require.InDelta(t, v*0.5*(1+math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v))), byTanh[i], 1e-14)
			require.InDelta(t, math.Tanh(v), tanh[i], 1e-15)
		}
	})
}

func TestLayerNormIsItsFormula(t *testing.T) {
	tensor.Scoped(func() {
		x := tensor.Of(tensor.CPU, []float64{1, 2, 3, 6, -1, -1, 0, 4}, 2, 4)
		weight, bias := tensor.Of(tensor.CPU, []float64{1, 2, -1, 0.5}), tensor.Of(tensor.CPU, []float64{0, 1, 2, -3})
		centred := x.Sub(x.MeanDim(-1, true))
		want := centred.Div(centred.Square().MeanDim(-1, true).AddScalar(0.5).Sqrt()).Mul(weight).Add(bias)
		require.InDeltaSlice(t, want.Floats(), x.LayerNorm(weight, bias, 0.5).Floats(), 1e-13)
	})
}

// Channels beyond the pairs stay, and pass their gradient on.
func TestRotateLeavesTheRest(t *testing.T) {
	tensor.Scoped(func() {
		x := randn(3, 2, 7).RequireGrad()
		angle := randn(3, 1, 2)
		y := x.Rotate(angle.Cos(), angle.Sin())
		turned := x.Narrow(2, 0, 4).Contiguous().Rotate(angle.Cos(), angle.Sin())
		require.Equal(t, turned.Floats(), y.Narrow(2, 0, 4).Floats())
		require.Equal(t, x.Narrow(2, 4, 3).Floats(), y.Narrow(2, 4, 3).Floats())
		y.Square().Sum().Backward() // rotating keeps lengths
		require.InDeltaSlice(t, x.MulScalar(2).Floats(), x.Grad().Floats(), 1e-12)
	})
	err := func() (err error) {
		defer tensor.Catch(&err)
		tensor.Scoped(func() { randn(3, 2, 4).Rotate(randn(3, 1, 3), randn(3, 1, 3)) })
		return nil
	}()
	require.ErrorContains(t, err, "cannot turn 3 pairs of 4 channels")
}

// Capped logits give the same with and without the whole matrix.
func TestTokenLogpsUnderACap(t *testing.T) {
	tensor.Scoped(func() {
		const rows, hidden, vocab, softcap = 9, 5, 12, 1.25
		ids := tensor.Of(tensor.CPU, []int64{0, 11, 3, 3, 7, 1, 2, 10, 5})
		weigh := randn(rows)
		h, w := randn(rows, hidden).RequireGrad(), randn(vocab, hidden).RequireGrad()
		capped := h.Linear(w, tensor.Tensor{}).DivScalar(softcap).Tanh().MulScalar(softcap)
		full := capped.LogSoftmax(1).Gather(1, ids.Unsqueeze(1)).Squeeze(1)
		full.Mul(weigh).Sum().Backward()
		want, wantH, wantW := full.Floats(), h.Grad().Floats(), w.Grad().Floats()

		tensor.NewList([]tensor.Tensor{h, w}).ZeroGrad()
		logps := tensor.TokenLogps(h, w, ids, softcap)
		logps.Mul(weigh).Sum().Backward()
		require.InDeltaSlice(t, want, logps.Floats(), 1e-12)
		require.InDeltaSlice(t, wantH, h.Grad().Floats(), 1e-12)
		require.InDeltaSlice(t, wantW, w.Grad().Floats(), 1e-12)
	})
}

func TestStatesOfFewerGenerators(t *testing.T) {
	state := tensor.RNGState()
	tensor.SetRNGState(nil) // of a device that has none
	require.Equal(t, state, tensor.RNGState())
}
