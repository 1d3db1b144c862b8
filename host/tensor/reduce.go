package tensor

import lib "github.com/sugarme/gotch/libtch"

// Reductions. An axis counts from the last where it is negative; one that t does
// not have panics. With keepdim a reduced axis stays, with length 1, and without it goes.

// Sum adds up all elements to a tensor without axes. Bools and integers
// give int64; 0 for no elements.
func (t Tensor) Sum() Tensor {
	var out lib.Ctensor
	lib.AtgSum(&out, t.c, int32(sumType(t.DType())))
	return wrap("sum", out, t)
}

// SumDim adds up along one axis. Bools and integers give int64.
func (t Tensor) SumDim(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgSumDimIntlist(&out, t.c, []int64{int64(axis)}, 1, flag(keepdim), int32(sumType(t.DType())))
	return wrap("sum", out, t)
}

// sumType is the type in which elements of type d are added up.
func sumType(d DType) DType {
	switch d {
	case Bool, Uint8, Int8, Int16, Int32, Int64:
		return Int64
	}
	return d
}

// Mean returns the mean of all elements, without axes, NaN for no elements. It
// panics unless t is of a float type.
func (t Tensor) Mean() Tensor {
	var out lib.Ctensor
	lib.AtgMean(&out, t.c, int32(t.DType()))
	return wrap("mean", out, t)
}

// MeanDim returns the mean along one axis. It panics unless t is of a float
// type.
func (t Tensor) MeanDim(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgMeanDim(&out, t.c, []int64{int64(axis)}, 1, flag(keepdim), int32(t.DType()))
	return wrap("mean", out, t)
}

// Amax returns the maximum along one axis, NaN where there is one. The gradient
// is shared by all elements that have it. An empty axis panics.
func (t Tensor) Amax(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgAmax(&out, t.c, []int64{int64(axis)}, 1, flag(keepdim))
	return wrap("amax", out, t)
}

// Amin returns the minimum along one axis, NaN where there is one. The gradient
// is shared by all elements that have it. An empty axis panics.
func (t Tensor) Amin(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgAmin(&out, t.c, []int64{int64(axis)}, 1, flag(keepdim))
	return wrap("amin", out, t)
}

// Argmax returns where the maximum along one axis is, int64, the first of
// several. An empty axis panics.
func (t Tensor) Argmax(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgArgmax(&out, t.c, int64(axis), 0, flag(keepdim))
	return wrap("argmax", out, t)
}

// Argmin returns where the minimum along one axis is, int64, the first of
// several. An empty axis panics.
func (t Tensor) Argmin(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgArgmin(&out, t.c, int64(axis), 0, flag(keepdim))
	return wrap("argmin", out, t)
}

// Logsumexp returns log Σ exp(t) along one axis, without overflow; -Inf for an
// empty axis. Integers give float32.
func (t Tensor) Logsumexp(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgLogsumexp(&out, t.c, []int64{int64(axis)}, 1, flag(keepdim))
	return wrap("logsumexp", out, t)
}

// LogSoftmax returns t - log Σ exp(t) along one axis, in t's shape and type. It
// panics unless t is of a float type.
func (t Tensor) LogSoftmax(axis int) Tensor {
	var out lib.Ctensor
	lib.AtgLogSoftmax(&out, t.c, int64(axis), int32(t.DType()))
	return wrap("log_softmax", out, t)
}

// Cumsum returns the sums up to and with each element along one axis, in t's
// shape. Bools and integers give int64.
func (t Tensor) Cumsum(axis int) Tensor {
	var out lib.Ctensor
	lib.AtgCumsum(&out, t.c, int64(axis), int32(sumType(t.DType())))
	return wrap("cumsum", out, t)
}

// Any tells, as a bool, whether an element along one axis is other than 0; false
// for an empty axis.
func (t Tensor) Any(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgAnyDim(&out, t.c, int64(axis), flag(keepdim))
	return wrap("any", out, t)
}

// All tells, as a bool, whether all elements along one axis are other than 0;
// true for an empty axis.
func (t Tensor) All(axis int, keepdim bool) Tensor {
	var out lib.Ctensor
	lib.AtgAllDim(&out, t.c, int64(axis), flag(keepdim))
	return wrap("all", out, t)
}
