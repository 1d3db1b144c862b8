package tensor

import (
	"math"

	"llmhost/host/tensor/internal/shim"

	lib "github.com/sugarme/gotch/libtch"
)

// Each method is PyTorch's operation of that name; only what differs from
// PyTorch, or is not obvious from the name, has a comment.

type unary = func(*lib.Ctensor, lib.Ctensor)
type binary = func(*lib.Ctensor, lib.Ctensor, lib.Ctensor)
type scalarOp = func(*lib.Ctensor, lib.Ctensor, lib.Cscalar)

func (t Tensor) unary(op string, f unary) Tensor {
	var out lib.Ctensor
	f(&out, t.c)
	return wrap(op, out, t)
}

func (t Tensor) binary(op string, f binary, u Tensor) Tensor {
	var out lib.Ctensor
	f(&out, t.c, u.c)
	return wrap(op, out, t, u)
}

func (t Tensor) scalar(op string, f scalarOp, value float64) Tensor {
	var out lib.Ctensor
	s := t.number(value)
	f(&out, t.c, s)
	lib.AtsFree(s)
	return wrap(op, out, t)
}

// number is value for an operation on t. A whole one stays whole beside whole
// numbers: libtorch would turn them all into reals for the sake of a real one.
func (t Tensor) number(value float64) lib.Cscalar {
	const exact = 1 << 53 // float64 holds every whole number up to it
	if t.DType() == Int64 && value == math.Trunc(value) && math.Abs(value) <= exact {
		return lib.AtsInt(int64(value))
	}
	return lib.AtsFloat(value)
}

func (t Tensor) Add(u Tensor) Tensor        { return t.binary("add", lib.AtgAdd, u) }
func (t Tensor) Sub(u Tensor) Tensor        { return t.binary("sub", lib.AtgSub, u) }
func (t Tensor) Mul(u Tensor) Tensor        { return t.binary("mul", lib.AtgMul, u) }
func (t Tensor) Div(u Tensor) Tensor        { return t.binary("div", lib.AtgDiv, u) }
func (t Tensor) Pow(u Tensor) Tensor        { return t.binary("pow", lib.AtgPow, u) }
func (t Tensor) Minimum(u Tensor) Tensor    { return t.binary("minimum", lib.AtgMinimum, u) }
func (t Tensor) Maximum(u Tensor) Tensor    { return t.binary("maximum", lib.AtgMaximum, u) }
func (t Tensor) Eq(u Tensor) Tensor         { return t.binary("eq", lib.AtgEqTensor, u) }
func (t Tensor) Ne(u Tensor) Tensor         { return t.binary("ne", lib.AtgNeTensor, u) }
func (t Tensor) Lt(u Tensor) Tensor         { return t.binary("lt", lib.AtgLtTensor, u) }
func (t Tensor) Le(u Tensor) Tensor         { return t.binary("le", lib.AtgLeTensor, u) }
func (t Tensor) Gt(u Tensor) Tensor         { return t.binary("gt", lib.AtgGtTensor, u) }
func (t Tensor) Ge(u Tensor) Tensor         { return t.binary("ge", lib.AtgGeTensor, u) }
func (t Tensor) LogicalAnd(u Tensor) Tensor { return t.binary("logical_and", lib.AtgLogicalAnd, u) }
func (t Tensor) LogicalOr(u Tensor) Tensor  { return t.binary("logical_or", lib.AtgLogicalOr, u) }
func (t Tensor) Matmul(u Tensor) Tensor     { return t.binary("matmul", lib.AtgMatmul, u) }

