package op

import (
	"errors"
	"strconv"
)

// Level is the newest op level in this table. A program names the newest level
// it uses, so an older host can say what it lacks.
const Level = 1

// MaxNodes is the most nodes that a program may have.
const MaxNodes = 4096

// MaxRank is the most axes a tensor of a program may have.
const MaxRank = 8

// rule gives the output of an op, or says why the inputs do not fit. Its
// attributes have passed the checks of their kinds.
type rule func(in []Value, a Attrs) (Value, error)

// Op is one row of the table. Names and meanings are those of PyTorch.
type Op struct {
	Name   string
	Since  int      // the op level that added it
	Inputs []string // what each input is called in the documentation
	Attrs  []AttrSpec
	Doc    string

	// Differentiable says that gradients flow from the output to the F32
	// inputs. Where it is false the output is a constant for the gradient.
	Differentiable bool

	Infer    rule
	Examples []Example
}

// Example is a call of an op with which a generic test can check shapes, dtypes
// and, if the op is differentiable, gradients by finite differences.
type Example struct {
	In    []Sample
	Attrs Attrs
	Sizes map[string]int64 // sizes of names that occur in no input
}

// Sample says how to draw an input: uniformly from [Low, High], whole numbers
// with both ends for I64, coin flips for Bool.
type Sample struct {
	Value
	Low, High float64
}

// Find returns the row of the named op.
func Find(name string) (Op, bool) {
	for _, row := range table {
		if row.Name == name {
			return row, true
		}
	}
	return Op{}, false
}

// Table returns every row, in the order of the documentation.
func Table() []Op { return append([]Op(nil), table...) }

// Check applies the op's rules: number of inputs, attributes, shapes, types.
// It returns the output and the attributes in canonical form. Errors begin
// with the op's name.
func (o Op) Check(in []Value, given Attrs) (Value, Attrs, error) {
	out, attrs, err := o.check(in, given)
	if err != nil {
		return Value{}, nil, errors.New(o.Name + ": " + err.Error())
	}
	return out, attrs, nil
}

func (o Op) check(in []Value, given Attrs) (Value, Attrs, error) {
	if len(in) != len(o.Inputs) {
		return Value{}, nil, errors.New("has " + strconv.Itoa(len(in)) + " inputs; want " + strconv.Itoa(len(o.Inputs)))
	}
	rank := 0
	if len(in) > 0 {
		rank = len(in[0].Shape)
	}
	attrs, err := resolve(o.Attrs, given, rank)
	if err != nil {
		return Value{}, nil, err
	}
	out, err := o.Infer(in, attrs)
	if err == nil && len(out.Shape) > MaxRank {
		err = errors.New("result has " + strconv.Itoa(len(out.Shape)) + " axes; at most " + strconv.Itoa(MaxRank))
	}
	return out, attrs, err
}

// Attributes that several rows share.
var (
	value    = []AttrSpec{{Name: "value", Kind: Number}}
	fill     = []AttrSpec{{Name: "value", Kind: Fill}}
	axis     = []AttrSpec{{Name: "dim", Kind: Axis}}
	axisKeep = []AttrSpec{{Name: "dim", Kind: Axis}, {Name: "keepdim", Kind: Flag}}
	someAxis = []AttrSpec{{
		Name:     "dim",
		Kind:     Axis,
		Optional: true,
	}, {Name: "keepdim", Kind: Flag, Needs: "dim"}}
	intoRows = []AttrSpec{{Name: "segments", Kind: Size}}
)

// Input names that several rows share.
var (
	none = []string{}
	x    = []string{"x"}
	xy   = []string{"x", "y"}
)

