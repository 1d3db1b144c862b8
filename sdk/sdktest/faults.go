package sdktest

import (
	"fmt"
	"math"
	"slices"

	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// Fault is one way in which a program does not mean what a host expects.
type Fault struct {
	Text   string // what is wrong, with the numbers that show it
	Cause  string // its usual cause, and the fix
	At     int    // the first wrong value, program.None if unknown
	Figure Figure // the wrong figure; unnamed for a gradient
}

// Near reports whether two numbers are equal up to rounding; NaN is near NaN.
func Near(a, b float64) bool {
	if a == b || math.IsNaN(a) && math.IsNaN(b) {
		return true
	}
	return math.Abs(a-b) <= 1e-9*(1+math.Abs(a)+math.Abs(b))
}

// NearAll reports whether two lists have the same length and are near element
// by element.
func NearAll(a, b []float64) bool { return slices.EqualFunc(a, b, Near) }

// Numbers formats numbers briefly: "1, 1.5, 1.33333".
func Numbers(values ...float64) string {
	text := ""
	for i, x := range values {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%.6g", x)
	}
	return text
}

// Culprit finds the first value, among those that target is computed from, at
// which two runs diverge: differ compares one value of both. None if they agree.
func (p *Traced) Culprit(target int, differ func(v int) bool) int {
	reached := p.Reach(target)
	for v := len(p.Inputs); v <= target; v++ {
		if reached[v] && differ(v) {
			return v
		}
	}
	return program.None
}

// Op is the op that makes value v, "" for an input and for None.
func (p *Traced) Op(v int) string {
	if v < len(p.Inputs) {
		return ""
	}
	return p.Nodes[v-len(p.Inputs)].Op
}

// corner is the leading part of b with the extents of a: what was there before
// padding was appended.
func corner(a, b Array) []float64 {
	if len(a.Shape) != len(b.Shape) {
		return nil
	}
	out := make([]float64, len(a.Data))
	for i := range out {
		rest, at, stride := i, 0, 1
		for axis := len(a.Shape) - 1; axis >= 0; axis-- {
			at += rest % a.Shape[axis] * stride
			rest /= a.Shape[axis]
			stride *= b.Shape[axis]
		}
		out[i] = b.Data[at]
	}
	return out
}

// permuted is x with its axes called dim reordered; false if a product of dims
// hides the axis.
func permuted(x Array, symbols op.Shape, dim string, order []int) ([]float64, bool) {
	out := slices.Clone(x.Data)
	for axis, d := range symbols {
		names := d.Names()
		if len(names) > 1 && slices.Contains(names, dim) {
			return nil, false
		}
		if string(d) == dim {
			out = reordered(Array{
				DType: x.DType,
				Shape: x.Shape,
				Data:  out,
			}, axis, order)
		}
	}
	return out, true
}

// reordered is x with one axis reordered.
func reordered(x Array, axis int, order []int) []float64 {
	inner := 1
	for _, d := range x.Shape[axis+1:] {
		inner *= d
	}
	n := x.Shape[axis]
	out := make([]float64, len(x.Data))
	for i := range out {
		outer := i / (n * inner)
		j := i / inner % n
		rest := i % inner
		out[i] = x.Data[(outer*n+order[j])*inner+rest]
	}
	return out
}

// rotated is the order 1, 2, …, n-1, 0.
func rotated(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = (i + 1) % n
	}
	return order
}
