package safetensors

import (
	"encoding/binary"
	"math"
)

// Float64s widens a tensor of F64, F32, F16 or BF16; the error is ErrDType.
func (t Tensor) Float64s() ([]float64, error) {
	read, ok := map[DType]func([]byte) float64{
		F64: func(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) },
		F32: func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) },
		BF16: func(b []byte) float64 {
			return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
		},
		F16: func(b []byte) float64 { return halfToFloat(binary.LittleEndian.Uint16(b)) },
	}[t.DType]
	if !ok {
		return nil, tensorError("values", t.Name, ErrDType, "has dtype %s; want F64, F32, F16 or BF16", t.DType)
	}
	return each(t, read), nil
}

// Int64s widens a tensor of I64, I32, I16, I8, U8 or BOOL; the error is ErrDType.
func (t Tensor) Int64s() ([]int64, error) {
	read, ok := map[DType]func([]byte) int64{
		I64:  func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) },
		I32:  func(b []byte) int64 { return int64(int32(binary.LittleEndian.Uint32(b))) },
		I16:  func(b []byte) int64 { return int64(int16(binary.LittleEndian.Uint16(b))) },
		I8:   func(b []byte) int64 { return int64(int8(b[0])) },
		U8:   func(b []byte) int64 { return int64(b[0]) },
		Bool: func(b []byte) int64 { return int64(b[0]) },
	}[t.DType]
	if !ok {
		return nil, tensorError(
			"values",
			t.Name,
			ErrDType,
			"has dtype %s; want I64, I32, I16, I8, U8 or BOOL",
			t.DType,
		)
	}
	return each(t, read), nil
}

func each[T any](t Tensor, read func([]byte) T) []T {
	size := int(t.DType.Size())
	values := make([]T, len(t.Data)/size)
	for i := range values {
		values[i] = read(t.Data[i*size:])
	}
	return values
}

// halfToFloat reads an IEEE half: 5 bits of exponent, 10 of fraction.
func halfToFloat(h uint16) float64 {
	sign := 1.0
	if h>>15 == 1 {
		sign = -1
	}
	exponent := int(h >> 10 & 31)
	fraction := float64(h & 1023)
	switch {
	case exponent == 31 && fraction != 0:
		return math.NaN()
	case exponent == 31:
		return sign * math.Inf(1)
	case exponent == 0:
		return sign * math.Ldexp(fraction, -24)
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// Float32Source holds values as F32.
func Float32Source(name string, values []float32, shape ...int64) Source {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return Source{Name: name, DType: F32, Shape: shape, Data: data}
}

// Int64Source holds values as I64.
func Int64Source(name string, values []int64, shape ...int64) Source {
	data := make([]byte, 0, 8*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, uint64(v))
	}
	return Source{Name: name, DType: I64, Shape: shape, Data: data}
}
