package tensor_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmhost/host/tensor"
)

const cpu = tensor.CPU

// sample has four elements of the type, 0 to 3; of bools, one that is false.
func sample(d tensor.DType) tensor.Tensor {
	return tensor.Of(cpu, []float32{0, 1, 2, 3}, 2, 2).To(d)
}

// caught is the failure of f, or nil.
func caught(f func()) (err error) {
	defer tensor.Catch(&err)
	tensor.Scoped(f)
	return err
}

// The types that the comments on operations promise: that of the result for each
// type of the operand, "" where the operation panics.
func TestTypesOfResults(t *testing.T) {
	type on = func(x tensor.Tensor) tensor.Tensor
	for _, c := range []struct {
		name                     string
		op                       on
		bools, int64s, bfloat16s string
	}{
		{"Add", func(x tensor.Tensor) tensor.Tensor { return x.Add(x) }, "bool", "int64", "bfloat16"},
		{"Sub", func(x tensor.Tensor) tensor.Tensor { return x.Sub(x) }, "", "int64", "bfloat16"},
		{"Mul", func(x tensor.Tensor) tensor.Tensor { return x.Mul(x) }, "bool", "int64", "bfloat16"},
		{"Div", func(x tensor.Tensor) tensor.Tensor { return x.Div(x) }, "float32", "float32", "bfloat16"},
		{"Pow", func(x tensor.Tensor) tensor.Tensor { return x.Pow(x) }, "", "int64", "bfloat16"},
		{"Eq", func(x tensor.Tensor) tensor.Tensor { return x.Eq(x) }, "bool", "bool", "bool"},
		{"LogicalOr", func(x tensor.Tensor) tensor.Tensor { return x.LogicalOr(x) }, "bool", "bool", "bool"},
		{"AddScalar of an integer", func(x tensor.Tensor) tensor.Tensor { return x.AddScalar(2) }, "float32", "int64", "bfloat16"},
		{"AddScalar of a fraction", func(x tensor.Tensor) tensor.Tensor { return x.AddScalar(0.5) }, "float32", "float32", "bfloat16"},
		{"DivScalar", func(x tensor.Tensor) tensor.Tensor { return x.DivScalar(2) }, "float32", "float32", "bfloat16"},
		{"PowScalar", func(x tensor.Tensor) tensor.Tensor { return x.PowScalar(2) }, "float32", "int64", "bfloat16"},
		{"PowScalar, negative", func(x tensor.Tensor) tensor.Tensor { return x.PowScalar(-1) }, "float32", "", "bfloat16"},
		{"ClampMin", func(x tensor.Tensor) tensor.Tensor { return x.ClampMin(1) }, "float32", "int64", "bfloat16"},
		{"ClampMin of a fraction", func(x tensor.Tensor) tensor.Tensor { return x.ClampMin(0.5) }, "float32", "float32", "bfloat16"},
		{"ClampMax of a fraction", func(x tensor.Tensor) tensor.Tensor { return x.ClampMax(0.5) }, "float32", "float32", "bfloat16"},
		{"Neg", tensor.Tensor.Neg, "", "int64", "bfloat16"},
		{"Abs", tensor.Tensor.Abs, "", "int64", "bfloat16"},
		{"Exp", tensor.Tensor.Exp, "float32", "float32", "bfloat16"},
		{"Log", tensor.Tensor.Log, "float32", "float32", "bfloat16"},
		{"Expm1", tensor.Tensor.Expm1, "float32", "float32", "bfloat16"},
		{"Log1p", tensor.Tensor.Log1p, "float32", "float32", "bfloat16"},
		{"Sqrt", tensor.Tensor.Sqrt, "float32", "float32", "bfloat16"},
		{"Square", tensor.Tensor.Square, "int64", "int64", "bfloat16"},
		{"Cos", tensor.Tensor.Cos, "float32", "float32", "bfloat16"},
		{"Sin", tensor.Tensor.Sin, "float32", "float32", "bfloat16"},
		{"Tanh", tensor.Tensor.Tanh, "float32", "float32", "bfloat16"},
		{"Relu", tensor.Tensor.Relu, "", "int64", "bfloat16"},
		{"Silu", tensor.Tensor.Silu, "", "", "bfloat16"},
		{"Sigmoid", tensor.Tensor.Sigmoid, "float32", "float32", "bfloat16"},
		{"LogSigmoid", tensor.Tensor.LogSigmoid, "", "", "bfloat16"},
		{"LogicalNot", tensor.Tensor.LogicalNot, "bool", "bool", "bool"},
		{"Isfinite", tensor.Tensor.Isfinite, "bool", "bool", "bool"},
		{"ZerosLike", tensor.Tensor.ZerosLike, "bool", "int64", "bfloat16"},
		{"Sum", tensor.Tensor.Sum, "int64", "int64", "bfloat16"},
		{"SumDim", func(x tensor.Tensor) tensor.Tensor { return x.SumDim(-1, true) }, "int64", "int64", "bfloat16"},
		{"Mean", tensor.Tensor.Mean, "", "", "bfloat16"},
		{"MeanDim", func(x tensor.Tensor) tensor.Tensor { return x.MeanDim(0, false) }, "", "", "bfloat16"},
		{"Amax", func(x tensor.Tensor) tensor.Tensor { return x.Amax(0, false) }, "bool", "int64", "bfloat16"},
		{"Argmin", func(x tensor.Tensor) tensor.Tensor { return x.Argmin(0, false) }, "", "int64", "int64"},
		{"Logsumexp", func(x tensor.Tensor) tensor.Tensor { return x.Logsumexp(0, false) }, "float32", "float32", "bfloat16"},
		{"LogSoftmax", func(x tensor.Tensor) tensor.Tensor { return x.LogSoftmax(0) }, "", "", "bfloat16"},
		{"Cumsum", func(x tensor.Tensor) tensor.Tensor { return x.Cumsum(0) }, "int64", "int64", "bfloat16"},
		{"Any", func(x tensor.Tensor) tensor.Tensor { return x.Any(0, false) }, "bool", "bool", "bool"},
		{"WhereScalar", func(x tensor.Tensor) tensor.Tensor { return x.WhereScalar(x.To(tensor.Bool), 2) }, "float32", "float32", "bfloat16"},
		{"MaskedFill", func(x tensor.Tensor) tensor.Tensor { return x.MaskedFill(x.To(tensor.Bool), 2) }, "bool", "int64", "bfloat16"},
		{"MaskedFill of a fraction", func(x tensor.Tensor) tensor.Tensor { return x.MaskedFill(x.To(tensor.Bool), 0.5) }, "bool", "int64", "bfloat16"},
		{"Dropout", func(x tensor.Tensor) tensor.Tensor { return x.Dropout(0) }, "bool", "int64", "bfloat16"},
		{"RequireGrad", tensor.Tensor.RequireGrad, "", "", "bfloat16"},
	} {
		for d, want := range map[tensor.DType]string{tensor.Bool: c.bools, tensor.Int64: c.int64s, tensor.BFloat16: c.bfloat16s} {
			got := ""
			err := caught(func() { got = c.op(sample(d)).DType().String() })
			assert.Equal(t, want, got, "%s of %s: %v", c.name, d, err)
		}
	}
}

