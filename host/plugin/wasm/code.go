package wasm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
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
		return nil, fault(
			NotWASM,
			"is not a WASM module (it begins with %q); llmhost plugins build makes one of a project",
			module[:min(len(module), 8)],
		)
	}
	c := &cursor{data: module[4:]}
	if len(c.data) < 4 {
		return nil, fault(NotWASM, "%v", errCut)
	}
	if version := c.take(4); !bytes.Equal(version, []byte{1, 0, 0, 0}) {
		return nil, fault(
			NotWASM,
			"is not a core WASM module of version 1 (its version bytes are % x); a component must be built as a core module",
			version,
		)
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

// checkCode bounds the functions' bodies, and what compiling all of them costs.
func (s *shape) checkCode(found map[byte][]byte) *Error {
	c := &cursor{data: found[sectionCode]}
	if len(c.data) == 0 {
		return nil
	}
	var err *Error
	cost := uint64(0)
	most := uint64(0)
	worst := ""
	c.each(func(i uint32) {
		body := c.take(c.u32())
		if err != nil || c.err != nil {
			return
		}
		var f function
		if f, err = s.checkBody(i, body); err != nil {
			return
		}
		own := f.compileCost(s.parameters(i, found))
		if cost += own; own > most {
			most = own
			worst = fmt.Sprintf(
				"function %d, of %d branches, %d jumps by table and %d variables",
				i,
				f.branches,
				f.targets,
				f.variables,
			)
		}
	})
	switch limit := uint64(compileBase + compilePerByte*len(found[sectionCode])); {
	case err != nil:
		return err
	case cost > limit:
		return fault(TooLarge, "would take too long to compile, most of all for %s; split such functions", worst)
	}
	return done(c, "code")
}

// parameters is the number of parameters of the module's own function i.
func (s *shape) parameters(i uint32, found map[byte][]byte) int {
	imported := uint32(count(found[sectionImport]))
	return max(0, strings.Index(string(s.typeOf(export{index: imported + i})), ":"))
}

// checkBody bounds one function. Bulk memory instructions are counted, because
// a straight line of them can run for minutes without reaching a point where
// wazero could stop it.
func (s *shape) checkBody(i uint32, body []byte) (function, *Error) {
	if len(body) > maxBody {
		return function{}, fault(TooLarge, "function %d is %d bytes; at most %d are allowed", i, len(body), maxBody)
	}
	f, err := readFunction(body)
	switch {
	case f.unknown >= 0:
		return f, fault(
			Forbidden,
			"function %d has an instruction 0x%02x, which WASM 2.0 does not have; build without later features (threads, tail calls, exceptions, garbage collection)",
			i,
			f.unknown,
		)
	case err != nil:
		return f, fault(NotWASM, "%v (function %d)", err, i)
	case f.variables > maxLocals:
		return f, fault(TooLarge, "function %d has %d variables; at most %d are allowed", i, f.variables, maxLocals)
	case f.bulk > maxBulk:
		return f, fault(
			TooLarge,
			"function %d has %d bulk memory instructions; at most %d are allowed",
			i,
			f.bulk,
			maxBulk,
		)
	}
	return f, nil
}

// function is what the gate learns from the body of a function.
type function struct {
	variables uint64 // that it declares
	branches  uint64 // blocks, loops, conditions and jumps
	loops     uint64 // among them
	targets   uint64 // of its jumps by table
	bulk      uint64 // bulk instructions over memory or tables of any size
	unknown   int    // the first instruction that is not allowed; -1 for none
}

// readFunction reads a body instruction by instruction.
func readFunction(body []byte) (function, error) {
	f := function{unknown: -1}
	c := &cursor{data: body}
	c.each(func(uint32) {
		f.variables += uint64(c.u32())
		c.byte() // their type
	})
	for len(c.data) > 0 && f.unknown < 0 {
		f.instruction(c)
	}
	return f, c.err
}

// instruction skips one instruction of WASM 2.0, which is all that the compiler
// accepts, with its operands.
func (f *function) instruction(c *cursor) {
	switch op := c.byte(); {
	case op >= 0x02 && op <= 0x04: // block, loop, if
		f.branches++
		if op == 0x03 {
			f.loops++
		}
		c.skip()
	case op == 0x0c || op == 0x0d: // br, br_if
		f.branches++
		c.skip()
	case op == 0x0e: // br_table
		f.targets += uint64(c.each(func(uint32) { c.skip() })) + 1
		c.skip()
	case op == 0x1c: // select with types
		c.each(func(uint32) { c.byte() })
	case op == 0x10, op >= 0x20 && op <= 0x26, op >= 0x3f && op <= 0x42, op == 0xd0, op == 0xd2: // calls, variables, memory, numbers
		c.skip()
	case op == 0x11, op >= 0x28 && op <= 0x3e: // call_indirect, load, store
		c.skip()
		c.skip()
	case op == 0x43: // f32.const
		c.take(4)
	case op == 0x44: // f64.const
		c.take(8)
	case op == 0xfc:
		f.numeric(c, c.u32())
	case op == 0xfd:
		f.vector(c, c.u32())
	case op <= 0x01, op == 0x05, op == 0x0b, op == 0x0f, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4, op == 0xd1: // no operands
	default:
		f.unknown = int(op)
	}
}

// numeric skips what follows the prefix 0xfc.
func (f *function) numeric(c *cursor, op uint32) {
	switch op {
	case 8, 10, 12, 14: // memory.init, memory.copy, table.init, table.copy
		f.bulk++
		c.skip()
		c.skip()
	case 11, 17: // memory.fill, table.fill
		f.bulk++
		c.skip()
	case 9, 13, 15, 16: // data.drop, elem.drop, table.grow, table.size
		c.skip()
	default:
		if op > 17 {
			f.unknown = 0xfc
		}
	}
}

// vector skips what follows the prefix 0xfd.
func (f *function) vector(c *cursor, op uint32) {
	switch {
	case op <= 11, op == 92, op == 93: // load, store
		c.skip()
		c.skip()
	case op >= 84 && op <= 91: // load and store of a lane
		c.skip()
		c.skip()
		c.byte()
	case op == 12, op == 13: // v128.const, shuffle
		c.take(16)
	case op >= 21 && op <= 34: // a lane
		c.byte()
	case op > 0xff:
		f.unknown = 0xfd
	}
}

// The cost of compiling a function's branches grows with their square, and with
// the variables that each may change. The numbers are measured: a variable
// passed on by a branch costs some 28 times as much as a pair of branches, a
// loop as much as four other branches, eight targets of a table as much as one,
// and a variable by itself as much as a pair.
const (
	variableCost   = 28
	loopCost       = 4
	targetsABranch = 8
)

// compileCost is the cost of compiling a function beyond its length.
func (f function) compileCost(parameters int) uint64 {
	branches := f.branches + (loopCost-1)*f.loops + f.targets/targetsABranch
	return f.variables + branches*(branches+variableCost*(f.variables+uint64(parameters)))
}
