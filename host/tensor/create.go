package tensor

import (
	"fmt"
	"unsafe"

	"llmhost/host/tensor/internal/shim"

	lib "github.com/sugarme/gotch/libtch"
)

// Element is a Go type that tensors are made of and read into.
type Element interface {
	~float32 | ~float64 | ~int64 | ~int32 | ~uint8 | ~bool
}

func dtypeOf[E Element]() DType {
	switch any(*new(E)).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case int64:
		return Int64
	case int32:
		return Int32
	case bool:
		return Bool
	}
	return Uint8
}

// Of copies data into a new tensor of the given shape; without a shape it is
// one axis of len(data). It panics where shape has another number of elements.
func Of[E Element](d Device, data []E, shape ...int64) Tensor {
	if len(shape) == 0 {
		shape = []int64{int64(len(data))}
	}
	return FromBytes(d, dtypeOf[E](), bytesOf(data), shape...)
}

// OfShape is Of for a shape that may have no axes.
func OfShape[E Element](d Device, data []E, shape []int64) Tensor {
	return FromBytes(d, dtypeOf[E](), bytesOf(data), shape...)
}

// Scalar makes a tensor without axes.
func Scalar[E Element](d Device, value E) Tensor {
	t := Empty(d, dtypeOf[E]())
	t.CopyFrom(bytesOf([]E{value}))
	return t
}

// FromBytes copies raw little-endian elements into a new tensor. Its memory is
// libtorch's own and so aligned to 64 bytes, wherever raw lies. It panics where raw
// has not the bytes that the shape takes.
func FromBytes(d Device, dtype DType, raw []byte, shape ...int64) Tensor {
	t := Empty(d, dtype, shape...)
	t.CopyFrom(raw)
	return t
}

// CopyFrom fills t, in place, with raw little-endian elements. It panics where raw
// has not t's number of bytes.
func (t Tensor) CopyFrom(raw []byte) {
	if len(raw) == 0 && t.Numel() == 0 {
		return
	}
	shim.CopyFrom(t.ptr(), unsafe.Pointer(unsafe.SliceData(raw)), int64(len(raw)))
	checkShim("copy from memory", t)
}

// Scalars sets tensors without axes side by side, at least one: a vector in
// float64 on their device, without gradient.
func Scalars(ts ...Tensor) Tensor {
	handles := make([]shim.Tensor, len(ts))
	for i, t := range ts {
		handles[i] = t.ptr()
	}
	out := shim.Scalars(handles)
	checkShim("scalars", ts...)
	return adopt(lib.Ctensor(out))
}

// Bytes returns t's elements in row-major order, little-endian.
func (t Tensor) Bytes() []byte {
	raw := make([]byte, t.Numel()*int64(t.DType().Size()))
	if len(raw) > 0 {
		readBacks.Add(1)
		shim.CopyTo(t.ptr(), unsafe.Pointer(&raw[0]), int64(len(raw)))
		checkShim("copy to memory", t)
	}
	return raw
}

// Slice returns t's elements in row-major order. It panics unless t is of E's type.
func Slice[E Element](t Tensor) []E {
	if want := dtypeOf[E](); t.DType() != want {
		panic(&Error{
			Op:     "read",
			Shapes: [][]int64{t.Shape()},
			Cause:  fmt.Sprintf("tensor is %s, read as %s", t.DType(), want),
		})
	}
	out := make([]E, t.Numel())
	if len(out) > 0 {
		readBacks.Add(1)
		shim.CopyTo(t.ptr(), unsafe.Pointer(&out[0]), int64(len(bytesOf(out))))
		checkShim("read", t)
	}
	return out
}

// Floats returns t's elements as float64, whatever their type.
func (t Tensor) Floats() []float64 {
	var out []float64
	Scoped(func() { out = Slice[float64](t.To(Float64)) })
	return out
}

