package source

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// valueWriter writes a value as JSON text. Its first call decides the kind.
type valueWriter struct {
	raw    []byte
	kind   valueKind
	code   []byte // of a class that is written by its name
	depth  int
	failed string // what the value is, where JSON has none for it
}

// value is what was written.
func (w *valueWriter) value() value {
	if w.failed != "" {
		return value{kind: kindOther, raw: []byte(w.failed)}
	}
	return value{kind: w.kind, raw: w.raw, code: w.code}
}

// is notes the kind of the value as a whole.
func (w *valueWriter) is(k valueKind) {
	if w.kind == 0 {
		w.kind = k
	}
}

func (w *valueWriter) literal(k valueKind, text string) {
	w.is(k)
	w.raw = append(w.raw, text...)
}

// text writes a text, or the JSON that it holds.
func (w *valueWriter) text(text string, f *feature) {
	if f != nil && f.isJSON {
		if v := valueOf(text); v.kind != 0 {
			w.literal(v.kind, text)
			return
		}
	}
	w.is(kindString)
	w.raw = appendQuoted(w.raw, text)
}

// int writes a whole number, or the name of the class with that number. The number -1
// is that of a record without a class.
func (w *valueWriter) int(n int64, f *feature) {
	if f == nil || f.names == nil {
		w.is(kindNumber)
		w.raw = strconv.AppendInt(w.raw, n, 10)
		return
	}
	if n == -1 {
		w.literal(kindNull, "null")
		return
	}
	if n < 0 || n >= int64(len(f.names)) {
		w.other(fmt.Sprintf("class %d, and the data set names %d classes", n, len(f.names)))
		return
	}
	if w.depth == 0 {
		w.code = strconv.AppendInt(nil, n, 10)
	}
	w.text(f.names[n], nil)
}

// float writes a number as Python's json does, with the digits that so many bits need.
func (w *valueWriter) float(x float64, bits int) {
	switch {
	case math.IsNaN(x):
		w.literal(kindNotFinite, "NaN")
	case math.IsInf(x, 1):
		w.literal(kindNotFinite, "Infinity")
	case math.IsInf(x, -1):
		w.literal(kindNotFinite, "-Infinity")
	case x == math.Trunc(x) && math.Abs(x) < 1e16:
		w.is(kindNumber)
		w.raw = strconv.AppendFloat(w.raw, x, 'f', 1, 64)
	default:
		w.is(kindNumber)
		format := byte('f')
		if math.Abs(x) < 1e-4 || math.Abs(x) >= 1e16 {
			format = 'e'
		}
		w.raw = strconv.AppendFloat(w.raw, x, format, -1, bits)
	}
}

// time writes a time as Python's isoformat does, in UTC where it has a zone.
func (w *valueWriter) time(t time.Time, zoned bool) {
	layout := "2006-01-02T" + clock(t)
	if zoned {
		layout += "-07:00"
	}
	w.text(t.UTC().Format(layout), nil)
}

// clock writes a time of day.
func (w *valueWriter) clock(t time.Time) { w.text(t.Format(clock(t)), nil) }

// other notes that the value, or a part of it, is nothing that JSON has.
func (w *valueWriter) other(what string) {
	w.is(kindOther)
	w.failed = what
}

func (w *valueWriter) open(c byte, k valueKind) {
	w.is(k)
	w.depth++
	w.raw = append(w.raw, c)
}

// comma writes what stands before an element, as Python's json does.
func (w *valueWriter) comma() {
	if last := w.raw[len(w.raw)-1]; last != '[' && last != '{' {
		w.raw = append(w.raw, ',', ' ')
	}
}

func (w *valueWriter) name(name string) {
	w.raw = append(appendQuoted(w.raw, name), ':', ' ')
}

func (w *valueWriter) close(c byte) {
	w.depth--
	w.raw = append(w.raw, c)
}

// clock is the layout of a time of day as Python writes it: without a fraction, or with
// one of microseconds, or else of nanoseconds.
func clock(t time.Time) string {
	switch nanos := t.Nanosecond(); {
	case nanos == 0:
		return "15:04:05"
	case nanos%1000 == 0:
		return "15:04:05.000000"
	}
	return "15:04:05.000000000"
}

// halfFloat is the number that 16 bits are.
func halfFloat(bits uint16) float64 {
	sign := 1.0
	if bits&0x8000 != 0 {
		sign = -1
	}
	exponent, fraction := int(bits>>10&31), float64(bits&0x3ff)
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}