// table is the one list of operations. Rows are never renamed or removed.
var table = []Op{
	// arithmetic
	{"add", 1, xy, nil, "x + y, broadcasting", true, pair(F32, I64), eachPair(-2, 2)},
	{"sub", 1, xy, nil, "x - y, broadcasting", true, pair(F32, I64), eachPair(-2, 2)},
	{"mul", 1, xy, nil, "x · y, broadcasting", true, pair(F32, I64), eachPair(-2, 2)},
	{"div", 1, xy, nil, "x / y, broadcasting", true, pair(F32), eachPair(0.5, 2)},
	{"minimum", 1, xy, nil, "the smaller of x and y, broadcasting; equal elements share the gradient", true, pair(F32, I64), eachPair(-2, 2)},
	{"maximum", 1, xy, nil, "the larger of x and y, broadcasting; equal elements share the gradient", true, pair(F32, I64), eachPair(-2, 2)},
	{"pow", 1, xy, nil, "x to the power y, broadcasting", true, pair(F32), eachPair(0.5, 2)},
	{"add_scalar", 1, x, value, "x + value", true, scalar(F32, I64), one(-2, 2, number(0.75))},
	{"sub_scalar", 1, x, value, "x - value", true, scalar(F32, I64), one(-2, 2, number(0.75))},
	{"mul_scalar", 1, x, value, "x · value", true, scalar(F32, I64), one(-2, 2, number(-1.5))},
	{"div_scalar", 1, x, value, "x / value", true, scalar(F32), one(-2, 2, number(-1.5))},
	{"pow_scalar", 1, x, value, "x to the power value", true, scalar(F32), one(0.5, 2, number(1.5))},
	{"neg", 1, x, nil, "-x", true, unary(F32, I64), one(-2, 2)},
	{"abs", 1, x, nil, "|x|", true, unary(F32, I64), one(-2, 2)},
	{"exp", 1, x, nil, "e to the power x", true, unary(F32), one(-2, 2)},
	{"log", 1, x, nil, "natural logarithm", true, unary(F32), one(0.5, 3)},
	{"expm1", 1, x, nil, "exp(x) - 1, exact for small |x|", true, unary(F32), one(-2, 2)},
	{"log1p", 1, x, nil, "log(1 + x), exact for small |x|", true, unary(F32), one(-0.5, 3)},
	{"sqrt", 1, x, nil, "square root", true, unary(F32), one(0.5, 3)},
	{"square", 1, x, nil, "x · x", true, unary(F32, I64), one(-2, 2)},
	{"relu", 1, x, nil, "max(0, x)", true, unary(F32), one(-2, 2)},
	{"sigmoid", 1, x, nil, "1 / (1 + exp(-x))", true, unary(F32), one(-3, 3)},
	{"logsigmoid", 1, x, nil, "log(sigmoid(x)), exact for large |x|", true, unary(F32), one(-3, 3)},
	{"clamp_min", 1, x, value, "max(x, value)", true, scalar(F32, I64), one(-2, 2, number(-0.5))},
	{"clamp_max", 1, x, value, "min(x, value)", true, scalar(F32, I64), one(-2, 2, number(0.5))},

	// reductions: over axis dim, or over every axis where dim is absent
	{"sum", 1, x, someAxis, "sum; of bool the number of trues, as f32", true, reduction(counted, F32, I64, Bool), reductions(-2, 2)},
	{"mean", 1, x, someAxis, "arithmetic mean", true, reduction(unchanged, F32), reductions(-2, 2)},
	{"amax", 1, x, someAxis, "largest element; equal ones share the gradient", true, reduction(unchanged, F32, I64), reductions(-2, 2)},
	{"amin", 1, x, someAxis, "smallest element; equal ones share the gradient", true, reduction(unchanged, F32, I64), reductions(-2, 2)},
	{"any", 1, x, someAxis, "true where any element is", false, reduction(unchanged, Bool), logicalReductions()},
	{"all", 1, x, someAxis, "true where every element is", false, reduction(unchanged, Bool), logicalReductions()},
	{"argmax", 1, x, axisKeep, "index of the largest element, the first of equals", false, reduction(toIndex, F32, I64), reductions(-2, 2)[1:]},
	{"argmin", 1, x, axisKeep, "index of the smallest element, the first of equals", false, reduction(toIndex, F32, I64), reductions(-2, 2)[1:]},
	{"logsumexp", 1, x, axisKeep, "log of the sum of exponentials, exact for large x", true, reduction(unchanged, F32), reductions(-2, 2)[1:]},
	{"cumsum", 1, x, axis, "running sum along dim; of bool the number of trues, as f32", true, inferCumsum, one(-2, 2, along(1))},

	// shape
	{"unsqueeze", 1, x, []AttrSpec{{Name: "dim", Kind: NewAxis}}, "a new axis of length 1 at dim", true, inferUnsqueeze, one(-2, 2, Attr{
		Name: "dim",
		Kind: NewAxis,
		Int:  -1,
	})},
	{"squeeze", 1, x, axis, "without axis dim, whose length is 1", true, inferSqueeze, []Example{{In: []Sample{draw(F32, -2, 2, "2", "1", "3")}, Attrs: Attrs{along(1)}}}},
	{"expand", 1, x, []AttrSpec{{Name: "shape", Kind: Sizes}}, "x repeated to shape: axes of length 1 and new leading axes", true, inferExpand, []Example{{In: []Sample{draw(F32, -2, 2, "2", "1")}, Attrs: Attrs{{
		Name:  "shape",
		Kind:  Sizes,
		Shape: Shape{"4", "2", "3"},
	}}}}},

	// choosing
	{"gather", 1, []string{"x", "index"}, axis, "x[…, index, …] along dim; index has the axes of x", true, inferGather, []Example{{In: []Sample{draw(F32, -2, 2, "2", "3"), draw(I64, 0, 2, "2", "4")}, Attrs: Attrs{along(1)}}}},
	{"index_select", 1, []string{"x", "index"}, axis, "the entries index of axis dim; index has one axis", true, inferIndexSelect, []Example{{In: []Sample{draw(F32, -2, 2, "3", "2"), draw(I64, 0, 2, "5")}, Attrs: Attrs{along(0)}}}},
	{"where", 1, []string{"condition", "x", "y"}, nil, "x where condition, else y, broadcasting", true, inferWhere, []Example{{In: []Sample{draw(Bool, 0, 1, "2", "1"), draw(F32, -2, 2, "2", "3"), draw(F32, -2, 2, "3")}}}},
	{"where_scalar", 1, []string{"x", "condition"}, fill, "x where condition, else value, broadcasting", true, inferWhereScalar, masked(-0.5)},
	{"masked_fill", 1, []string{"x", "mask"}, fill, "value where mask, else x; mask broadcasts into x", true, inferMaskedFill, masked(-0.5)},

	// comparisons: bool, broadcasting
	{"eq", 1, xy, nil, "x = y", false, compare(F32, I64, Bool), whole()},
	{"ne", 1, xy, nil, "x ≠ y", false, compare(F32, I64, Bool), whole()},
	{"lt", 1, xy, nil, "x < y", false, compare(F32, I64), whole()},
	{"le", 1, xy, nil, "x ≤ y", false, compare(F32, I64), whole()},
	{"gt", 1, xy, nil, "x > y", false, compare(F32, I64), whole()},
	{"ge", 1, xy, nil, "x ≥ y", false, compare(F32, I64), whole()},
	{"eq_scalar", 1, x, fill, "x = value", false, compareScalar, one(-2, 2, bound(1))},
	{"ne_scalar", 1, x, fill, "x ≠ value", false, compareScalar, one(-2, 2, bound(1))},
	{"lt_scalar", 1, x, fill, "x < value", false, compareScalar, one(-2, 2, bound(0.5))},
	{"le_scalar", 1, x, fill, "x ≤ value", false, compareScalar, one(-2, 2, bound(0.5))},
	{"gt_scalar", 1, x, fill, "x > value", false, compareScalar, one(-2, 2, bound(0.5))},
	{"ge_scalar", 1, x, fill, "x ≥ value", false, compareScalar, one(-2, 2, bound(0.5))},
	{"logical_and", 1, xy, nil, "x and y, broadcasting", false, pair(Bool), logical()},
	{"logical_or", 1, xy, nil, "x or y, broadcasting", false, pair(Bool), logical()},
	{"logical_not", 1, x, nil, "not x", false, unary(Bool), []Example{{In: []Sample{draw(Bool, 0, 1, "2", "3")}}}},

	// kind and gradient
	{"to", 1, x, []AttrSpec{{Name: "dtype", Kind: Type}}, "x as dtype; f32 to i64 cuts towards 0, anything but 0 is true", true, inferTo, one(-2, 2, Attr{
		Name:  "dtype",
		Kind:  Type,
		DType: F32,
	})},
	{"detach", 1, x, nil, "x as a constant: no gradient flows through it", false, unary(F32, I64, Bool), one(-2, 2)},
	{"zeros_like", 1, x, nil, "zeros of the shape and type of x", false, unary(F32, I64, Bool), one(-2, 2)},
	{"ones_like", 1, x, nil, "ones of the shape and type of x", false, unary(F32, I64, Bool), one(-2, 2)},
	{"global_mean", 1, []string{"sum", "count"}, nil, "Σsum / Σcount of the scalars over the whole optimizer step, as a constant for the gradient; 0 where Σcount is 0", false, inferGlobalMean, []Example{{In: []Sample{draw(F32, -2, 2), draw(F32, 1, 3)}}}},
	{"dim_size", 1, none, []AttrSpec{{Name: "dim", Kind: Size}}, "the length of the named dimension, as f32", false, inferDimSize, []Example{{Attrs: Attrs{{
		Name: "dim",
		Kind: Size,
		Dim:  "B",
	}}, Sizes: map[string]int64{"B": 3}}}},

	// segments: segment [M] says to which of the segments each entry of the first axis belongs
	{"segment_sum", 1, []string{"x", "segment"}, intoRows, "sum of the entries of each segment, 0 for an empty one", true, inferSegment, intoSegments()},
	{"segment_max", 1, []string{"x", "segment"}, intoRows, "largest entry of each segment, element by element, 0 for an empty one; equal ones share the gradient", true, inferSegment, intoSegments()},
	{"segment_count", 1, []string{"segment"}, intoRows, "number of entries of each segment, as f32", false, inferSegmentCount, []Example{{
		In:    []Sample{draw(I64, 0, 2, "5")},
		Attrs: Attrs{{Name: "segments", Kind: Size, Dim: "N"}},
		Sizes: map[string]int64{"N": 3},
	}}},
}