// Shapes, indices and sizes for which an operation panics.
func TestOperandsThatDoNotFitPanic(t *testing.T) {
	x := func() tensor.Tensor { return sample(tensor.Float32) }
	ids := func(values ...int64) tensor.Tensor { return tensor.Of(cpu, values) }
	empty := func() tensor.Tensor { return tensor.Zeros(cpu, tensor.Float32, 0, 2) }
	for name, f := range map[string]func(){
		"axis that is not there":  func() { x().SumDim(2, false) },
		"shapes that do not meet": func() { x().Add(tensor.Zeros(cpu, tensor.Float32, 3)) },
		"maximum of nothing":      func() { empty().Amax(0, false) },
		"minimum of nothing":      func() { empty().Amin(0, false) },
		"place of no maximum":     func() { empty().Argmax(0, false) },
		"place of no minimum":     func() { empty().Argmin(0, false) },
		"expanded length":         func() { x().Expand(3, 2) },
		"view of other size":      func() { x().View(3) },
		"view against memory":     func() { x().Transpose(0, 1).View(4) },
		"narrow too far":          func() { x().Narrow(0, 1, 2) },
		"gather outside":          func() { x().Gather(0, ids(2, 0).View(1, 2)) },
		"select outside":          func() { x().IndexSelect(0, ids(2)) },
		"scatter outside":         func() { x().Scatter(0, ids(5, 0).View(1, 2), x()) },
		"add outside":             func() { x().IndexAdd(0, ids(2), x().Narrow(0, 0, 1)) },
		"product of sizes":        func() { x().Matmul(tensor.Zeros(cpu, tensor.Float32, 3, 2)) },
		"product of types":        func() { x().Matmul(sample(tensor.Float64)) },
		"embedding outside":       func() { x().Embedding(ids(2)) },
		"dropout above one":       func() { x().Dropout(1.5) },
		"backward of many":        func() { x().RequireGrad().MulScalar(2).Backward() },
		"backward of a constant":  func() { x().Sum().Backward() },
		"freeze of no leaf":       func() { x().RequireGrad().MulScalar(2).Freeze() },
		"copy of other shape":     func() { x().CopyTensor(tensor.Zeros(cpu, tensor.Float32, 3)) },
		"device that is not":      func() { x().ToDevice(tensor.Device(99)) },
		"read as another type":    func() { tensor.Slice[int64](x()) },
		"bytes that do not fit":   func() { tensor.FromBytes(cpu, tensor.Int64, make([]byte, 7), 1) },
		"data that does not fit":  func() { tensor.Of(cpu, []float32{1, 2}, 3) },
		"item of many":            func() { x().Item() },
		"draws of integers":       func() { tensor.Randn(cpu, tensor.Int64, 1, 2) },
		"even draws of integers":  func() { tensor.Uniform(cpu, tensor.Int64, 0, 1, 2) },
		"target outside":          func() { tensor.TokenLogps(x(), x(), ids(0, 2), 0) },
		"segments too short":      func() { attentionOver(1) },
		"more pairs than there are": func() {
			wide := tensor.Zeros(cpu, tensor.Float32, 2, 1, 2)
			x().View(2, 1, 2).Rotate(wide, wide)
		},
	} {
		t.Run(name, func(t *testing.T) { require.Error(t, caught(f)) })
	}
}

