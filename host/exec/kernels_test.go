package exec_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"llmhost/host/exec"
	"llmhost/host/tensor"
	"llmhost/sdk/op"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

func TestEveryOpHasAKernel(t *testing.T) {
	var names []string
	for _, row := range op.Table() {
		names = append(names, row.Name)
	}
	require.ElementsMatch(t, names, exec.KernelNames())
}

// gradientTolerance is relative to 1 + |gradient|: central differences in
// float64 with steps of 1e-6 are good to about 1e-9.
const gradientTolerance = 1e-6

// Every op of the table: the result has the shape and type that its rule
// predicts, and the gradient is that of central differences.
func TestEveryOpAgainstItsRow(t *testing.T) {
	for _, row := range op.Table() {
		require.NotEmpty(t, row.Examples, row.Name)
		for i, example := range row.Examples {
			t.Run(fmt.Sprintf("%s/%d", row.Name, i), func(t *testing.T) {
				tensor.Scoped(func() { checkExample(t, row, example) })
			})
		}
	}
}

func checkExample(t *testing.T, row op.Op, example op.Example) {
	values := make([]op.Value, len(example.In))
	for i, s := range example.In {
		values[i] = s.Value
	}
	want, attrs, err := row.Check(values, example.Attrs)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(1, 2))
	data := make([][]float64, len(example.In))
	for i, s := range example.In {
		data[i] = draw(rng, s, example.Sizes)
	}
	call := func(leaf bool) (in []tensor.Tensor, out tensor.Tensor) {
		for i, s := range example.In {
			x := build(s.Value, data[i], example.Sizes)
			if leaf && s.DType == op.F32 {
				x.RequireGrad()
			}
			in = append(in, x)
		}
		return in, exec.RunOp(row.Name, in, attrs, example.Sizes)
	}
	in, out := call(true)
	require.Equal(t, shapeOf(want.Shape, example.Sizes), out.Shape())
	require.Equal(t, map[op.DType]tensor.DType{op.F32: tensor.Float64, op.I64: tensor.Int64, op.Bool: tensor.Bool}[want.DType], out.DType())
	if !row.Differentiable {
		return
	}
	weights := weighing(out.Numel())
	weigh := func(x tensor.Tensor) float64 {
		total := 0.0
		for i, v := range x.Floats() {
			total += v * weights[i]
		}
		return total
	}
	out.Mul(tensor.Of(tensor.CPU, weights, out.Shape()...)).Sum().Backward()
	for i, s := range example.In {
		if s.DType != op.F32 {
			continue
		}
		gradient := in[i].Grad().Floats()
		for j := range data[i] {
			const step = 1e-6
			kept := data[i][j]
			data[i][j] = kept + step
			_, up := call(false)
			data[i][j] = kept - step
			_, down := call(false)
			data[i][j] = kept
			numeric := (weigh(up) - weigh(down)) / (2 * step)
			require.InDelta(t, numeric, gradient[j], gradientTolerance*(1+abs(numeric)), "input %d element %d", i, j)
		}
	}
}

func weighing(n int64) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 0.5 + 0.37*float64(i%7)
	}
	return w
}

func abs(x float64) float64 { return max(x, -x) }

func draw(rng *rand.Rand, s op.Sample, sizes map[string]int64) []float64 {
	n := int64(1)
	for _, d := range shapeOf(s.Shape, sizes) {
		n *= d
	}
	out := make([]float64, n)
	for i := range out {
		switch s.DType {
		case op.F32:
			out[i] = s.Low + rng.Float64()*(s.High-s.Low)
		default:
			out[i] = s.Low + float64(rng.IntN(int(s.High-s.Low)+1))
		}
	}
	return out
}

func build(v op.Value, data []float64, sizes map[string]int64) tensor.Tensor {
	x := tensor.OfShape(tensor.CPU, data, shapeOf(v.Shape, sizes))
	return x.To(map[op.DType]tensor.DType{op.F32: tensor.Float64, op.I64: tensor.Int64, op.Bool: tensor.Bool}[v.DType])
}

func shapeOf(s op.Shape, sizes map[string]int64) []int64 {
	out := make([]int64, len(s))
	for i, d := range s {
		out[i], _ = d.Eval(sizes)
	}
	return out
}

func parse(t *testing.T, text string) *program.Program {
	t.Helper()
	require.True(t, json.Valid([]byte(text)))
	p, err := program.Parse([]byte(text))
	require.NoError(t, err)
	return p
}

const meanLogp = `{"llmhost_program":1,"op_level":1,"kind":"loss",
 "inputs":[{"name":"policy.logps","dtype":"f32","shape":["B","K","T"]},{"name":"label_mask","dtype":"bool","shape":["B","K","T"]}],
 "nodes":[{"op":"sum","in":[0],"attrs":{}},{"op":"neg","in":[2],"attrs":{}},{"op":"sum","in":[1],"attrs":{}}],
 "terms":[{"name":"nll","sum":3,"count":4,"coefficient":1}],
 "metrics":[{"name":"perplexity","sum":3,"count":4,"exp":true}]}`

func TestLossAndCounts(t *testing.T) {
	p := exec.Compile(parse(t, meanLogp), exec.Target{Device: tensor.CPU, Real: tensor.Float32})
	sizes := map[string]int64{"B": 2, "K": 1, "T": 3}
	tensor.Scoped(func() {
		mask := tensor.Of(tensor.CPU, []bool{true, true, false, true, false, false}, 2, 1, 3)
		logps := tensor.Of(tensor.CPU, []float32{-1, -2, 0, -3, 0, 0}, 2, 1, 3)
		require.Equal(t, []float64{3}, p.Counts(exec.Given{Inputs: map[string]tensor.Tensor{"label_mask": mask}, Sizes: sizes}))
		out := p.Loss(exec.Given{Inputs: map[string]tensor.Tensor{"label_mask": mask, "policy.logps": logps}, Sizes: sizes}, nil)
		require.Equal(t, 6.0, out.Terms[0].Sum.Item())
		require.Equal(t, 3.0, out.Terms[0].Count.Item())
		require.Equal(t, 6.0, out.Metrics[0].Sum.Item())
	})
}

func TestWrongArgumentsAreNamed(t *testing.T) {
	p := exec.Compile(parse(t, meanLogp), exec.Target{Device: tensor.CPU, Real: tensor.Float32})
	run := func(inputs map[string]tensor.Tensor) (err error) {
		defer tensor.Catch(&err)
		p.Loss(exec.Given{Inputs: inputs, Sizes: map[string]int64{"B": 2, "K": 1, "T": 3}}, nil)
		return nil
	}
	tensor.Scoped(func() {
		require.ErrorContains(t, run(nil), "program input policy.logps")
		wrong := tensor.Zeros(tensor.CPU, tensor.Float32, 2, 3)
		require.EqualError(t, run(map[string]tensor.Tensor{"policy.logps": wrong}),
			"tensor op program input policy.logps over shapes [2 3]: want [B, K, T], that is [2 1 3]")
	})
}
