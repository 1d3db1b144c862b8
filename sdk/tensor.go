package sdk

import (
	"sort"
	"strconv"

	"llmhost/sdk/op"
)

// Tensor is a value of a trace. Methods are named as in PyTorch and record
// operations; they compute nothing. Negative axes count from the last. Shapes
// broadcast as in PyTorch, with dimensions equal by name or 1. Types never
// change silently: use To.
type Tensor struct {
	g  *Graph
	id int // from 1, so that the zero Tensor is not a value
}

// String is the tensor's type and shape, such as "f32 [B, K]".
func (t Tensor) String() string {
	if t.g == nil {
		return "empty tensor"
	}
	return t.g.values[t.id-1].Value.String()
}

// do records an operation on t and others.
func (t Tensor) do(name string, attrs op.Attrs, others ...Tensor) Tensor {
	if t.g == nil {
		panic("sdk: " + name + " of an empty Tensor; want one that came from the Graph")
	}
	return t.g.record(name, attrs, append([]Tensor{t}, others...)...)
}

func number(v float64) op.Attrs {
	return op.Attrs{{
		Name:  "value",
		Kind:  op.Number,
		Float: v,
	}}
}
func fill(v float64) op.Attrs {
	return op.Attrs{{
		Name:  "value",
		Kind:  op.Fill,
		Float: v,
	}}
}
func axis(dim int) op.Attrs {
	return op.Attrs{{
		Name: "dim",
		Kind: op.Axis,
		Int:  dim,
	}}
}

// Add is t + u.
func (t Tensor) Add(u Tensor) Tensor { return t.do("add", nil, u) }

// Sub is t - u.
func (t Tensor) Sub(u Tensor) Tensor { return t.do("sub", nil, u) }

// Mul is t · u.
func (t Tensor) Mul(u Tensor) Tensor { return t.do("mul", nil, u) }

// Div is t / u.
func (t Tensor) Div(u Tensor) Tensor { return t.do("div", nil, u) }

// Minimum is the smaller of t and u, element by element.
func (t Tensor) Minimum(u Tensor) Tensor { return t.do("minimum", nil, u) }

// Maximum is the larger of t and u, element by element.
func (t Tensor) Maximum(u Tensor) Tensor { return t.do("maximum", nil, u) }

// PowTensor is t to the power u.
func (t Tensor) PowTensor(u Tensor) Tensor { return t.do("pow", nil, u) }

// AddScalar is t + v.
func (t Tensor) AddScalar(v float64) Tensor { return t.do("add_scalar", number(v)) }

// SubScalar is t - v.
func (t Tensor) SubScalar(v float64) Tensor { return t.do("sub_scalar", number(v)) }

// MulScalar is t · v.
func (t Tensor) MulScalar(v float64) Tensor { return t.do("mul_scalar", number(v)) }

// DivScalar is t / v.
func (t Tensor) DivScalar(v float64) Tensor { return t.do("div_scalar", number(v)) }

// Pow is t to the power v.
func (t Tensor) Pow(v float64) Tensor { return t.do("pow_scalar", number(v)) }

// ClampMin is max(t, v).
func (t Tensor) ClampMin(v float64) Tensor { return t.do("clamp_min", number(v)) }

// ClampMax is min(t, v).
func (t Tensor) ClampMax(v float64) Tensor { return t.do("clamp_max", number(v)) }

// Neg is -t.
func (t Tensor) Neg() Tensor { return t.do("neg", nil) }

// Abs is |t|.
func (t Tensor) Abs() Tensor { return t.do("abs", nil) }

// Exp is e to the power t.
func (t Tensor) Exp() Tensor { return t.do("exp", nil) }

// Log is the natural logarithm.
func (t Tensor) Log() Tensor { return t.do("log", nil) }

// Sqrt is the square root.
func (t Tensor) Sqrt() Tensor { return t.do("sqrt", nil) }

// Expm1 is exp(t) − 1, exact for small |t|.
func (t Tensor) Expm1() Tensor { return t.do("expm1", nil) }

// Log1p is log(1 + t), exact for small |t|.
func (t Tensor) Log1p() Tensor { return t.do("log1p", nil) }

// GlobalMean is Σt / Σcount over the whole optimizer step, however it is cut into
// batches, f32 []: a constant for the gradient, 0 if the count is 0. Both are
// scalars. A term that reads it makes the host compute it before the step's first
// gradient; it cannot be computed from another GlobalMean.
func (t Tensor) GlobalMean(count Tensor) Tensor { return t.g.record("global_mean", nil, t, count) }