func TestValuesAtTheEdge(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct {
		want []float64
		got  func() tensor.Tensor
	}{
		"minimum with NaN": {[]float64{nan, 1}, func() tensor.Tensor {
			return tensor.Of(cpu, []float64{nan, 2}).Minimum(tensor.Of(cpu, []float64{0, 1}))
		}},
		"clamp of NaN":          {[]float64{nan}, func() tensor.Tensor { return tensor.Of(cpu, []float64{nan}).ClampMin(1) }},
		"logarithm at 0, below": {[]float64{-inf, nan}, func() tensor.Tensor { return tensor.Of(cpu, []float64{0, -1}).Log() }},
		"power of a negative":   {[]float64{nan}, func() tensor.Tensor { return tensor.Of(cpu, []float64{-1}).PowScalar(0.5) }},
		"mean of nothing":       {[]float64{nan}, tensor.Zeros(cpu, tensor.Float64, 0).Mean},
		"sum of nothing":        {[]float64{0}, tensor.Zeros(cpu, tensor.Float64, 0).Sum},
		"logsumexp of nothing":  {[]float64{-inf}, func() tensor.Tensor { return tensor.Zeros(cpu, tensor.Float64, 0).Logsumexp(0, false) }},
		"any of nothing":        {[]float64{0}, func() tensor.Tensor { return tensor.Zeros(cpu, tensor.Float64, 0).Any(0, false) }},
		"all of nothing":        {[]float64{1}, func() tensor.Tensor { return tensor.Zeros(cpu, tensor.Float64, 0).All(0, false) }},
		"first of equal maxima": {[]float64{1}, func() tensor.Tensor { return tensor.Of(cpu, []float64{0, 3, 3}).Argmax(0, false) }},
		"maximum with NaN":      {[]float64{nan}, func() tensor.Tensor { return tensor.Of(cpu, []float64{5, nan}).Amax(0, false) }},
		"whole part":            {[]float64{-1, 1}, func() tensor.Tensor { return tensor.Of(cpu, []float64{-1.7, 1.7}).To(tensor.Int64) }},
		"slices without a name": {[]float64{4, 7}, func() tensor.Tensor {
			return tensor.Of(cpu, []float64{1, 7}).IndexReduceMax(0, tensor.Of(cpu, []int64{0, 0}), tensor.Of(cpu, []float64{4, 2}))
		}},
		"quotient of integers":   {[]float64{0.5}, func() tensor.Tensor { return tensor.Of(cpu, []int64{1}).Div(tensor.Of(cpu, []int64{2})) }},
		"shared by equal maxima": {[]float64{0, 0.5, 0.5}, sharedByMaxima},
	} {
		t.Run(name, func(t *testing.T) {
			tensor.Scoped(func() {
				got := c.got().Floats()
				require.Len(t, got, len(c.want))
				for i, want := range c.want {
					same := got[i] == want || math.IsNaN(want) && math.IsNaN(got[i])
					require.True(t, same, "got %v, want %v", got, c.want)
				}
			})
		})
	}
}

// sharedByMaxima is the gradient of the maximum of 0, 3 and 3.
func sharedByMaxima() tensor.Tensor {
	x := tensor.Of(cpu, []float64{0, 3, 3}).RequireGrad()
	x.Amax(0, false).Backward()
	return x.Grad()
}

// attentionOver runs attention over two tokens with one segment of some length.
func attentionOver(length int) {
	var segments tensor.Segments
	segments.Add(0, length, -1)
	q := sample(tensor.Float32).View(2, 1, 2)
	tensor.Attention(q, q, q, segments, tensor.AttentionOptions{Scale: 1})
}