func (t Tensor) AddScalar(v float64) Tensor { return t.scalar("add_scalar", lib.AtgAddScalar, v) }
func (t Tensor) SubScalar(v float64) Tensor { return t.scalar("sub_scalar", lib.AtgSubScalar, v) }
func (t Tensor) MulScalar(v float64) Tensor { return t.scalar("mul_scalar", lib.AtgMulScalar, v) }
func (t Tensor) DivScalar(v float64) Tensor { return t.scalar("div_scalar", lib.AtgDivScalar, v) }
func (t Tensor) PowScalar(v float64) Tensor { return t.scalar("pow_scalar", lib.AtgPowTensorScalar, v) }
func (t Tensor) ClampMin(v float64) Tensor  { return t.scalar("clamp_min", lib.AtgClampMin, v) }
func (t Tensor) ClampMax(v float64) Tensor  { return t.scalar("clamp_max", lib.AtgClampMax, v) }
func (t Tensor) EqScalar(v float64) Tensor  { return t.scalar("eq_scalar", lib.AtgEq, v) }
func (t Tensor) NeScalar(v float64) Tensor  { return t.scalar("ne_scalar", lib.AtgNe, v) }
func (t Tensor) LtScalar(v float64) Tensor  { return t.scalar("lt_scalar", lib.AtgLt, v) }
func (t Tensor) LeScalar(v float64) Tensor  { return t.scalar("le_scalar", lib.AtgLe, v) }
func (t Tensor) GtScalar(v float64) Tensor  { return t.scalar("gt_scalar", lib.AtgGt, v) }
func (t Tensor) GeScalar(v float64) Tensor  { return t.scalar("ge_scalar", lib.AtgGe, v) }

func (t Tensor) Neg() Tensor        { return t.unary("neg", lib.AtgNeg) }
func (t Tensor) Abs() Tensor        { return t.unary("abs", lib.AtgAbs) }
func (t Tensor) Exp() Tensor        { return t.unary("exp", lib.AtgExp) }
func (t Tensor) Log() Tensor        { return t.unary("log", lib.AtgLog) }
func (t Tensor) Expm1() Tensor      { return t.unary("expm1", lib.AtgExpm1) }
func (t Tensor) Log1p() Tensor      { return t.unary("log1p", lib.AtgLog1p) }
func (t Tensor) Sqrt() Tensor       { return t.unary("sqrt", lib.AtgSqrt) }
func (t Tensor) Square() Tensor     { return t.unary("square", lib.AtgSquare) }
func (t Tensor) Cos() Tensor        { return t.unary("cos", lib.AtgCos) }
func (t Tensor) Sin() Tensor        { return t.unary("sin", lib.AtgSin) }
func (t Tensor) Relu() Tensor       { return t.unary("relu", lib.AtgRelu) }
func (t Tensor) Silu() Tensor       { return t.unary("silu", lib.AtgSilu) }
func (t Tensor) Sigmoid() Tensor    { return t.unary("sigmoid", lib.AtgSigmoid) }
func (t Tensor) LogSigmoid() Tensor { return t.unary("logsigmoid", lib.AtgLogSigmoid) }
func (t Tensor) LogicalNot() Tensor { return t.unary("logical_not", lib.AtgLogicalNot) }
func (t Tensor) Isfinite() Tensor   { return t.unary("isfinite", lib.AtgIsfinite) }
func (t Tensor) Detach() Tensor     { return t.unary("detach", lib.AtgDetach) }
func (t Tensor) ZerosLike() Tensor  { return t.unary("zeros_like", lib.AtgZerosLike) }
func (t Tensor) OnesLike() Tensor   { return t.unary("ones_like", lib.AtgOnesLike) }
func (t Tensor) Contiguous() Tensor { return t.unary("contiguous", lib.AtgContiguous) }

// Sum adds up all elements; bools and integers give int64.
func (t Tensor) Sum() Tensor {
	var out lib.Ctensor
	lib.AtgSum(&out, t.c, int32(sumType(t.DType())))
	return wrap("sum", out, t)
}

// SumDim adds up along one axis.
func (t Tensor) SumDim(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgSumDimIntlist(&out, t.c, []int64{int64(axis)}, 1, flag(keepdim), int32(sumType(t.DType())))
	return wrap("sum", out, t)
}

func sumType(d DType) DType {
	switch d {
	case Bool, Uint8, Int8, Int16, Int32, Int64:
		return Int64
	}
	return d
}

func (t Tensor) Mean() Tensor {
	var out lib.Ctensor
	lib.AtgMean(&out, t.c, int32(t.DType()))
	return wrap("mean", out, t)
}

func (t Tensor) MeanDim(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgMeanDim(&out, t.c, []int64{int64(axis)}, 1, flag(keepdim), int32(t.DType()))
	return wrap("mean", out, t)
}

