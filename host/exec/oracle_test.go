package exec_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"llmhost/builtin"
	"llmhost/host/exec"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/sdk"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"

	"github.com/stretchr/testify/require"
)

// oracleTolerance is relative to 1 + |value|: both sides are float64 and differ
// only in the order of sums.
const oracleTolerance = 1e-10

// toTensor copies an array of the interpreter to libtorch.
func toTensor(a sdktest.Array) tensor.Tensor {
	shape := make([]int64, len(a.Shape))
	for i, d := range a.Shape {
		shape[i] = int64(d)
	}
	return tensor.OfShape(tensor.CPU, a.Data, shape).To(realTypes[a.DType])
}

var realTypes = map[op.DType]tensor.DType{op.F32: tensor.Float64, op.I64: tensor.Int64, op.Bool: tensor.Bool}

func requireNear(t *testing.T, want, got []float64, what string, args ...any) {
	t.Helper()
	require.Len(t, got, len(want), what)
	for i := range want {
		same := want[i] == got[i] || math.IsNaN(want[i]) && math.IsNaN(got[i]) ||
			math.Abs(want[i]-got[i]) <= oracleTolerance*(1+math.Abs(want[i]))
		require.True(t, same, "%s: element %d is %v; the interpreter has %v", fmt.Sprintf(what, args...), i, got[i], want[i])
	}
}

// holdOp runs one op both ways and compares values and gradients.
func holdOp(t *testing.T, name string, in []sdktest.Array, attrs op.Attrs, sizes map[string]int64) sdktest.Array {
	t.Helper()
	want, backward, err := sdktest.Op(name, in, attrs, sizes)
	require.NoError(t, err, name)
	values := make([]op.Value, len(in))
	for i, a := range in {
		values[i] = op.Value{DType: a.DType}
		for _, d := range a.Shape {
			values[i].Shape = append(values[i].Shape, op.Dim(fmt.Sprint(d)))
		}
	}
	row, _ := op.Find(name)
	_, canonical, err := row.Check(values, attrs)
	require.NoError(t, err)
	tensor.Scoped(func() {
		tensors := make([]tensor.Tensor, len(in))
		for i, a := range in {
			if tensors[i] = toTensor(a); a.DType == op.F32 {
				tensors[i].RequireGrad()
			}
		}
		got := exec.RunOp(name, tensors, canonical, sizes)
		require.Equal(t, realTypes[want.DType], got.DType(), name)
		requireNear(t, want.Data, got.To(tensor.Float64).Floats(), "%s%v", name, in)
		if backward == nil {
			return
		}
		weights := weighing(int64(len(want.Data)))
		got.Mul(tensor.OfShape(tensor.CPU, weights, got.Shape())).Sum().Backward()
		for i, g := range backward(weights) {
			if g != nil {
				requireNear(t, g, tensors[i].Grad().Floats(), "gradient of input %d of %s%v", i, name, in)
			}
		}
	})
	return want
}

// Every op of the table, on its own examples.
func TestEveryOpAgainstTheOracle(t *testing.T) {
	for _, row := range op.Table() {
		require.NotEmpty(t, row.Examples, row.Name)
		rng := rand.New(rand.NewPCG(7, 1))
		for range 5 {
			for _, example := range row.Examples {
				var in []sdktest.Array
				for _, s := range example.In {
					x := sdktest.Array{DType: s.DType, Data: draw(rng, s, example.Sizes)}
					for _, d := range shapeOf(s.Shape, example.Sizes) {
						x.Shape = append(x.Shape, int(d))
					}
					in = append(in, x)
				}
				holdOp(t, row.Name, in, example.Attrs, example.Sizes)
			}
		}
	}
}

