package sdktest_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk/op"
	"llmhost/sdk/sdktest"
)

func TestEveryOpHasARule(t *testing.T) {
	var names []string
	for _, row := range op.Table() {
		names = append(names, row.Name)
	}
	require.ElementsMatch(t, names, sdktest.RuleNames())
}

// drawn makes an input of an example.
func drawn(rng *rand.Rand, s op.Sample, sizes map[string]int64) sdktest.Array {
	var shape []int
	for _, d := range s.Shape {
		n, _ := d.Eval(sizes)
		shape = append(shape, int(n))
	}
	x := sdktest.NewArray(s.DType, shape...)
	for i := range x.Data {
		if x.Data[i] = s.Low + rng.Float64()*(s.High-s.Low); s.DType != op.F32 {
			x.Data[i] = s.Low + float64(rng.IntN(int(s.High-s.Low)+1))
		}
	}
	return x
}

// Every row of the op table: shape and type are those that its rule foretells,
// and the gradient is that of central differences.
func TestEveryOpAgainstItsRow(t *testing.T) {
	for _, row := range op.Table() {
		require.NotEmpty(t, row.Examples, row.Name)
		for i, example := range row.Examples {
			t.Run(fmt.Sprintf("%s/%d", row.Name, i), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, 2))
				var in []sdktest.Array
				for _, s := range example.In {
					in = append(in, drawn(rng, s, example.Sizes))
				}
				checkOp(t, row, in, example)
			})
		}
	}
}

func checkOp(t *testing.T, row op.Op, in []sdktest.Array, example op.Example) {
	out, backward, err := sdktest.Op(row.Name, in, example.Attrs, example.Sizes)
	require.NoError(t, err)
	require.Equal(t, row.Differentiable, backward != nil)
	if backward == nil {
		return
	}
	weights := make([]float64, len(out.Data))
	for i := range weights {
		weights[i] = 0.5 + 0.37*float64(i%7)
	}
	weigh := func() (total float64) {
		out, _, err := sdktest.Op(row.Name, in, example.Attrs, example.Sizes)
		require.NoError(t, err)
		for i, v := range out.Data {
			total += v * weights[i]
		}
		return total
	}
	for i, gradient := range backward(weights) {
		require.Equal(t, in[i].DType == op.F32, gradient != nil)
		for j := range gradient {
			const step = 1e-6
			kept := in[i].Data[j]
			in[i].Data[j] = kept + step
			up := weigh()
			in[i].Data[j] = kept - step
			down := weigh()
			in[i].Data[j] = kept
			numeric := (up - down) / (2 * step)
			require.InDelta(t, numeric, gradient[j], 1e-6*(1+math.Abs(numeric)), "input %d element %d", i, j)
		}
	}
}

func f32(data ...float64) sdktest.Array {
	return sdktest.Array{DType: op.F32, Shape: []int{len(data)}, Data: data}
}

func dim(axis int) op.Attrs       { return op.Attrs{{Name: "dim", Kind: op.Axis, Int: axis}} }
func value(kind op.Kind) op.Attrs { return op.Attrs{{Name: "value", Kind: kind, Float: 0}} }
func into() op.Attrs              { return op.Attrs{{Name: "segments", Kind: op.Size, Dim: "N"}} }

var inf, nan = math.Inf(1), math.NaN()

// What happens at the edges is PyTorch's way, which host/exec's test confirms.
func TestEdges(t *testing.T) {
	for _, c := range []struct {
		op        string
		in        []sdktest.Array
		attrs     op.Attrs
		out, grad []float64 // grad of the first input, nil where the op has none
	}{
		{"maximum", []sdktest.Array{f32(1, 2), f32(1, 1)}, nil, []float64{1, 2}, []float64{0.5, 1}},
		{"amax", []sdktest.Array{f32(2, 1, 2)}, nil, []float64{2}, []float64{0.5, 0, 0.5}},
		{"argmax", []sdktest.Array{f32(1, 2, 2)}, dim(0), []float64{1}, nil},
		{"argmax", []sdktest.Array{f32(1, nan, 2)}, dim(0), []float64{1}, nil},
		{"relu", []sdktest.Array{f32(0, -1, 2)}, nil, []float64{0, 0, 2}, []float64{0, 0, 1}},
		{"abs", []sdktest.Array{f32(0, -1)}, nil, []float64{0, 1}, []float64{0, -1}},
		{"clamp_min", []sdktest.Array{f32(0, -1)}, value(op.Number), []float64{0, 0}, []float64{1, 0}},
		{"log", []sdktest.Array{f32(0)}, nil, []float64{-inf}, []float64{inf}},
		{"logsumexp", []sdktest.Array{f32(-inf, 0)}, dim(0), []float64{0}, []float64{0, 1}},
		{"logsigmoid", []sdktest.Array{f32(-1000, 1000)}, nil, []float64{-1000, 0}, []float64{1, 0}},
		{"eq_scalar", []sdktest.Array{f32(nan, 0)}, value(op.Fill), []float64{0, 1}, nil},
		{"pow", []sdktest.Array{f32(0, 2), f32(0, 3)}, nil, []float64{1, 8}, []float64{0, 12}},
	} {
		t.Run(c.op, func(t *testing.T) {
			out, backward, err := sdktest.Op(c.op, c.in, c.attrs, nil)
			require.NoError(t, err)
			require.Equal(t, c.out, out.Data)
			if c.grad != nil {
				ones := make([]float64, len(out.Data))
				for i := range ones {
					ones[i] = 1
				}
				require.Equal(t, c.grad, backward(ones)[0])
			}
		})
	}
}

func TestAnEmptySegmentIsZero(t *testing.T) {
	rows := sdktest.Array{DType: op.I64, Shape: []int{2}, Data: []float64{2, 2}}
	out, _, err := sdktest.Op("segment_max", []sdktest.Array{f32(-3, -4), rows}, into(), map[string]int64{"N": 3})
	require.NoError(t, err)
	require.Equal(t, []float64{0, 0, -3}, out.Data)
}

func TestMisuseOfAnOp(t *testing.T) {
	_, _, err := sdktest.Op("softmax", nil, nil, nil)
	require.EqualError(t, err, `no op is called "softmax"`)
	_, _, err = sdktest.Op("add", []sdktest.Array{f32(1, 2), f32(1, 2, 3)}, nil, nil)
	require.ErrorContains(t, err, "add: shapes [2] and [3] do not broadcast")
	index := sdktest.Array{DType: op.I64, Shape: []int{1}, Data: []float64{-1}}
	_, _, err = sdktest.Op("gather", []sdktest.Array{f32(1, 2), index}, dim(0), nil)
	require.EqualError(t, err, "index -1 is out of range for axis 0, which has 2 elements")
	_, _, err = sdktest.Op("segment_sum", []sdktest.Array{f32(1), index}, into(), map[string]int64{"N": 3})
	require.EqualError(t, err, "segment -1 is out of range: there are 3")
	_, _, err = sdktest.Op("dim_size", nil, op.Attrs{{Name: "dim", Kind: op.Size, Dim: "B"}}, nil)
	require.EqualError(t, err, "dimension B has no size here")
}