func (t Tensor) Amax(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgAmax(&out, t.c, []int64{int64(axis)}, 1, flag(keepdim))
	return wrap("amax", out, t)
}

func (t Tensor) Amin(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgAmin(&out, t.c, []int64{int64(axis)}, 1, flag(keepdim))
	return wrap("amin", out, t)
}

func (t Tensor) Argmax(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgArgmax(&out, t.c, int64(axis), 0, flag(keepdim))
	return wrap("argmax", out, t)
}

func (t Tensor) Argmin(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgArgmin(&out, t.c, int64(axis), 0, flag(keepdim))
	return wrap("argmin", out, t)
}

func (t Tensor) Logsumexp(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgLogsumexp(&out, t.c, []int64{int64(axis)}, 1, flag(keepdim))
	return wrap("logsumexp", out, t)
}

func (t Tensor) LogSoftmax(axis int) Tensor {
	var out lib.Ctensor
	lib.AtgLogSoftmax(&out, t.c, int64(axis), int32(t.DType()))
	return wrap("log_softmax", out, t)
}

func (t Tensor) Cumsum(axis int) Tensor {
	var out lib.Ctensor
	lib.AtgCumsum(&out, t.c, int64(axis), int32(sumType(t.DType())))
	return wrap("cumsum", out, t)
}

func (t Tensor) Any(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgAnyDim(&out, t.c, int64(axis), flag(keepdim))
	return wrap("any", out, t)
}

func (t Tensor) All(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgAllDim(&out, t.c, int64(axis), flag(keepdim))
	return wrap("all", out, t)
}

func (t Tensor) Unsqueeze(axis int) Tensor {
	var out lib.Ctensor
	lib.AtgUnsqueeze(&out, t.c, int64(axis))
	return wrap("unsqueeze", out, t)
}

func (t Tensor) Squeeze(axis int) Tensor {
	var out lib.Ctensor
	lib.AtgSqueezeDim(&out, t.c, int64(axis))
	return wrap("squeeze", out, t)
}

func (t Tensor) Expand(shape ...int64) Tensor {
	var out lib.Ctensor
	lib.AtgExpand(&out, t.c, some(shape), len(shape), 0)
	return wrap("expand", out, t)
}

func (t Tensor) View(shape ...int64) Tensor {
	var out lib.Ctensor
	lib.AtgView(&out, t.c, some(shape), len(shape))
	return wrap("view", out, t)
}

func (t Tensor) Reshape(shape ...int64) Tensor {
	var out lib.Ctensor
	lib.AtgReshape(&out, t.c, some(shape), len(shape))
	return wrap("reshape", out, t)
}

func (t Tensor) Transpose(a, b int) Tensor {
	var out lib.Ctensor
	lib.AtgTranspose(&out, t.c, int64(a), int64(b))
	return wrap("transpose", out, t)
}

func (t Tensor) Narrow(axis int, start, length int64) Tensor {
	var out lib.Ctensor
	lib.AtgNarrow(&out, t.c, int64(axis), start, length)
	return wrap("narrow", out, t)
}

// Cat joins tensors along an axis.
func Cat(axis int, ts ...Tensor) Tensor {
	handles := make([]lib.Ctensor, len(ts))
	for i, t := range ts {
		handles[i] = t.c
	}
	var out lib.Ctensor
	lib.AtgCat(&out, handles, len(handles), int64(axis))
	return wrap("cat", out, ts...)
}

func (t Tensor) Gather(axis int, index Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgGather(&out, t.c, int64(axis), index.c, 0)
	return wrap("gather", out, t, index)
}

func (t Tensor) IndexSelect(axis int, index Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgIndexSelect(&out, t.c, int64(axis), index.c)
	return wrap("index_select", out, t, index)
}

// Scatter returns t with src written at index along an axis.
func (t Tensor) Scatter(axis int, index, src Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgScatter(&out, t.c, int64(axis), index.c, src.c)
	return wrap("scatter", out, t, index, src)
}

// IndexAdd returns t with the slices of src added at index along an axis.
func (t Tensor) IndexAdd(axis int, index, src Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgIndexAdd(&out, t.c, int64(axis), index.c, src.c)
	return wrap("index_add", out, t, index, src)
}