// Integers stay integers in operations with a number of the program.
func TestWholeNumbersAgainstTheOracle(t *testing.T) {
	whole := sdktest.Array{DType: op.I64, Shape: []int{5}, Data: []float64{-3, 0, 1, 2, 1 << 40}}
	mask := sdktest.Array{DType: op.Bool, Shape: []int{5}, Data: []float64{1, 0, 1, 0, 0}}
	number := func(kind op.Kind, v float64) op.Attrs { return op.Attrs{{Name: "value", Kind: kind, Float: v}} }
	for _, name := range []string{"add_scalar", "sub_scalar", "mul_scalar", "clamp_min", "clamp_max"} {
		holdOp(t, name, []sdktest.Array{whole}, number(op.Number, 3), nil)
	}
	for _, name := range []string{"eq_scalar", "ne_scalar", "lt_scalar", "le_scalar", "gt_scalar", "ge_scalar"} {
		for _, v := range []float64{1, 0, -3} {
			holdOp(t, name, []sdktest.Array{whole}, number(op.Fill, v), nil)
		}
	}
	for _, name := range []string{"where_scalar", "masked_fill"} {
		holdOp(t, name, []sdktest.Array{whole, mask}, number(op.Fill, 7), nil)
	}
	for _, name := range []string{"neg", "abs", "square"} {
		holdOp(t, name, []sdktest.Array{{DType: op.I64, Shape: []int{4}, Data: []float64{-3, 0, 1, 2}}}, nil, nil)
	}
}

// Ties, zeros, infinities and NaN, where two systems differ most easily.
func TestEdgesAgainstTheOracle(t *testing.T) {
	edge := sdktest.Array{DType: op.F32, Shape: []int{9}, Data: []float64{0, 0, 1, 1, -1, -2.5, 60, -60, 2}}
	other := sdktest.Array{DType: op.F32, Shape: []int{9}, Data: []float64{0, 1, 1, 2, -1, 3, 2, 2, 0}}
	special := sdktest.Array{DType: op.F32, Shape: []int{3}, Data: []float64{math.Inf(1), math.Inf(-1), math.NaN()}}
	tied := sdktest.Array{DType: op.F32, Shape: []int{2, 3}, Data: []float64{1, 1, 0, math.Inf(-1), -2, math.Inf(-1)}}
	for _, name := range []string{"minimum", "maximum", "pow", "mul", "sub", "eq", "lt", "ge"} {
		holdOp(t, name, []sdktest.Array{edge, other}, nil, nil)
	}
	holdOp(t, "div", []sdktest.Array{other, edge}, nil, nil)
	for _, name := range []string{"neg", "abs", "exp", "log", "sqrt", "square", "relu", "sigmoid", "logsigmoid"} {
		holdOp(t, name, []sdktest.Array{edge}, nil, nil)
		holdOp(t, name, []sdktest.Array{special}, nil, nil)
	}
	number := func(kind op.Kind, v float64) op.Attrs { return op.Attrs{{Name: "value", Kind: kind, Float: v}} }
	for _, v := range []float64{0, 1, 2, -1, 0.5} {
		for _, name := range []string{"pow_scalar", "clamp_min", "clamp_max"} {
			holdOp(t, name, []sdktest.Array{edge}, number(op.Number, v), nil)
		}
		holdOp(t, "le_scalar", []sdktest.Array{special}, number(op.Fill, v), nil)
	}
	along := op.Attrs{{Name: "dim", Kind: op.Axis, Int: 1}}
	for _, name := range []string{"sum", "mean", "amax", "amin", "argmax", "argmin", "logsumexp"} {
		holdOp(t, name, []sdktest.Array{tied}, along, nil)
	}
	rows := sdktest.Array{DType: op.I64, Shape: []int{4}, Data: []float64{0, 0, 2, 2}}
	x := sdktest.Array{DType: op.F32, Shape: []int{4, 2}, Data: []float64{-1, 2, -1, 1, -3, 0, -4, 0}}
	into := op.Attrs{{Name: "segments", Kind: op.Size, Dim: "N"}}
	for _, name := range []string{"segment_sum", "segment_max"} {
		holdOp(t, name, []sdktest.Array{x, rows}, into, map[string]int64{"N": 3})
	}
	for _, dtype := range []op.DType{op.I64, op.Bool} {
		holdOp(t, "to", []sdktest.Array{edge}, op.Attrs{{Name: "dtype", Kind: op.Type, DType: dtype}}, nil)
	}
}

