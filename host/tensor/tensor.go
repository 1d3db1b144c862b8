package tensor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"llmhost/host/tensor/internal/shim"

	lib "github.com/sugarme/gotch/libtch"
)

// Tensor is a handle on a libtorch tensor. The zero Tensor is undefined.
type Tensor struct{ c lib.Ctensor }

// ptr is the handle as the shim takes it.
func (t Tensor) ptr() shim.Tensor { return shim.Tensor(t.c) }

// DType is an element type, with libtorch's numbers.
type DType int32

// The element types that llmhost uses.
const (
	Uint8    DType = 0
	Int8     DType = 1
	Int16    DType = 2
	Int32    DType = 3
	Int64    DType = 4
	Float16  DType = 5
	Float32  DType = 6
	Float64  DType = 7
	Bool     DType = 11
	BFloat16 DType = 15
)

var dtypeNames = map[DType]string{Uint8: "uint8", Int8: "int8", Int16: "int16", Int32: "int32", Int64: "int64",
	Float16: "float16", Float32: "float32", Float64: "float64", Bool: "bool", BFloat16: "bfloat16"}

// String returns PyTorch's name of the type, such as "float32".
func (d DType) String() string {
	if name, ok := dtypeNames[d]; ok {
		return name
	}
	return fmt.Sprintf("dtype(%d)", int32(d))
}

// Size returns the bytes of one element.
func (d DType) Size() int {
	switch d {
	case Float64, Int64:
		return 8
	case Float32, Int32:
		return 4
	case Float16, BFloat16, Int16:
		return 2
	}
	return 1
}

// Error is what a failed operation panics with.
type Error struct {
	Op     string    // PyTorch's name of the operation
	Shapes [][]int64 // of its operands
	Cause  string    // libtorch's first line
}

// Error names the operation, the shapes of its operands and libtorch's cause.
func (e *Error) Error() string {
	shapes := make([]string, len(e.Shapes))
	for i, s := range e.Shapes {
		shapes[i] = fmt.Sprint(s)
	}
	return fmt.Sprintf("tensor op %s over shapes %s: %s", e.Op, strings.Join(shapes, ", "), e.Cause)
}

// OutOfMemory tells whether the operation failed for lack of memory.
func (e *Error) OutOfMemory() bool {
	return strings.Contains(e.Cause, "out of memory") || strings.Contains(e.Cause, "not enough memory")
}

// Catch turns the panic of a failed operation into *err. Use it deferred; any
// other panic goes on.
func Catch(err *error) {
	r := recover()
	if r == nil {
		return
	}
	failed, ok := r.(*Error)
	if !ok {
		panic(r)
	}
	*err = errors.Join(*err, failed)
}

// wrap checks the outcome of an operation and gives the result to the scope.
func wrap(op string, out lib.Ctensor, operands ...Tensor) Tensor {
	check(op, operands...)
	return adopt(out)
}

// check panics when the last call into libtorch on this thread failed.
func check(op string, operands ...Tensor) {
	if p := lib.GetAndResetLastErr(); p != nil {
		raise(op, shim.TakeString(unsafe.Pointer(p)), operands)
	}
}

// checkShim is check for calls into the shim.
func checkShim(op string, operands ...Tensor) {
	if cause := shim.TakeError(); cause != "" {
		raise(op, cause, operands)
	}
}

// raise is not inlined, so that operands need not escape where nothing fails.
//
//go:noinline
func raise(op, cause string, operands []Tensor) {
	e := &Error{Op: op}
	e.Cause, _, _ = strings.Cut(cause, "\n")
	for _, t := range operands {
		if t.c != nil {
			e.Shapes = append(e.Shapes, slices.Clone(t.Shape()))
		}
	}
	panic(e)
}

// Defined tells whether t holds a tensor.
func (t Tensor) Defined() bool { return t.c != nil && lib.AtDefined(t.c) }

// Dim returns the number of axes.
func (t Tensor) Dim() int { return int(lib.AtDim(t.c)) }

// Shape returns the size of each axis.
func (t Tensor) Shape() []int64 {
	shape := make([]int64, t.Dim())
	if len(shape) > 0 {
		lib.AtShape(t.c, pointer(shape))
	}
	return shape
}

// Size returns the size of one axis; negative axes count from the last. An axis
// that t does not have is a runtime error.
func (t Tensor) Size(axis int) int64 {
	shape := t.Shape()
	if axis < 0 {
		axis += len(shape)
	}
	return shape[axis]
}

// Numel returns the number of elements.
func (t Tensor) Numel() int64 {
	n := int64(1)
	for _, s := range t.Shape() {
		n *= s
	}
	return n
}

// DType returns the element type.
func (t Tensor) DType() DType { return DType(lib.AtScalarType(t.c)) }

// Device returns where the elements are.
func (t Tensor) Device() Device { return Device(lib.AtDevice(t.c)) }

// Address returns where the first element lies, for checks of alignment.
func (t Tensor) Address() uintptr { return shim.Address(t.ptr()) }

// String describes t without its elements.
func (t Tensor) String() string {
	if t.c == nil {
		return "undefined tensor"
	}
	return fmt.Sprintf("%s%v on %s", t.DType(), t.Shape(), t.Device())
}
