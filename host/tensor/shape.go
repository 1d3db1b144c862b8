package tensor

import (
	"llmhost/host/tensor/internal/shim"

	lib "github.com/sugarme/gotch/libtch"
)

// Shapes and selections. An axis counts from the last where it is negative; one
// that t does not have panics. Types stay.

// Unsqueeze returns a view of t with a new axis of length 1 at axis; -1 puts it
// last.
func (t Tensor) Unsqueeze(axis int) Tensor {
	var out lib.Ctensor
	lib.AtgUnsqueeze(&out, t.c, int64(axis))
	return wrap("unsqueeze", out, t)
}

// Squeeze returns a view of t without the given axis, which stays where its
// length is not 1.
func (t Tensor) Squeeze(axis int) Tensor {
	var out lib.Ctensor
	lib.AtgSqueezeDim(&out, t.c, int64(axis))
	return wrap("squeeze", out, t)
}

// Expand returns a view of t in which axes of length 1 are repeated to the given
// shape, without a copy; -1 keeps a length, and new axes may come first. Other
// lengths that differ panic.
func (t Tensor) Expand(shape ...int64) Tensor {
	var out lib.Ctensor
	lib.AtgExpand(&out, t.c, some(shape), len(shape), 0)
	return wrap("expand", out, t)
}

// View returns t's elements in another shape, without a copy; one length may be
// -1, which the others then give. It panics where the numbers of elements
// differ, or t's memory does not allow it.
func (t Tensor) View(shape ...int64) Tensor {
	var out lib.Ctensor
	lib.AtgView(&out, t.c, some(shape), len(shape))
	return wrap("view", out, t)
}

// Reshape is View, with a copy where t's memory needs one.
func (t Tensor) Reshape(shape ...int64) Tensor {
	var out lib.Ctensor
	lib.AtgReshape(&out, t.c, some(shape), len(shape))
	return wrap("reshape", out, t)
}

// Transpose returns a view of t with two axes swapped.
func (t Tensor) Transpose(a, b int) Tensor {
	var out lib.Ctensor
	lib.AtgTranspose(&out, t.c, int64(a), int64(b))
	return wrap("transpose", out, t)
}

// Contiguous returns t with its elements in row-major order: t itself where they
// are, or else a copy.
func (t Tensor) Contiguous() Tensor { return t.unary("contiguous", lib.AtgContiguous) }

// Narrow returns a view of t of the part [start, start+length) of one axis. A
// part that t does not have panics.
func (t Tensor) Narrow(axis int, start, length int64) Tensor {
	var out lib.Ctensor
	lib.AtgNarrow(&out, t.c, int64(axis), start, length)
	return wrap("narrow", out, t)
}

// Cat joins one tensor or more along an axis; their other axes must be equal. Of
// several types the result has the wider one.
func Cat(axis int, ts ...Tensor) Tensor {
	handles := make([]lib.Ctensor, len(ts))
	for i, t := range ts {
		handles[i] = t.c
	}
	var out lib.Ctensor
	lib.AtgCat(&out, handles, len(handles), int64(axis))
	return wrap("cat", out, ts...)
}

// Gather returns t's elements at index along one axis: out[i][j] =
// t[index[i][j]][j] for axis 0 of two. index is int64 and has as many axes as t,
// none of the others longer; the result has its shape. An index outside of t
// panics.
func (t Tensor) Gather(axis int, index Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgGather(&out, t.c, int64(axis), index.c, 0)
	return wrap("gather", out, t, index)
}

// IndexSelect returns the slices of t along one axis that index [n] int64 (or
// int32) names, in its order. An index outside of t panics.
func (t Tensor) IndexSelect(axis int, index Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgIndexSelect(&out, t.c, int64(axis), index.c)
	return wrap("index_select", out, t, index)
}

// Scatter returns a copy of t with src written at index along one axis:
// out[index[i][j]][j] = src[i][j] for axis 0 of two. index is int64, of src's
// shape or smaller; src has t's type. An index outside of t panics.
func (t Tensor) Scatter(axis int, index, src Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgScatter(&out, t.c, int64(axis), index.c, src.c)
	return wrap("scatter", out, t, index, src)
}

// IndexAdd returns a copy of t with the slices of src [n, ...] added to those of
// t that index [n] int64 (or int32) names along one axis; src has t's type. An
// index outside of t panics.
func (t Tensor) IndexAdd(axis int, index, src Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgIndexAdd(&out, t.c, int64(axis), index.c, src.c)
	return wrap("index_add", out, t, index, src)
}

// IndexReduceMax returns, for each slice of t along one axis, the maximum of the
// slices of src that index [n] int64 (or int32) gives to it; a slice that index
// does not name stays as it is in t. src has t's type. An index outside of t
// panics.
func (t Tensor) IndexReduceMax(axis int, index, src Tensor) Tensor {
	out := shim.IndexReduceMax(t.ptr(), int64(axis), index.ptr(), src.ptr())
	checkShim("index_reduce", t, index, src)
	return adopt(lib.Ctensor(out))
}

// Where takes t where condition, of bools, holds, and other elsewhere. All three
// broadcast; the result has the wider type of t and other.
func (t Tensor) Where(condition, other Tensor) Tensor {
	var out lib.Ctensor
	lib.AtgWhereSelf(&out, condition.c, t.c, other.c)
	return wrap("where", out, condition, t, other)
}

// WhereScalar takes t where condition, of bools, holds, and value elsewhere.
// Both broadcast; an integer t gives float32.
func (t Tensor) WhereScalar(condition Tensor, value float64) Tensor {
	var out lib.Ctensor
	withScalar(value, func(s lib.Cscalar) { lib.AtgWhereScalarother(&out, condition.c, t.c, s) })
	return wrap("where_scalar", out, condition, t)
}

// MaskedFill returns t with value, turned to t's type, where mask, of bools,
// holds. mask broadcasts to t's shape.
func (t Tensor) MaskedFill(mask Tensor, value float64) Tensor {
	var out lib.Ctensor
	withScalar(value, func(s lib.Cscalar) { lib.AtgMaskedFill(&out, t.c, mask.c, s) })
	return wrap("masked_fill", out, t, mask)
}
