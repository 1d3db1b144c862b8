package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// file writes GGUF piece by piece.
type file struct{ bytes.Buffer }

func (f *file) put(values ...any) *file {
	for _, v := range values {
		if text, ok := v.(string); ok {
			binary.Write(f, binary.LittleEndian, uint64(len(text)))
			f.WriteString(text)
			continue
		}
		binary.Write(f, binary.LittleEndian, v)
	}
	return f
}

// small has a number, a list and a tensor of each type, of 2 rows of 32.
func small(t *testing.T) []byte {
	t.Helper()
	f := &file{}
	f.WriteString(ggufMagic)
	f.put(uint32(3), uint64(3), uint64(2))
	f.put("layers", uint32(4), uint32(7))
	f.put("words", uint32(ggufArray), uint32(ggufString), uint64(2), "a b", "ü")
	offset := uint64(0)
	for i, kind := range []uint32{0, 3, 8} {
		f.put([]string{"plain", "four", "eight"}[i], uint32(2), uint64(32), uint64(2), kind, offset)
		offset += uint64(2 * 32 / blocks[kind].values * blocks[kind].bytes)
	}
	for f.Len()%ggufAlignment != 0 {
		f.WriteByte(0)
	}
	for i := range 64 {
		f.put(float32(i) / 2)
	}
	for range 2 { // scale 0.5, least -1, numbers 0 to 15 twice
		f.put(uint16(0x3800), uint16(0xBC00))
		for i := range 16 {
			f.WriteByte(byte(i | (15-i)<<4))
		}
	}
	for range 2 { // scale 2^-10, numbers -16 to 15
		f.put(uint16(0x1400))
		for i := range 32 {
			f.WriteByte(byte(int8(i - 16)))
		}
	}
	return f.Bytes()
}

func TestGGUF(t *testing.T) {
	g, err := parseGGUF(small(t))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"layers": uint64(7), "words": []any{"a b", "ü"}}, g.Values)
	require.Len(t, g.Tensors, 3)
	value := func(tensor int, row func(int64) int64) (all []float32) {
		var out bytes.Buffer
		require.NoError(t, g.Tensors[tensor].writeRows(&out, row))
		for ; out.Len() > 0; all = append(all, math.Float32frombits(binary.LittleEndian.Uint32(out.Next(4)))) {
		}
		return all
	}
	straight := func(i int64) int64 { return i }
	require.Equal(t, []int64{2, 32}, g.Tensors[0].Shape)
	require.Equal(t, float32(31.5), value(0, straight)[63])
	require.Equal(t, float32(16), value(0, func(i int64) int64 { return 1 - i })[0])
	four := value(1, straight)
	require.Equal(t, []float32{-1, -0.5, 6.5, 6}, []float32{four[0], four[1], four[16], four[17]})
	require.Equal(t, []float32{-16.0 / 1024, 15.0 / 1024}, []float32{value(2, straight)[0], value(2, straight)[31]})
}

// A file that ends anywhere, or is of another kind, is an error.
func TestGGUFThatIsNone(t *testing.T) {
	whole := small(t)
	for n := range len(whole) {
		_, err := parseGGUF(whole[:n])
		require.Error(t, err, "%d bytes", n)
	}
	other := bytes.Clone(whole)
	other[4] = 2
	_, err := parseGGUF(other)
	require.EqualError(t, err, `GGUF, byte 8: it begins with "GGUF", version 2; want GGUF, version 3`)
}

func TestHalf(t *testing.T) {
	for bits, want := range map[uint16]float32{0: 0, 0x3C00: 1, 0xC000: -2, 0x7BFF: 65504, 1: 1.0 / (1 << 24), 0x0400: 1.0 / (1 << 14), 0xFC00: float32(math.Inf(-1))} {
		require.Equal(t, want, half(binary.LittleEndian.AppendUint16(nil, bits)), "%#x", bits)
	}
}

// Rows that turn together are half a head apart.
func TestInterleaved(t *testing.T) {
	var rows []int64
	for i := range int64(16) {
		rows = append(rows, interleaved(i, 8))
	}
	require.Equal(t, []int64{0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15}, rows)
}
