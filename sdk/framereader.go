package sdk

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"
)

// frameReader reads a frame from the front. After the first mistake it
// returns zero values, and err says what was wrong.
type frameReader struct {
	rest []byte
	err  error
}

func (r *frameReader) fail(what string) {
	if r.err == nil {
		r.err = errors.New("row frame: broken or cut short at its " + what + ", " + strconv.Itoa(len(r.rest)) + " bytes before the end")
	}
	r.rest = nil
}

// end returns the first mistake; bytes that nothing claims are one.
func (r *frameReader) end() error {
	if r.err == nil && len(r.rest) > 0 {
		r.fail("end")
	}
	return r.err
}

func (r *frameReader) take(n int, what string) []byte {
	if n < 0 || n > len(r.rest) {
		r.fail(what)
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *frameReader) byte() byte {
	if b := r.take(1, "byte"); b != nil {
		return b[0]
	}
	return 0
}

func (r *frameReader) uint32() int {
	if b := r.take(4, "row count"); b != nil {
		return int(binary.LittleEndian.Uint32(b))
	}
	return 0
}

func (r *frameReader) uint64() uint64 {
	if b := r.take(8, "number"); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *frameReader) float() float64 { return math.Float64frombits(r.uint64()) }

// count reads a uvarint that counts things of at least size bytes each, so
// that a forged count cannot make the reader allocate more than the frame holds.
func (r *frameReader) count(size int) int {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > uint64((len(r.rest)-n)/size) {
		r.fail("count")
		return 0
	}
	r.rest = r.rest[n:]
	return int(v)
}

func (r *frameReader) text() string {
	b := r.take(r.count(1), "text")
	if !utf8.Valid(b) {
		r.fail("text, which is not UTF-8")
	}
	return string(b)
}

func (r *frameReader) cell() Cell {
	cell := Cell{Type: ColumnType(r.byte())}
	if cell.Type == 0 {
		return cell
	}
	body := frameReader{rest: r.take(r.count(1), "cell")}
	switch cell.Type {
	case String, JSON:
		cell.Str = string(body.take(len(body.rest), "text"))
	case Float:
		cell.Float = body.float()
	case Int:
		cell.Int = int64(body.uint64())
	case Bool:
		cell.Int = int64(body.byte())
	case StringList:
		cell.Strs = make([]string, body.count(1))
		for i := range cell.Strs {
			cell.Strs[i] = string(body.take(body.count(1), "text"))
		}
	case FloatList:
		cell.Floats = make([]float64, len(body.rest)/8)
		for i := range cell.Floats {
			cell.Floats[i] = body.float()
		}
	default:
		body.fail("cell, whose type is unknown")
	}
	if body.end() != nil {
		r.fail("cell")
	}
	return cell
}

func (r *frameReader) result(names []string) Result {
	switch kind := r.byte(); kind {
	case answerExample:
		return Result{Example: r.example(names)}
	case answerDrop:
		return Result{Dropped: orUnknown(r.text())}
	case answerError:
		return Result{Err: orUnknown(r.text())}
	default:
		r.fail("answer, whose kind is unknown")
		return Result{}
	}
}

func (r *frameReader) example(names []string) Example {
	e := Example{Columns: r.columns(names)}
	e.Candidates = make([]Candidate, r.count(3))
	for i := range e.Candidates {
		c := &e.Candidates[i]
		if r.byte() == 1 {
			c.Prompt = r.text()
		} else if i > 0 {
			c.Prompt = e.Candidates[i-1].Prompt
		} else {
			r.fail("first candidate, which has no prompt")
		}
		c.Answer = r.text()
		c.Columns = r.columns(names)
	}
	return e
}

func (r *frameReader) columns(names []string) map[string]float64 {
	n := r.count(9)
	if n == 0 {
		return nil
	}
	columns := make(map[string]float64, n)
	for range n {
		index, size := binary.Uvarint(r.rest)
		if size <= 0 || index >= uint64(len(names)) {
			r.fail("column name")
			return nil
		}
		r.rest = r.rest[size:]
		columns[names[index]] = r.float()
	}
	return columns
}