// shipped lists the plugins whose programs are compared with the oracle.
func shipped() []sdk.Plugin { return builtin.All() }

// settings are the defaults of a component, and each of its choices.
func settings(c *plugin.Component) []map[string]any {
	all := []map[string]any{nil}
	for _, p := range c.Params {
		for _, choice := range p.Choices {
			all = append(all, map[string]any{p.Name: choice})
		}
	}
	return all
}

func TestShippedProgramsAgainstTheOracle(t *testing.T) {
	ctx := context.Background()
	c, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: shipped()})
	require.NoError(t, err)
	tried := map[plugin.Kind]int{}
	for _, p := range c.Builtin() {
		for _, component := range p.Components {
			if component.Kind == plugin.Formatter {
				continue
			}
			tried[component.Kind]++
			for _, values := range settings(component) {
				t.Run(fmt.Sprint(component.Kind, " ", component.Name, values), func(t *testing.T) {
					trace, err := component.Trace(ctx, values)
					require.NoError(t, err)
					rng := rand.New(rand.NewPCG(11, 3))
					for range 5 {
						holdProgram(t, trace.Program, arguments(t, rng, trace.Program))
					}
				})
			}
		}
	}
	require.NotZero(t, tried[plugin.Loss])
	require.NotZero(t, tried[plugin.Pooling])
}

// arguments draws a batch with everything that a program may read.
func arguments(t *testing.T, rng *rand.Rand, p *program.Program) sdktest.Arguments {
	if p.Kind == op.PoolingProgram {
		in := sdktest.PoolInputs{Scattered: true, EOS: 10 + rng.IntN(3)}
		for range 1 + rng.IntN(4) {
			in.Hidden = append(in.Hidden, rows(rng, 1+rng.IntN(4), 3))
		}
		return in.Arguments()
	}
	in := sdktest.Inputs{Columns: map[string][][]float64{}, ExampleColumns: map[string][]float64{}, Logits: map[string][][]float64{}, Labels: map[string][]int{}}
	for range 1 + rng.IntN(4) {
		var logps, reference [][]float64
		for range 1 + rng.IntN(4) {
			n := rng.IntN(5)
			logps, reference = append(logps, rows(rng, 1, n)[0]), append(reference, rows(rng, 1, n)[0])
		}
		in.Logps, in.RefLogps = append(in.Logps, logps), append(in.RefLogps, reference)
	}
	for _, name := range p.InputNames() {
		drawColumn(rng, &in, name)
	}
	a, err := in.Arguments()
	require.NoError(t, err)
	return a
}

func drawColumn(rng *rand.Rand, in *sdktest.Inputs, input string) {
	var column, head string
	switch {
	case scan(input, "column.", &column):
		for _, prompt := range in.Logps {
			in.Columns[column] = append(in.Columns[column], rows(rng, 1, len(prompt))[0])
		}
	case scan(input, "example_column.", &column):
		in.ExampleColumns[column] = rows(rng, 1, len(in.Logps))[0]
	case input == "rewards":
		in.Rewards = nil
		for _, prompt := range in.Logps {
			in.Rewards = append(in.Rewards, rows(rng, 1, len(prompt))[0])
		}
	case input == "kl.reverse":
		in.ReverseKL = alike(rng, in.Logps)
	case input == "kl.forward":
		in.ForwardKL = alike(rng, in.Logps)
	case input == "policy.vocab_mean_logps":
		in.VocabMeanLogps = alike(rng, in.Logps)
	case input == "mismatched.policy.logps":
		in.MismatchedLogps = alike(rng, in.Logps)
	case input == "mismatched.ref.logps":
		in.MismatchedRefLogps = alike(rng, in.Logps)
	case scan(input, "logits.", &head):
		in.Logits[head] = rows(rng, len(in.Logps), 3)
	case scan(input, "label.", &head):
		for range in.Logps {
			in.Labels[head] = append(in.Labels[head], []int{sdktest.NoLabel, 0, 1, 2}[rng.IntN(4)])
		}
	}
}

