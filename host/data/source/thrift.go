package source

import (
	"errors"
)

// Bounds on what the metadata of a Parquet file may make its decoder allocate. The
// decoder believes the lengths that lists claim.
const (
	maxThriftItems = 1 << 22 // of all lists together
	maxThriftDepth = 32
)

var (
	errThriftShort = errors.New("the metadata ends in its middle")
	errThriftBad   = errors.New("the metadata is damaged")
)

// thriftLength is how many bytes the struct at the front of text takes, in the compact
// protocol of Thrift. The error is errThriftShort where text ends before it.
func thriftLength(text []byte) (int, error) {
	w := thriftWalk{text: text}
	w.fields(0)
	return w.at, w.err
}

// thriftWalk goes through a struct without building it.
type thriftWalk struct {
	text  []byte
	at    int
	items int
	err   error
}

func (w *thriftWalk) byte() byte {
	if w.err == nil && w.at >= len(w.text) {
		w.err = errThriftShort
	}
	if w.err != nil {
		return 0
	}
	w.at++
	return w.text[w.at-1]
}

func (w *thriftWalk) varint() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := w.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	w.fail()
	return 0
}

func (w *thriftWalk) fail() {
	if w.err == nil {
		w.err = errThriftBad
	}
}

func (w *thriftWalk) skip(n uint64) {
	if w.err == nil && n > uint64(len(w.text)-w.at) {
		w.err = errThriftShort
	}
	if w.err == nil {
		w.at += int(n)
	}
}

// The types of the compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftStruct = 12
)

// fields goes through the fields of a struct.
func (w *thriftWalk) fields(depth int) {
	for w.err == nil {
		header := w.byte()
		if header == 0 {
			return
		}
		if header>>4 == 0 {
			w.varint() // the number of the field
		}
		if kind := header & 15; kind != thriftTrue && kind != thriftFalse {
			w.value(kind, depth)
		}
	}
}

func (w *thriftWalk) value(kind byte, depth int) {
	switch {
	case depth > maxThriftDepth:
		w.fail()
	case kind == thriftTrue || kind == thriftFalse || kind == thriftByte:
		w.byte()
	case kind > thriftByte && kind < thriftDouble:
		w.varint()
	case kind == thriftDouble:
		w.skip(8)
	case kind == thriftBinary:
		w.skip(w.varint())
	case kind == thriftList || kind == thriftSet:
		w.list(depth)
	case kind == thriftStruct:
		w.fields(depth + 1)
	default:
		w.fail() // Parquet has no maps
	}
}

func (w *thriftWalk) list(depth int) {
	header := w.byte()
	size := uint64(header >> 4)
	if size == 15 {
		size = w.varint()
	}
	if size > maxThriftItems-uint64(w.items) {
		w.fail()
		return
	}
	w.items += int(size)
	for range size {
		if w.err != nil {
			return
		}
		w.value(header&15, depth+1)
	}
}
