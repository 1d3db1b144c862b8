package sdktest

import (
	"fmt"
	"maps"
	"slices"

	"llmhost/sdk/op"
)

// rule computes one op.
type rule struct {
	forward func(c *call) []float64

	// backward returns the gradient of each input, given that of the output;
	// nil for an input that gets no gradient. A rule without it stops
	// gradients.
	backward func(c *call, out, grad []float64) [][]float64
}

// call is one node being computed.
type call struct {
	in []Array
	op.Attrs
	sizes map[string]int64
	shape []int // of the output
	dtype op.DType
}

// fault is a mistake that only shows when a program runs.
type fault struct{ text string }

// fail ends the evaluation; Op and Evaluate return it as an error.
func (c *call) fail(format string, args ...any) { panic(fault{fmt.Sprintf(format, args...)}) }

// rules is the interpreter's side of the op table in sdk/op: a test checks that
// every op has a rule.
var rules = joined(arithmetic, scalars, functions, reductions, shapes, choosing, comparisons, kinds, segments)

func joined(groups ...map[string]rule) map[string]rule {
	all := map[string]rule{}
	for _, group := range groups {
		maps.Copy(all, group)
	}
	return all
}

// Op computes one op. The second result turns a gradient of the output into
// those of the inputs, nil for each that has none; it is nil itself if the op
// is a constant for the gradient. An error means a call that the op does not
// accept, or an index out of range.
func Op(name string, in []Array, attrs op.Attrs, sizes map[string]int64) (out Array, backward func(grad []float64) [][]float64, err error) {
	row, found := op.Find(name)
	if !found {
		return Array{}, nil, fmt.Errorf("no op is called %q", name)
	}
	values := make([]op.Value, len(in))
	for i, a := range in {
		values[i] = op.Value{DType: a.DType, Shape: numerals(a.Shape)}
	}
	want, attrs, err := row.Check(values, attrs)
	if err != nil {
		return Array{}, nil, err
	}
	defer catch(&err)
	return compute(name, in, attrs, sizes, want)
}

// catch turns a fault into an error.
func catch(err *error) {
	switch reason := recover().(type) {
	case nil:
	case fault:
		*err = fmt.Errorf("%s", reason.text)
	default:
		panic(reason)
	}
}

// compute runs the rule of a checked op.
func compute(name string, in []Array, attrs op.Attrs, sizes map[string]int64, want op.Value) (Array, func([]float64) [][]float64, error) {
	shape, err := sizesOf(want.Shape, sizes)
	if err != nil {
		return Array{}, nil, fmt.Errorf("%s: %w", name, err)
	}
	c := &call{
		in:    in,
		Attrs: attrs,
		sizes: sizes,
		shape: shape,
		dtype: want.DType,
	}
	rule := rules[name]
	out := Array{want.DType, shape, rule.forward(c)}
	isReal := func(a Array) bool { return a.DType == op.F32 }
	if rule.backward == nil || !isReal(out) || !slices.ContainsFunc(in, isReal) {
		return out, nil, nil
	}
	return out, func(grad []float64) [][]float64 { return rule.backward(c, out.Data, grad) }, nil
}

// numerals turns known sizes into symbols.
func numerals(shape []int) op.Shape {
	dims := make(op.Shape, len(shape))
	for i, d := range shape {
		dims[i] = op.Dim(fmt.Sprint(d))
	}
	return dims
}

func sizesOf(shape op.Shape, sizes map[string]int64) ([]int, error) {
	out := make([]int, len(shape))
	for i, d := range shape {
		n, err := d.Eval(sizes)
		if err != nil {
			return nil, err
		}
		out[i] = int(n)
	}
	return out, nil
}

// lanes splits the first input at the axis that the op works along.
func (c *call) lanes() lanes {
	axis, one := c.Axis()
	return lanesOf(c.in[0].Shape, axis, one)
}