// Square is t · t.
func (t Tensor) Square() Tensor { return t.do("square", nil) }

// Relu is max(0, t).
func (t Tensor) Relu() Tensor { return t.do("relu", nil) }

// Sigmoid is 1 / (1 + exp(-t)).
func (t Tensor) Sigmoid() Tensor { return t.do("sigmoid", nil) }

// LogSigmoid is log(sigmoid(t)), exact for large |t|.
func (t Tensor) LogSigmoid() Tensor { return t.do("logsigmoid", nil) }

// Sum adds up the given axes, or all of them if none are given. Of a bool
// tensor it counts the trues, in f32. Follow with Unsqueeze to keep an axis.
func (t Tensor) Sum(dims ...int) Tensor { return t.reduce("sum", dims) }

// Mean averages the given axes, or all of them.
func (t Tensor) Mean(dims ...int) Tensor { return t.reduce("mean", dims) }

// Amax is the largest element along the given axes, or of all.
func (t Tensor) Amax(dims ...int) Tensor { return t.reduce("amax", dims) }

// Amin is the smallest element along the given axes, or of all.
func (t Tensor) Amin(dims ...int) Tensor { return t.reduce("amin", dims) }

// Any is true where any element along the given axes is.
func (t Tensor) Any(dims ...int) Tensor { return t.reduce("any", dims) }

// All is true where every element along the given axes is.
func (t Tensor) All(dims ...int) Tensor { return t.reduce("all", dims) }

// reduce reduces the axes from the last to the first, so that the remaining
// ones keep their numbers.
func (t Tensor) reduce(name string, dims []int) Tensor {
	if len(dims) < 2 || t.g == nil {
		attrs := op.Attrs(nil)
		if len(dims) == 1 {
			attrs = axis(dims[0])
		}
		return t.do(name, attrs)
	}
	rank := len(t.shape())
	order := make([]int, len(dims))
	for i, dim := range dims {
		if order[i] = dim; dim < 0 {
			order[i] += rank
		}
	}
	sort.Sort(sort.Reverse(sort.IntSlice(order)))
	for i, dim := range order {
		if i > 0 && dim == order[i-1] {
			t.g.fail(authorLine(), name+": axis "+strconv.Itoa(dim)+" is given twice")
		}
		t = t.do(name, axis(dim))
	}
	return t
}

func (t Tensor) shape() Shape { return t.g.values[t.id-1].Shape }

// Argmax is the index of the largest element along dim, the first of equals, i64.
func (t Tensor) Argmax(dim int) Tensor { return t.do("argmax", axis(dim)) }

// Argmin is the index of the smallest element along dim, the first of equals, i64.
func (t Tensor) Argmin(dim int) Tensor { return t.do("argmin", axis(dim)) }

// LogSumExp is the log of the sum of exponentials along dim.
func (t Tensor) LogSumExp(dim int) Tensor { return t.do("logsumexp", axis(dim)) }

// CumSum is the running sum along dim. Of a bool tensor it counts the trues.
func (t Tensor) CumSum(dim int) Tensor { return t.do("cumsum", axis(dim)) }

// Unsqueeze puts a new axis of length 1 at dim.
func (t Tensor) Unsqueeze(dim int) Tensor {
	return t.do("unsqueeze", op.Attrs{{
		Name: "dim",
		Kind: op.NewAxis,
		Int:  dim,
	}})
}

// Squeeze takes away axis dim, whose length is 1.
func (t Tensor) Squeeze(dim int) Tensor { return t.do("squeeze", axis(dim)) }

// Expand repeats axes of length 1, and adds leading ones, up to shape.
func (t Tensor) Expand(shape ...Dim) Tensor {
	return t.do("expand", op.Attrs{{
		Name:  "shape",
		Kind:  op.Sizes,
		Shape: shape,
	}})
}

// ExpandAs is Expand to the shape of u.
func (t Tensor) ExpandAs(u Tensor) Tensor {
	if u.g == nil {
		panic("sdk: ExpandAs to an empty Tensor")
	}
	return t.Expand(u.shape()...)
}

// Gather picks elements along dim by index, i64 with the axes of t.
func (t Tensor) Gather(dim int, index Tensor) Tensor { return t.do("gather", axis(dim), index) }

