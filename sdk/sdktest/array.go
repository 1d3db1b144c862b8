package sdktest

import (
	"fmt"

	"llmhost/sdk/op"
)

// Array is a tensor of a program in plain Go, in row-major order. Elements of
// I64 are whole numbers, those of Bool 0 and 1.
type Array struct {
	DType op.DType
	Shape []int
	Data  []float64
}

// NewArray returns an array of zeros.
func NewArray(t op.DType, shape ...int) Array {
	return Array{t, shape, make([]float64, count(shape))}
}

// Scalar returns an array without axes.
func Scalar(t op.DType, v float64) Array { return Array{t, nil, []float64{v}} }

// String is the array's type and shape, such as "f32 [2 3]".
func (a Array) String() string { return fmt.Sprintf("%s %v", a.DType, a.Shape) }

// count is the number of elements of a shape.
func count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// spread gives for each element of an array of shape which element of one of
// shape from is broadcast to it. Axes are aligned at the last.
func spread(from, to []int) []int {
	source := make([]int, count(to))
	for i := range source {
		rest, stride := i, 1
		for axis := len(to) - 1; axis >= 0; axis-- {
			at := rest % to[axis]
			rest /= to[axis]
			if own := axis - len(to) + len(from); own >= 0 {
				if from[own] > 1 {
					source[i] += at * stride
				}
				stride *= from[own]
			}
		}
	}
	return source
}

// lanes splits a shape at an axis: element j of lane (o, i) is at (o·length +
// j)·inner + i. Without an axis there is one lane with everything.
type lanes struct{ outer, length, inner int }

func lanesOf(shape []int, axis int, one bool) lanes {
	if !one {
		return lanes{1, count(shape), 1}
	}
	return lanes{count(shape[:axis]), shape[axis], count(shape[axis+1:])}
}

// each calls f with every lane: its number and the indices of its elements.
func (l lanes) each(f func(lane int, at func(j int) int)) {
	for o := range l.outer {
		for i := range l.inner {
			f(o*l.inner+i, func(j int) int { return (o*l.length+j)*l.inner + i })
		}
	}
}
