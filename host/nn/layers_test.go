package nn_test

import (
	"testing"

	"llmhost/host/nn"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

func TestNormsAreTheirFormulas(t *testing.T) {
	p := nn.NewParams(drawn, tensor.Float64)
	defer p.Free()
	layer, centred := p.LayerNorm("l", 4, 0.25), p.CentredRMSNorm("c", 4, 0.25)
	var names []string
	for _, q := range p.All() {
		names = append(names, q.Name)
	}
	require.Equal(t, []string{"l.weight", "l.bias", "c.weight"}, names)
	tensor.Scoped(func() {
		x := tensor.Of(tensor.CPU, []float64{1, 2, 3, 5, 0, 0, 0, 0}, 2, 4)
		moved := x.Sub(x.MeanDim(-1, true))
		want := moved.Div(moved.Square().MeanDim(-1, true).AddScalar(0.25).Sqrt()).Mul(layer.Weight).Add(layer.Bias)
		require.InDeltaSlice(t, want.Floats(), layer.Forward(x).Floats(), 1e-12)
		want = x.Div(x.Square().MeanDim(-1, true).AddScalar(0.25).Sqrt()).Mul(centred.Weight.AddScalar(1))
		require.InDeltaSlice(t, want.Floats(), centred.Forward(x).Floats(), 1e-12)
		for _, y := range []tensor.Tensor{layer.Forward(x.To(tensor.BFloat16)), centred.Forward(x.To(tensor.BFloat16))} {
			require.Equal(t, tensor.BFloat16, y.DType(), "a norm keeps the type")
		}
	})
}

// A weight too small to show next to 1 in half precision still counts.
func TestCentredNormsOfHalfPrecision(t *testing.T) {
	p := nn.NewParams(func(_ string, shape []int64) (w tensor.Tensor) {
		tensor.Scoped(func() { w = tensor.Full(tensor.CPU, tensor.BFloat16, 1.0/1024, shape...).Own() })
		return w
	}, tensor.BFloat16)
	defer p.Free()
	n := p.CentredRMSNorm("n", 2, 0)
	tensor.Scoped(func() {
		y := n.Forward(tensor.Of(tensor.CPU, []float32{1, -1}))
		require.InDelta(t, 1+1.0/1024, y.Floats()[0], 1e-6)
	})
}

func TestDropoutFollowsTheMode(t *testing.T) {
	p := nn.NewParams(drawn, tensor.Float64)
	d, none := p.Dropout(0.25), p.Dropout(0)
	tensor.Scoped(func() {
		x := tensor.Full(tensor.CPU, tensor.Float64, 3, 100, 100).RequireGrad()
		require.Equal(t, x, d.Forward(x))
		require.Zero(t, d.Rate())
		p.Mode().Training = true
		require.Equal(t, x, none.Forward(x))
		require.Equal(t, 0.25, d.Rate())
		tensor.ManualSeed(1)
		y := d.Forward(x)
		zeros := 0
		for _, v := range y.Floats() {
			require.Contains(t, []float64{0, 4}, v)
			if v == 0 {
				zeros++
			}
		}
		require.InDelta(t, 2500, zeros, 200)
		tensor.ManualSeed(1)
		require.Equal(t, y.Floats(), d.Forward(x).Floats())
		y.Sum().Backward()
		require.Equal(t, y.DivScalar(3).Floats(), x.Grad().Floats(), "what is dropped has no gradient")
	})
}

func TestHeads(t *testing.T) {
	require.False(t, nn.Head{}.Defined())
	require.False(t, nn.Head{Softcap: 2}.Defined())
	tensor.Scoped(func() {
		tensor.ManualSeed(2)
		hidden := tensor.Randn(tensor.CPU, tensor.Float64, 2, 3, 4)
		ids := tensor.Of(tensor.CPU, []int64{0, 4, 2})
		for _, softcap := range []float64{0, 1.5} {
			h := nn.Head{Weight: tensor.Randn(tensor.CPU, tensor.Float32, 2, 5, 4), Softcap: softcap}
			logits := h.Logits(hidden)
			require.Equal(t, []int64{3, 5}, logits.Shape())
			require.Equal(t, tensor.Float64, logits.DType())
			if softcap > 0 {
				require.Less(t, logits.Abs().Amax(1, false).Amax(0, false).Item(), softcap)
			}
			want := logits.LogSoftmax(1).Gather(1, ids.Unsqueeze(1)).Squeeze(1)
			require.InDeltaSlice(t, want.Floats(), h.TokenLogps(hidden, ids).Floats(), 1e-12)
			logps, means := h.TokenLogpsAndMeans(hidden, ids)
			require.InDeltaSlice(t, want.Floats(), logps.Floats(), 1e-12)
			require.InDeltaSlice(t, logits.LogSoftmax(1).MeanDim(1, false).Floats(), means.Floats(), 1e-12)
		}
	})
}

func TestActivations(t *testing.T) {
	tensor.Scoped(func() {
		x := tensor.Of(tensor.CPU, []float64{-2, 0.5})
		for name, want := range map[string][]float64{
			"gelu": {-0.04550026389635842, 0.34573123063700656}, "gelu_new": {-0.04540230591222425, 0.34571400982514394},
			"gelu_fast": {-0.04540230591222425, 0.34571400982514394}, "quick_gelu": {-0.06434137685579186, 0.35038843660638014},
			"relu": {0, 0.5}, "silu": {-0.2384058440442351, 0.3112296656009273}, "swish": {-0.2384058440442351, 0.3112296656009273},
		} {
			f, err := nn.ActivationOf("hidden_act", name)
			require.NoError(t, err)
			require.InDeltaSlice(t, want, f(x).Floats(), 1e-9, name)
		}
	})
	_, err := nn.ActivationOf("hidden_act", "snake")
	require.EqualError(t, err, `hidden_act is "snake"; want one of gelu, gelu_accurate, gelu_fast, gelu_new, gelu_python, gelu_python_tanh, gelu_pytorch_tanh, quick_gelu, relu, silu, swish`)
}
