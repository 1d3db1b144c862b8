package safetensors_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/safetensors"
)

func TestFloat64s(t *testing.T) {
	half := func(bits ...uint16) (data []byte) {
		for _, b := range bits {
			data = binary.LittleEndian.AppendUint16(data, b)
		}
		return data
	}
	tests := []struct {
		dtype safetensors.DType
		data  []byte
		want  []float64
	}{
		{safetensors.F16, half(0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00, 0xfc00, 0x3555), []float64{1, -2, 65504, 1.0 / (1 << 24), math.Copysign(0, -1), math.Inf(1), math.Inf(-1), 0.333251953125}},
		{safetensors.BF16, half(0x3f80, 0xc000, 0x7f80), []float64{1, -2, math.Inf(1)}},
		{safetensors.F64, binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.Pi)), []float64{math.Pi}},
	}
	for _, test := range tests {
		t.Run(string(test.dtype), func(t *testing.T) {
			got, err := safetensors.Tensor{DType: test.dtype, Data: test.data}.Float64s()
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
	nan, err := safetensors.Tensor{DType: safetensors.F16, Data: half(0x7e00)}.Float64s()
	require.NoError(t, err)
	require.True(t, math.IsNaN(nan[0]))
	_, err = safetensors.Tensor{Name: "a", DType: safetensors.I64}.Float64s()
	require.EqualError(t, err, `values: tensor "a" has dtype I64; want F64, F32, F16 or BF16`)
	require.ErrorIs(t, err, safetensors.ErrDType)
}

func TestInt64s(t *testing.T) {
	tests := []struct {
		dtype safetensors.DType
		data  []byte
		want  []int64
	}{
		{safetensors.I32, []byte{0xfe, 0xff, 0xff, 0xff}, []int64{-2}},
		{safetensors.I16, []byte{0xfe, 0xff, 1, 0}, []int64{-2, 1}},
		{safetensors.I8, []byte{0xfe}, []int64{-2}},
		{safetensors.U8, []byte{0xfe}, []int64{254}},
		{safetensors.Bool, []byte{0, 1}, []int64{0, 1}},
	}
	for _, test := range tests {
		t.Run(string(test.dtype), func(t *testing.T) {
			got, err := safetensors.Tensor{DType: test.dtype, Data: test.data}.Int64s()
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
	_, err := safetensors.Tensor{Name: "a", DType: safetensors.F32}.Int64s()
	require.EqualError(t, err, `values: tensor "a" has dtype F32; want I64, I32, I16, I8, U8 or BOOL`)
}
