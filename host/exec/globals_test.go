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
	c := exec.Compile(p, exec.Target{Device: tensor.CPU, Real: tensor.Float64})
	tensor.Scoped(func() {
		alone := c.Loss(centredBatch(1, 2), nil)
		require.Equal(t, 0.5, alone.Terms[0].Sum.Item(), "a batch alone has its own mean")
		sum, count := alone.Globals[0].Read()
		require.Equal(t, []float64{3, 2}, []float64{sum, count})
		sum, count = c.Globals(centredBatch(1, 2))[0].Read()
		require.Equal(t, []float64{3, 2}, []float64{sum, count})

		batch, means := centredBatch(1, 2), exec.Means{tensor.Scalar(tensor.CPU, 3.0)}
		out := c.Loss(batch, means)
		require.Equal(t, 5.0, out.Terms[0].Sum.Item())
		require.Empty(t, out.Globals)
		out.Terms[0].Sum.Backward()
		require.Equal(t, []float64{-4, -2}, batch.Inputs["policy.logps"].Grad().Floats(), "the mean is a constant")

		state := exec.Given{Inputs: map[string]tensor.Tensor{"state.mean": tensor.Scalar(tensor.CPU, 2.5)}}
		next := c.Updates(state, means)
		require.Len(t, next, 1)
		require.Equal(t, 7.5, next[0].Item())
	})
}

// centredBatch holds one label a prompt.
func centredBatch(logps ...float64) exec.Given {
	mask := make([]bool, len(logps))
	for i := range mask {
		mask[i] = true
	}
	n := int64(len(logps))
	return exec.Given{
		Sizes: map[string]int64{"B": n, "K": 1, "T": 1},
		Inputs: map[string]tensor.Tensor{
			"policy.logps": tensor.Of(tensor.CPU, logps, n, 1, 1).RequireGrad(),
			"label_mask":   tensor.Of(tensor.CPU, mask, n, 1, 1),
			"state.mean":   tensor.Scalar(tensor.CPU, 3.0),
		},
	}
}

// asked are inputs that record the requests.
type asked struct {
	exec.Given
	names []string
}

func (a *asked) Input(name string) tensor.Tensor {
	a.names = append(a.names, name)
	return a.Given.Input(name)
}

// Each kind of run asks, once and in the order of the program, only for the inputs
// that its results depend on.
func TestRunsAskForWhatTheyReach(t *testing.T) {
	p, err := program.Parse([]byte(centred))
	require.NoError(t, err)
	c := exec.Compile(p, exec.Target{Device: tensor.CPU, Real: tensor.Float64})
	for name, run := range map[string]struct {
		run  func(in exec.Inputs, means exec.Means)
		want []string
	}{
		"loss of a batch alone": {func(in exec.Inputs, _ exec.Means) { c.Loss(in, nil) }, []string{"policy.logps", "label_mask"}},
		"loss with its means":   {func(in exec.Inputs, means exec.Means) { c.Loss(in, means) }, []string{"policy.logps", "label_mask"}},
		"counts":                {func(in exec.Inputs, _ exec.Means) { c.Counts(in) }, []string{"label_mask"}},
		"globals":               {func(in exec.Inputs, _ exec.Means) { c.Globals(in) }, []string{"policy.logps", "label_mask"}},
		"updates":               {func(in exec.Inputs, means exec.Means) { c.Updates(in, means) }, []string{"state.mean"}},
	} {
		t.Run(name, func(t *testing.T) {
			tensor.Scoped(func() {
				in := &asked{Given: centredBatch(1, 2)}
				run.run(in, exec.Means{tensor.Scalar(tensor.CPU, 3.0)})
				require.Equal(t, run.want, in.names)
			})
		})
	}
}