// Item returns the only element of t as a float64. It panics where t has another
// number of elements.
func (t Tensor) Item() float64 {
	readBacks.Add(1)
	return t.item()
}

// HostItem is Item for a tensor that is on the CPU whatever the device of
// the run: no device is waited for, so it is not counted as a read-back.
func (t Tensor) HostItem() float64 {
	if d := t.Device(); d != CPU {
		panic(&Error{
			Op:     "host item",
			Shapes: [][]int64{t.Shape()},
			Cause:  fmt.Sprintf("the tensor is on %s; want one that was made on the CPU", d),
		})
	}
	return t.item()
}

func (t Tensor) item() float64 {
	v := lib.AtDoubleValueAtIndexes(t.c, pointer([]int64{0}), 0)
	check("item", t)
	return v
}

// Empty makes a tensor with undefined elements.
func Empty(d Device, dtype DType, shape ...int64) Tensor {
	var out lib.Ctensor
	lib.AtgEmpty(&out, some(shape), len(shape), int32(dtype), int32(d))
	return wrap("empty", out)
}

// Zeros makes a tensor of zeros.
func Zeros(d Device, dtype DType, shape ...int64) Tensor {
	var out lib.Ctensor
	lib.AtgZeros(&out, some(shape), len(shape), int32(dtype), int32(d))
	return wrap("zeros", out)
}

// Full makes a tensor whose elements are all value.
func Full(d Device, dtype DType, value float64, shape ...int64) Tensor {
	var out lib.Ctensor
	withScalar(value, func(s lib.Cscalar) {
		lib.AtgFull(&out, some(shape), len(shape), s, int32(dtype), int32(d))
	})
	return wrap("full", out)
}

// Randn makes a tensor of draws from N(0, std²), with libtorch's generator. It panics
// unless dtype is a float type.
func Randn(d Device, dtype DType, std float64, shape ...int64) Tensor {
	t := Empty(d, dtype, shape...)
	var out lib.Ctensor
	lib.AtgNormal_(&out, t.c, 0, std)
	return wrap("normal_", out, t)
}

// Uniform makes a tensor of draws between low and high, with libtorch's generator.
// It panics unless dtype is a float type.
func Uniform(d Device, dtype DType, low, high float64, shape ...int64) Tensor {
	t := Empty(d, dtype, shape...)
	var out lib.Ctensor
	lib.AtgUniform_(&out, t.c, low, high)
	return wrap("uniform_", out, t)
}

func bytesOf[E Element](data []E) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), len(data)*int(unsafe.Sizeof(*new(E))))
}

// some gives gotch an address of a first element even where there is none.
func some(dims []int64) []int64 {
	if len(dims) == 0 {
		return []int64{0}
	}
	return dims
}

func pointer(dims []int64) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(dims)) }

func withScalar(value float64, f func(lib.Cscalar)) {
	s := lib.AtsFloat(value)
	f(s)
	lib.AtsFree(s)
}

// To returns t in an element type, t itself where it has it. A float is truncated to an
// integer, and a bool tells where t is other than 0.
func (t Tensor) To(d DType) Tensor {
	if t.DType() == d {
		return t
	}
	var out lib.Ctensor
	lib.AtgToDtype(&out, t.c, int32(d), 0, 0)
	return wrap("to", out, t)
}

// ToDevice returns a copy of t on a device, t itself where it is there. A device
// that is not there panics.
func (t Tensor) ToDevice(d Device) Tensor {
	if t.Device() == d {
		return t
	}
	var out lib.Ctensor
	lib.AtgTo(&out, t.c, int32(d))
	return wrap("to", out, t)
}

// CopyTensor overwrites t, in place, with src, which broadcasts to t's shape and
// is turned to its type; no gradient flows. Shapes that do not fit panic.
func (t Tensor) CopyTensor(src Tensor) {
	NoGrad(func() {
		lib.AtCopy_(t.c, src.c)
		check("copy_", t, src)
	})
}

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