// IndexSelect picks the entries index, i64 of one axis, of axis dim.
func (t Tensor) IndexSelect(dim int, index Tensor) Tensor {
	return t.do("index_select", axis(dim), index)
}

// Where is t where condition holds, else other.
func (t Tensor) Where(condition Tensor, other float64) Tensor {
	return t.do("where_scalar", fill(other), condition)
}

// Where is a where condition holds, else b.
func Where(condition, a, b Tensor) Tensor { return condition.do("where", nil, a, b) }

// MaskedFill is v where mask holds, else t.
func (t Tensor) MaskedFill(mask Tensor, v float64) Tensor { return t.do("masked_fill", fill(v), mask) }

// Eq is t = u, as bool.
func (t Tensor) Eq(u Tensor) Tensor { return t.do("eq", nil, u) }

// Ne is t ≠ u, as bool.
func (t Tensor) Ne(u Tensor) Tensor { return t.do("ne", nil, u) }

// Lt is t < u, as bool.
func (t Tensor) Lt(u Tensor) Tensor { return t.do("lt", nil, u) }

// Le is t ≤ u, as bool.
func (t Tensor) Le(u Tensor) Tensor { return t.do("le", nil, u) }

// Gt is t > u, as bool.
func (t Tensor) Gt(u Tensor) Tensor { return t.do("gt", nil, u) }

// Ge is t ≥ u, as bool.
func (t Tensor) Ge(u Tensor) Tensor { return t.do("ge", nil, u) }

// EqScalar is t = v, as bool.
func (t Tensor) EqScalar(v float64) Tensor { return t.do("eq_scalar", fill(v)) }

// NeScalar is t ≠ v, as bool.
func (t Tensor) NeScalar(v float64) Tensor { return t.do("ne_scalar", fill(v)) }

// LtScalar is t < v, as bool.
func (t Tensor) LtScalar(v float64) Tensor { return t.do("lt_scalar", fill(v)) }

// LeScalar is t ≤ v, as bool.
func (t Tensor) LeScalar(v float64) Tensor { return t.do("le_scalar", fill(v)) }

// GtScalar is t > v, as bool.
func (t Tensor) GtScalar(v float64) Tensor { return t.do("gt_scalar", fill(v)) }

// GeScalar is t ≥ v, as bool.
func (t Tensor) GeScalar(v float64) Tensor { return t.do("ge_scalar", fill(v)) }

// And is true where both are; both are bool.
func (t Tensor) And(u Tensor) Tensor { return t.do("logical_and", nil, u) }

// Or is true where one is; both are bool.
func (t Tensor) Or(u Tensor) Tensor { return t.do("logical_or", nil, u) }

// Not is true where t, a bool, is false.
func (t Tensor) Not() Tensor { return t.do("logical_not", nil) }

// To converts to another type, F32, I64 or "bool"; f32 to i64 cuts towards 0, and
// anything but 0 is true.
func (t Tensor) To(dtype DType) Tensor {
	return t.do("to", op.Attrs{{Name: "dtype", Kind: op.Type, DType: dtype}})
}

// Detach is t as a constant: no gradient flows through it.
func (t Tensor) Detach() Tensor { return t.do("detach", nil) }

// ZerosLike is zeros of the shape and type of t.
func (t Tensor) ZerosLike() Tensor { return t.do("zeros_like", nil) }

// OnesLike is ones of the shape and type of t.
func (t Tensor) OnesLike() Tensor { return t.do("ones_like", nil) }

// SegmentSum adds up the entries of t, f32 [M, …], that segment, i64 [M], gives
// the same number, into f32 [segments, …].
func (t Tensor) SegmentSum(row Tensor, segments Dim) Tensor {
	return t.do("segment_sum", into(segments), row)
}

// SegmentMax is the largest entry of each segment, element by element.
func (t Tensor) SegmentMax(row Tensor, segments Dim) Tensor {
	return t.do("segment_max", into(segments), row)
}

// SegmentCount is the number of entries of t, i64 [M], equal to each segment's
// number, f32 [segments].
func (t Tensor) SegmentCount(segments Dim) Tensor {
	return t.do("segment_count", into(segments))
}

func into(segments Dim) op.Attrs {
	return op.Attrs{{Name: "segments", Kind: op.Size, Dim: segments}}
}
