package safetensors

import "strings"

// DType is the type of a tensor's elements, spelt as in the format.
type DType string

// The types that have a constant here. The others of the format (see
// dtypes) can be read and written as bytes.
const (
	F64     DType = "F64"
	F32     DType = "F32"
	F16     DType = "F16"
	BF16    DType = "BF16"
	F8E4M3  DType = "F8_E4M3"
	F8E5M2  DType = "F8_E5M2"
	I64     DType = "I64"
	I32     DType = "I32"
	I16     DType = "I16"
	I8      DType = "I8"
	U8      DType = "U8"
	Bool    DType = "BOOL"
	unknown DType = ""
)

// dtypes lists every type of the format with its bits an element, in the order
// in which a file holds them: the widest first, so that each tensor is aligned.
var dtypes = []struct {
	name DType
	bits int64
}{
	{"U64", 64}, {I64, 64}, {F64, 64}, {"C64", 64},
	{F32, 32}, {"U32", 32}, {I32, 32},
	{BF16, 16}, {F16, 16}, {"U16", 16}, {I16, 16},
	{"F8_E5M2FNUZ", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E8M0", 8}, {F8E4M3, 8}, {F8E5M2, 8}, {I8, 8}, {U8, 8},
	{"F6_E3M2", 6}, {"F6_E2M3", 6}, {"F4", 4},
	{Bool, 8},
}

// rank is the place of d in the order of a file, or -1 for a type that the
// format does not know.
func (d DType) rank() int {
	for i, t := range dtypes {
		if t.name == d {
			return i
		}
	}
	return -1
}

// Bits is the width of one element, or 0 for a type that the format does not know.
func (d DType) Bits() int64 {
	if r := d.rank(); r >= 0 {
		return dtypes[r].bits
	}
	return 0
}

// Size is the width of one element in bytes, or 0 for an unknown type and for
// those below 8 bits.
func (d DType) Size() int64 { return d.Bits() / 8 }

func dtypeNames() string {
	names := make([]string, len(dtypes))
	for i, t := range dtypes {
		names[i] = string(t.name)
	}
	return strings.Join(names, ", ")
}
