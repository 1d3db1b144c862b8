package sdk

import (
	"errors"
	"math"
	"strconv"
)

// frameReader reads a frame from the front. After the first mistake it returns
// zero values, and err says what was wrong. Strings are slices of the frame and
// keep it in memory.
type frameReader struct {
	rest string
	err  error
}

func (r *frameReader) fail(what string) {
	if r.err == nil {
		r.err = errors.New("row frame: broken or cut short at its " + what + ", " + strconv.Itoa(len(r.rest)) + " bytes before the end")
	}
	r.rest = ""
}

// end returns the first mistake; leftover bytes count as one.
func (r *frameReader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail("end")
	}
	return r.err
}

func (r *frameReader) take(n int, what string) string {
	if uint(n) > uint(len(r.rest)) {
		r.fail(what)
		return ""
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *frameReader) byte() byte {
	if len(r.rest) == 0 {
		r.fail("byte")
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *frameReader) uint32() int {
	b := r.take(4, "row count")
	if b == "" {
		return 0
	}
	return int(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
}

func (r *frameReader) uint64() uint64 {
	b := r.take(8, "number")
	if b == "" {
		return 0
	}
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func (r *frameReader) float() float64 { return math.Float64frombits(r.uint64()) }

// uvarint reads a number as encoding/binary does.
func (r *frameReader) uvarint(what string) uint64 {
	var v uint64
	for i := 0; i < len(r.rest) && i < 10; i++ {
		b := r.rest[i]
		if b < 0x80 {
			if i == 9 && b > 1 {
				break
			}
			r.rest = r.rest[i+1:]
			return v | uint64(b)<<(7*i)
		}
		v |= uint64(b&0x7f) << (7 * i)
	}
	r.fail(what)
	return 0
}

// number reads a uvarint that counts things of at least size bytes each, so
// that a forged count cannot make the reader allocate more than the frame
// holds.
func (r *frameReader) number(size int) int {
	v := r.uvarint("count")
	if v > uint64(len(r.rest)/size) {
		r.fail("count")
		return 0
	}
	return int(v)
}

func (r *frameReader) text() string { return r.take(r.number(1), "text") }

// cell reads into c and reuses its lists. Fields that the type does not use may
// keep the previous cell's values.
func (r *frameReader) cell(c *Cell) {
	c.Type = ColumnType(r.byte())
	if c.Type == 0 {
		return
	}
	size := r.number(1)
	if c.Type == String || c.Type == JSON {
		c.Str = r.take(size, "cell")
		return
	}
	body := frameReader{rest: r.take(size, "cell")}
	body.value(c)
	if body.end() != nil {
		r.fail("cell")
	}
}

// value reads a value of the cell's type, strings excepted.
func (r *frameReader) value(c *Cell) {
	switch c.Type {
	case Float:
		c.Float = r.float()
	case Int:
		c.Int = int64(r.uint64())
	case Bool:
		c.Int = int64(r.byte())
	case StringList:
		n := r.number(1)
		if c.Strs = c.Strs[:0]; c.Strs == nil || cap(c.Strs) < n {
			c.Strs = make([]string, 0, n)
		}
		for range n {
			c.Strs = append(c.Strs, r.text())
		}
	case FloatList:
		n := len(r.rest) / 8
		if c.Floats = c.Floats[:0]; c.Floats == nil || cap(c.Floats) < n {
			c.Floats = make([]float64, 0, n)
		}
		for range n {
			c.Floats = append(c.Floats, r.float())
		}
	default:
		r.fail("cell, whose type is unknown")
	}
}
