package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// gguf is a file of version 3 of that format: little-endian, a header of keys and
// tensors, and the tensors' data behind it.
//
// Source: the specification docs/gguf.md of ggml, and its ggml-quants.c for the blocks.
type gguf struct {
	Values  map[string]any // uint64, float64, bool, string, or []any of one of them
	Tensors []ggufTensor
}

// ggufTensor is one tensor. Shape is row-major, so the other way round than the file has it.
type ggufTensor struct {
	Name  string
	Shape []int64
	Type  uint32
	Data  []byte
}

const (
	ggufMagic     = "GGUF"
	ggufAlignment = 32 // where general.alignment does not say otherwise
)

// ggufTypes are the types of values: a width in bytes, and how they are read.
var ggufTypes = map[uint32]struct {
	width int
	read  func(b []byte) any
}{
	0:  {1, func(b []byte) any { return uint64(b[0]) }},
	1:  {1, func(b []byte) any { return uint64(int8(b[0])) }},
	2:  {2, func(b []byte) any { return uint64(binary.LittleEndian.Uint16(b)) }},
	3:  {2, func(b []byte) any { return uint64(int16(binary.LittleEndian.Uint16(b))) }},
	4:  {4, func(b []byte) any { return uint64(binary.LittleEndian.Uint32(b)) }},
	5:  {4, func(b []byte) any { return uint64(int32(binary.LittleEndian.Uint32(b))) }},
	6:  {4, func(b []byte) any { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) }},
	7:  {1, func(b []byte) any { return b[0] != 0 }},
	10: {8, func(b []byte) any { return binary.LittleEndian.Uint64(b) }},
	11: {8, func(b []byte) any { return binary.LittleEndian.Uint64(b) }},
	12: {8, func(b []byte) any { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }},
}

const (
	ggufString = 8
	ggufArray  = 9
)

// parseGGUF reads a file that is in memory.
func parseGGUF(file []byte) (g gguf, err error) {
	r := &ggufReader{file: file}
	defer func() {
		if r.err != nil {
			g, err = gguf{}, fmt.Errorf("GGUF, byte %d: %w", r.at, r.err)
		}
	}()
	if magic, version := string(r.take(4)), r.uint32(); magic != ggufMagic || version != 3 {
		r.fail(fmt.Errorf("it begins with %q, version %d; want %s, version 3", magic, version, ggufMagic))
	}
	tensors, values := r.uint64(), r.uint64()
	g.Values = map[string]any{}
	for i := uint64(0); i < values && r.err == nil; i++ {
		name := r.string()
		g.Values[name] = r.value(r.uint32())
	}
	var offsets []uint64
	for i := uint64(0); i < tensors && r.err == nil; i++ {
		t, offset := r.tensor()
		g.Tensors = append(g.Tensors, t)
		offsets = append(offsets, offset)
	}
	begin := (r.at + ggufAlignment - 1) / ggufAlignment * ggufAlignment
	for i := range g.Tensors {
		r.at = begin + int(offsets[i])
		g.Tensors[i].Data = r.take(g.Tensors[i].bytes())
	}
	return g, nil
}

// ggufReader reads a file front to back. After an error it returns zero values.
type ggufReader struct {
	file []byte
	at   int
	err  error
}

func (r *ggufReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *ggufReader) take(n int) []byte {
	if r.err != nil || n < 0 || r.at < 0 || n > len(r.file)-r.at {
		r.fail(io.ErrUnexpectedEOF)
		return make([]byte, min(max(n, 0), 8))
	}
	r.at += n
	return r.file[r.at-n : r.at]
}

func (r *ggufReader) uint32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *ggufReader) uint64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *ggufReader) string() string {
	n := r.uint64()
	if n > uint64(len(r.file)) {
		r.fail(io.ErrUnexpectedEOF)
		return ""
	}
	return string(r.take(int(n)))
}

func (r *ggufReader) value(kind uint32) any {
	switch kind {
	case ggufString:
		return r.string()
	case ggufArray:
		kind, n := r.uint32(), r.uint64()
		var list []any
		for i := uint64(0); i < n && r.err == nil; i++ {
			list = append(list, r.value(kind))
		}
		return list
	}
	t, known := ggufTypes[kind]
	if !known {
		r.fail(fmt.Errorf("a value of type %d, which is none", kind))
		return nil
	}
	return t.read(r.take(t.width))
}

func (r *ggufReader) tensor() (t ggufTensor, offset uint64) {
	t.Name = r.string()
	dims := r.uint32()
	for i := uint32(0); i < dims && r.err == nil; i++ {
		t.Shape = append([]int64{int64(r.uint64())}, t.Shape...)
	}
	t.Type = r.uint32()
	if _, known := blocks[t.Type]; !known {
		r.fail(fmt.Errorf("tensor %s is of type %d; want 0 (float32), 3 (Q4_1) or 8 (Q8_0)", t.Name, t.Type))
	}
	return t, r.uint64()
}

func (t ggufTensor) numel() int64 {
	n := int64(1)
	for _, size := range t.Shape {
		n *= size
	}
	return n
}

// block is how some values in a row are stored together.
type block struct {
	values, bytes int
	widen         func(from []byte, to []float32)
}

// blocks are the types of tensors.
var blocks = map[uint32]block{
	0: {1, 4, func(from []byte, to []float32) { to[0] = math.Float32frombits(binary.LittleEndian.Uint32(from)) }},
	3: {32, 20, widenQ41},
	8: {32, 34, widenQ80},
}

// widenQ41 reads a scale, a minimum, and 32 numbers of 4 bits: the first 16 in the low
// halves of bytes.
func widenQ41(from []byte, to []float32) {
	scale := half(from)
	least := half(from[2:])
	for i, b := range from[4:20] {
		to[i] = float32(b&15)*scale + least
		to[i+16] = float32(b>>4)*scale + least
	}
}

// widenQ80 reads a scale and 32 numbers of 8 bits.
func widenQ80(from []byte, to []float32) {
	scale := half(from)
	for i, b := range from[2:34] {
		to[i] = float32(int8(b)) * scale
	}
}

// half is a float16, little-endian.
func half(b []byte) float32 {
	bits := uint32(binary.LittleEndian.Uint16(b))
	sign, exponent, fraction := bits>>15<<31, bits>>10&31, bits&1023
	switch {
	case exponent == 31:
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	case exponent == 0:
		small := float32(fraction) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(small))
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

func (t ggufTensor) bytes() int {
	b := blocks[t.Type]
	return int(t.numel()) / b.values * b.bytes
}

// writeRows writes rows of the tensor as float32: row i of the output is row(i).
func (t ggufTensor) writeRows(w io.Writer, row func(i int64) int64) error {
	b := blocks[t.Type]
	columns := t.Shape[len(t.Shape)-1]
	if int(columns)%b.values != 0 {
		return errors.New(t.Name + ": a row is no whole number of blocks")
	}
	stride := int(columns) / b.values * b.bytes
	values := make([]float32, columns)
	var out bytes.Buffer
	for i := range t.numel() / columns {
		from := t.Data[int(row(i))*stride:][:stride]
		for k := range int(columns) / b.values {
			b.widen(from[k*b.bytes:], values[k*b.values:])
		}
		out.Reset()
		for _, v := range values {
			out.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
		}
		if _, err := w.Write(out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