// alike draws positive numbers in the layout of others.
func alike(rng *rand.Rand, logps [][][]float64) (out [][][]float64) {
	for _, prompt := range logps {
		var drawn [][]float64
		for _, row := range prompt {
			one := rows(rng, 1, len(row))[0]
			for i := range one {
				one[i] = -one[i]
			}
			drawn = append(drawn, one)
		}
		out = append(out, drawn)
	}
	return out
}

func scan(text, prefix string, rest *string) bool {
	n, _ := fmt.Sscanf(text, prefix+"%s", rest)
	return n == 1
}

func rows(rng *rand.Rand, n, width int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		out[i] = make([]float64, width)
		for j := range out[i] {
			out[i][j] = -3 * rng.Float64()
		}
	}
	return out
}

// holdProgram compares every node by itself, then the results of the program.
func holdProgram(t *testing.T, p *program.Program, a sdktest.Arguments) {
	oracle := &sdktest.Traced{Program: p}
	e, err := oracle.Evaluate(a)
	require.NoError(t, err)
	for i, node := range oracle.Nodes {
		in := make([]sdktest.Array, len(node.In))
		for j, v := range node.In {
			in[j] = e.Values[v]
		}
		out := holdOp(t, node.Op, in, node.Attrs, a.Sizes)
		require.Equal(t, e.Values[len(oracle.Inputs)+i].Data, out.Data)
	}
	tensor.Scoped(func() {
		args := exec.Given{Inputs: map[string]tensor.Tensor{}, Sizes: a.Sizes}
		for i, input := range p.Inputs {
			if args.Inputs[input.Name] = toTensor(e.Values[i]); input.FromModel {
				args.Inputs[input.Name].RequireGrad()
			}
		}
		compiled := exec.Compile(p, exec.Target{Device: tensor.CPU, Real: tensor.Float64})
		if p.Kind == op.PoolingProgram {
			holdPooling(t, oracle, e, compiled.Pool(args), args)
			return
		}
		holdLoss(t, e, compiled.Loss(args, nil), args)
	})
}

func holdPooling(t *testing.T, p *sdktest.Traced, e *sdktest.Evaluation, got tensor.Tensor, args exec.Given) {
	requireNear(t, e.Values[p.Output].Data, got.Floats(), "output")
	weights := weighing(got.Numel())
	got.Mul(tensor.OfShape(tensor.CPU, weights, got.Shape())).Sum().Backward()
	requireNear(t, e.Gradient(map[int][]float64{p.Output: weights})["hidden"], args.Inputs["hidden"].Grad().Floats(), "gradient")
}

func holdLoss(t *testing.T, e *sdktest.Evaluation, got exec.Outputs, args exec.Given) {
	total := tensor.Scalar(tensor.CPU, 0.0)
	for i, term := range e.Program.Terms {
		sum, count := got.Terms[i].Read()
		requireNear(t, []float64{e.Number(term.Sum), e.Number(term.Count)}, []float64{sum, count}, "term %s", term.Name)
		if count == 0 {
			count = 1
		}
		total = total.Add(got.Terms[i].Sum.MulScalar(term.Coefficient / count))
	}
	for i, m := range e.Program.Metrics {
		sum, count := got.Metrics[i].Read()
		requireNear(t, []float64{e.Number(m.Sum), e.Number(m.Count)}, []float64{sum, count}, "metric %s", m.Name)
	}
	requireNear(t, []float64{e.Loss()}, []float64{total.Item()}, "loss")
	total.Backward()
	for name, gradient := range e.Gradient(e.LossSeeds()) {
		got := make([]float64, len(gradient)) // where only metrics read the input
		if g := args.Inputs[name].Grad(); g.Defined() {
			got = g.Floats()
		}
		requireNear(t, gradient, got, "gradient of %s", name)
	}
}
