package wasm

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// cursor reads the binary format of WASM. After the first mistake every read
// gives zero and err stays.
type cursor struct {
	data []byte
	err  error
}

var errCut = errors.New("the module is truncated or corrupt")

// take returns the next n bytes.
func (c *cursor) take(n uint32) []byte {
	if uint64(n) > uint64(len(c.data)) {
		c.err, c.data = errCut, nil
		return nil
	}
	head := c.data[:n]
	c.data = c.data[n:]
	return head
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

// u32 reads an unsigned number of at most 32 bits in LEB128.
func (c *cursor) u32() uint32 {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		b := c.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if v > 1<<32-1 {
				c.err = errCut
			}
			return uint32(v)
		}
	}
	c.err = errCut
	return 0
}

// skip skips a number in LEB128.
func (c *cursor) skip() {
	for range 10 {
		if c.byte() < 0x80 {
			return
		}
	}
	c.err, c.data = errCut, nil
}

// name reads a text.
func (c *cursor) name() string {
	b := c.take(c.u32())
	if !utf8.Valid(b) {
		c.err = errCut
	}
	return string(b)
}

// each calls read once for each entry of a vector, while bytes are left.
func (c *cursor) each(read func(i uint32)) uint32 {
	n := c.u32()
	for i := uint32(0); i < n && c.err == nil; i++ {
		read(i)
	}
	return n
}

// limits reads the bounds of a table or memory.
func (c *cursor) limits() (minimum, maximum uint32, bounded bool, flags byte) {
	flags = c.byte()
	minimum = c.u32()
	if bounded = flags&1 != 0; bounded {
		maximum = c.u32()
	}
	return minimum, maximum, bounded, flags
}

// The sections that the gate reads.
const (
	sectionCustom = 0
	sectionType   = 1
	sectionImport = 2
	sectionFunc   = 3
	sectionTable  = 4
	sectionMemory = 5
	sectionGlobal = 6
	sectionExport = 7
	sectionStart  = 8
	sectionElem   = 9
	sectionCode   = 10
	sectionData   = 11
)

var magic = []byte("\x00asm")

// sections splits a module. Custom sections are left out.
func sections(module []byte) (map[byte][]byte, *Error) {
	if !bytes.HasPrefix(module, magic) {
		return nil, fault(NotWASM, "is not a WASM module (it begins with %q); llmhost plugins build makes one of a project", module[:min(len(module), 8)])
	}
	c := &cursor{data: module[4:]}
	if len(c.data) < 4 {
		return nil, fault(NotWASM, "%v", errCut)
	}
	if version := c.take(4); !bytes.Equal(version, []byte{1, 0, 0, 0}) {
		return nil, fault(NotWASM, "is not a core WASM module of version 1 (its version bytes are % x); a component must be built as a core module", version)
	}
	found := map[byte][]byte{}
	for n := 1; len(c.data) > 0; n++ {
		if n > maxSections {
			return nil, fault(TooLarge, "has more than %d sections", maxSections)
		}
		id := c.byte()
		body := c.take(c.u32())
		if c.err != nil {
			return nil, fault(NotWASM, "%v", c.err)
		}
		if id == sectionCustom {
			continue
		}
		if _, twice := found[id]; twice {
			return nil, fault(NotWASM, "section %d occurs twice in the module", id)
		}
		found[id] = body
	}
	return found, nil
}

// funcref is the type of a table's elements that every module may use.
const funcref = 0x70

// reduced returns a checked module in the form that is compiled. Custom
// sections are left out: they are for people, and the compiler would read their
// names and source lines. Each table gets a maximum, its own or its initial
// size: Go and others write tables without one, though they never grow them,
// and a growing table takes memory that no limit counts.
func reduced(module []byte) []byte {
	out := append([]byte(nil), module[:8]...)
	c := &cursor{data: module[8:]}
	for len(c.data) > 0 {
		id := c.byte()
		body := c.take(c.u32())
		switch id {
		case sectionCustom:
			continue
		case sectionTable:
			body = boundedTables(body)
		}
		out = appendU32(append(out, id), uint32(len(body)))
		out = append(out, body...)
	}
	return out
}

func boundedTables(section []byte) []byte {
	c := &cursor{data: section}
	out := appendU32(nil, (&cursor{data: section}).u32())
	c.each(func(uint32) {
		element := c.byte()
		minimum, maximum, bounded, _ := c.limits()
		if !bounded {
			maximum = minimum
		}
		out = appendU32(append(out, element, 1), minimum)
		out = appendU32(out, maximum)
	})
	return out
}

// appendU32 writes v in LEB128.
func appendU32(b []byte, v uint32) []byte {
	for ; v >= 0x80; v >>= 7 {
		b = append(b, byte(v)|0x80)
	}
	return append(b, byte(v))
}