// IndexReduceMax returns, for each slice of t, the maximum of the slices of src
// that index names; a slice of t that index does not name stays.
func (t Tensor) IndexReduceMax(axis int, index, src Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgIndexReduce(&out, t.c, int64(axis), index.c, src.c, "amax", 0)
	return wrap("index_reduce", out, t, index, src)
}

// Where takes t where condition holds, and other elsewhere.
func (t Tensor) Where(condition, other Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgWhereSelf(&out, condition.c, t.c, other.c)
	return wrap("where", out, condition, t, other)
}

// WhereScalar takes t where condition holds, and value elsewhere.
func (t Tensor) WhereScalar(condition Tensor, value float64) Tensor {
	var out lib.Ctensor
	withScalar(value, func(s lib.Cscalar) { lib.AtgWhereScalarother(&out, condition.c, t.c, s) })
	return wrap("where_scalar", out, condition, t)
}

func (t Tensor) MaskedFill(mask Tensor, value float64) Tensor {
	var out lib.Ctensor
	withScalar(value, func(s lib.Cscalar) { lib.AtgMaskedFill(&out, t.c, mask.c, s) })
	return wrap("masked_fill", out, t, mask)
}

// To converts to an element type; where t has it already, t itself is returned.
func (t Tensor) To(d DType) Tensor {
	if t.DType() == d {
		return t
	}
	var out lib.Ctensor
	lib.AtgToDtype(&out, t.c, int32(d), 0, 0)
	return wrap("to", out, t)
}

// ToDevice copies to a device; where t is there already, t itself is returned.
func (t Tensor) ToDevice(d Device) Tensor {
	if t.Device() == d {
		return t
	}
	var out lib.Ctensor
	lib.AtgTo(&out, t.c, int32(d))
	return wrap("to", out, t)
}

// Linear is x Wᵀ + bias, for x [..., in], weight [out, in] and bias [out] or undefined.
func (t Tensor) Linear(weight, bias Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgLinear(&out, t.c, weight.c, bias.c)
	return wrap("linear", out, t, weight, bias)
}

// Embedding takes the rows of t [vocab, hidden] that ids name.
func (t Tensor) Embedding(ids Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgEmbedding(&out, t.c, ids.c, -1, 0, 0)
	return wrap("embedding", out, t, ids)
}

// Dropout sets each entry to 0 with probability p and scales the others by
// 1/(1-p) (Srivastava et al. 2014), with libtorch's generator.
func (t Tensor) Dropout(p float64) Tensor {
	var out lib.Ctensor
	lib.AtgDropout(&out, t.c, p, 1)
	return wrap("dropout", out, t)
}

// RequireGrad marks a leaf to be differentiated, in place, and returns it.
func (t Tensor) RequireGrad() Tensor {
	var out lib.Ctensor
	lib.AtgRequiresGrad_(&out, t.c, 1)
	check("requires_grad_", t)
	lib.AtFree(out) // a second handle on the same tensor
	return t
}

// Freeze ends that, in place, and returns t.
func (t Tensor) Freeze() Tensor {
	var out lib.Ctensor
	lib.AtgRequiresGrad_(&out, t.c, 0)
	check("requires_grad_", t)
	lib.AtFree(out)
	return t
}

// RequiresGrad tells whether t is differentiated.
func (t Tensor) RequiresGrad() bool { return lib.AtRequiresGrad(t.c) }

// Grad returns the gradient of a leaf, undefined before a backward pass.
func (t Tensor) Grad() Tensor { return t.unary("grad", lib.AtgGrad) }

// CopyTensor overwrites t, in place, with src.
func (t Tensor) CopyTensor(src Tensor) {
	NoGrad(func() {
		lib.AtCopy_(t.c, src.c)
		check("copy_", t, src)
	})
}

// RMSNorm is x / sqrt(mean(x²) + eps) * weight over the last axis (Zhang and
// Sennrich 2019, arXiv:1910.07467, eq. 4), with the mean in float32 at least.
func (t Tensor) RMSNorm(weight Tensor, eps float64) Tensor {
	out := shim.RMSNorm(t.ptr(), weight.ptr(), eps)
	checkShim("rms_norm", t, weight)
	return adopt(lib.Ctensor(out))
}

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
