package exec_test

import (
	"testing"

	"llmhost/host/exec"
	"llmhost/host/tensor"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// centred is Σ (ℓ − mean of all ℓ)², with a state that follows the mean.
const centred = `{"llmhost_program":1,"kind":"loss","inputs":[{"name":"policy.logps","dtype":"f32","shape":["B","K","T"]},{"name":"label_mask","dtype":"bool","shape":["B","K","T"]},{"name":"state.mean","dtype":"f32","shape":[]}],
"nodes":[{"op":"sum","in":[0]},{"op":"sum","in":[1]},{"op":"global_mean","in":[3,4]},{"op":"sub","in":[0,5]},{"op":"square","in":[6]},{"op":"where_scalar","in":[7,1],"attrs":{"value":0}},{"op":"sum","in":[8]},{"op":"mul","in":[2,5]}],
"terms":[{"name":"x","sum":9,"count":4}],"states":[{"name":"mean","initial":1,"update":10}]}`

func TestGlobalMeans(t *testing.T) {
	p, err := program.Parse([]byte(centred))
	require.NoError(t, err)
	w := exec.Where{Device: tensor.CPU, Real: tensor.Float64}
	tensor.Scoped(func() {
		batch := func(logps ...float64) exec.Arguments {
			mask := make([]bool, len(logps))
			for i := range mask {
				mask[i] = true
			}
			n := int64(len(logps))
			return exec.Arguments{Sizes: map[string]int64{"B": n, "K": 1, "T": 1}, Inputs: map[string]tensor.Tensor{
				"policy.logps": tensor.Of(tensor.CPU, logps, n, 1, 1).RequireGrad(), "label_mask": tensor.Of(tensor.CPU, mask, n, 1, 1), "state.mean": tensor.Scalar(tensor.CPU, 3.0)}}
		}
		alone := exec.Loss(p, w, batch(1, 2))
		require.Equal(t, 0.5, alone.Terms[0].Sum.Item(), "a batch alone has its own mean")
		sum, count := alone.Globals[0].Read()
		require.Equal(t, []float64{3, 2}, []float64{sum, count})

		node := p.Globals()[0].Node
		known := batch(1, 2)
		known.Globals = map[int]float64{node: 3}
		out := exec.Loss(p, w, known)
		require.Equal(t, 5.0, out.Terms[0].Sum.Item())
		require.Empty(t, out.Globals)
		out.Terms[0].Sum.Backward()
		require.Equal(t, []float64{-4, -2}, known.Inputs["policy.logps"].Grad().Floats(), "the mean is a constant")
		require.Equal(t, map[string]float64{"mean": 7.5}, exec.Updates(p, w, map[string]float64{"mean": 2.5}, map[int]float64{node: 3}))
	})
}
