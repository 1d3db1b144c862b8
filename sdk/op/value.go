// Package op is the vocabulary of traced programs: data types, symbolic
// shapes, the operations with their shape and dtype rules, and the inputs that
// a program may ask for. The SDK checks a trace against it while the author's
// code runs, and the host checks the program that arrives against the same
// table, so the two cannot disagree. It computes nothing; start at Find and
// Check.
package op

import (
	"errors"
	"sort"
	"strconv"
	"strings"
)

// DType is the type of a tensor's elements.
type DType string

// The types that a program can hold. Losses are computed in F32.
const (
	F32  DType = "f32"
	I64  DType = "i64"
	Bool DType = "bool"
)

// Valid reports whether d is one of the listed types.
func (d DType) Valid() bool { return d == F32 || d == I64 || d == Bool }

// Size is the number of bytes an element of type d takes.
func (d DType) Size() int64 {
	switch d {
	case F32:
		return 4
	case I64:
		return 8
	}
	return 1
}

// Dim is the length of one axis, known only as a symbol: a number ("3"), a
// name ("B"), or a product in canonical order, number first and names sorted
// ("2*B*K").
type Dim string

// MaxDim is the largest length of a Dim.
const MaxDim = 1 << 40

// maxDimText bounds a Dim in bytes, which keeps evaluating one cheap.
const maxDimText = 256

// split returns the number and the sorted names whose product d is.
func (d Dim) split() (number int64, names []string, err error) {
	if len(d) > maxDimText {
		return 0, nil, errors.New("dimension " + quoted(string(d)) + " is too long")
	}
	number = 1
	for _, factor := range strings.Split(string(d), "*") {
		switch {
		case isName(factor):
			names = append(names, factor)
		case isNumber(factor):
			n, convErr := strconv.ParseInt(factor, 10, 64)
			if convErr != nil || n > MaxDim/number {
				return 0, nil, errors.New("dimension " + strconv.Quote(string(d)) + " is too large")
			}
			number *= n
		default:
			return 0, nil, errors.New("dimension " + quoted(string(d)) + " is neither a number above 0, a name, nor a product of them")
		}
	}
	sort.Strings(names)
	return number, names, nil
}

// isName accepts an upper-case letter followed by letters, digits and
// underscores.
func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		upper := c >= 'A' && c <= 'Z'
		lower := c >= 'a' && c <= 'z'
		if !upper && (i == 0 || !lower && c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// isNumber accepts a decimal number above 0 without a leading zero.
func isNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' || i == 0 && s[i] == '0' {
			return false
		}
	}
	return s != ""
}

// quoted is s in quotes, truncated in case a hostile program made it long.
func quoted(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return strconv.Quote(s)
}

// ParseDim checks s and returns it in canonical order.
func ParseDim(s string) (Dim, error) {
	number, names, err := Dim(s).split()
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return Dim(strconv.FormatInt(number, 10)), nil
	}
	product := strings.Join(names, "*")
	if number != 1 {
		product = strconv.FormatInt(number, 10) + "*" + product
	}
	return Dim(product), nil
}

// Names lists the names that d is made of, sorted, each as often as it occurs.
func (d Dim) Names() []string {
	_, names, _ := d.split()
	return names
}

// Eval is the number that d stands for when the names have the given sizes.
// It saturates at MaxDim. A name without a size is an error.
func (d Dim) Eval(sizes map[string]int64) (int64, error) {
	product, names, err := d.split()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		n, known := sizes[name]
		if !known {
			return 0, errors.New("dimension " + name + " has no size here")
		}
		product = mulSaturating(product, n)
	}
	return product, nil
}

// mulSaturating multiplies two sizes and stops at MaxDim.
func mulSaturating(a, b int64) int64 {
	if a != 0 && b > MaxDim/a {
		return MaxDim
	}
	return a * b
}

// Shape lists the axes of a tensor, outermost first. A scalar has none.
type Shape []Dim

// String writes the shape as "[B, K, T]".
func (s Shape) String() string {
	parts := make([]string, len(s))
	for i, d := range s {
		parts[i] = string(d)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Equal reports whether both shapes have the same axes.
func (s Shape) Equal(other Shape) bool {
	if len(s) != len(other) {
		return false
	}
	for i := range s {
		if s[i] != other[i] {
			return false
		}
	}
	return true
}

// Elements is the number of elements at the given sizes, at most MaxDim.
func (s Shape) Elements(sizes map[string]int64) (int64, error) {
	product := int64(1)
	for _, d := range s {
		n, err := d.Eval(sizes)
		if err != nil {
			return 0, err
		}
		product = mulSaturating(product, n)
	}
	return product, nil
}

// Value is what is known about a tensor before it exists.
type Value struct {
	DType DType
	Shape Shape
}

// String writes the value as "f32 [B, K]".
func (v Value) String() string { return string(v.DType) + " " + v.Shape.String() }
