package check

import (
	"fmt"
	"math"

	"llmhost/sdk/op"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// same says whether two numbers are equal but for rounding.
func same(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-9*(1+math.Abs(a)+math.Abs(b)) || math.IsNaN(a) && math.IsNaN(b)
}

func sameAll(a, b []float64) bool {
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

// culprit finds the first value, among those that target is computed from,
// at which two runs part: differ compares one value of both. None where the
// runs agree.
func culprit(p *sdktest.Traced, target int, differ func(v int) bool) int {
	reached := reach(p, target)
	for v := len(p.Inputs); v <= target; v++ {
		if reached[v] && differ(v) {
			return v
		}
	}
	return program.None
}

// corner is the part of b that has the extents of a: what stood there before
// padding was added behind it.
func corner(a, b sdktest.Array) []float64 {
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

// permuted is x with its axes called dim in another order; false where a
// product of dims hides the axis.
func permuted(x sdktest.Array, symbols op.Shape, dim string, order []int) ([]float64, bool) {
	out := append([]float64(nil), x.Data...)
	for axis, d := range symbols {
		names := d.Names()
		for _, name := range names {
			if name == dim && len(names) > 1 {
				return nil, false
			}
		}
		if string(d) == dim {
			out = reordered(sdktest.Array{DType: x.DType, Shape: x.Shape, Data: out}, axis, order)
		}
	}
	return out, true
}

func reordered(x sdktest.Array, axis int, order []int) []float64 {
	inner := 1
	for _, d := range x.Shape[axis+1:] {
		inner *= d
	}
	n := x.Shape[axis]
	out := make([]float64, len(x.Data))
	for i := range out {
		o, j, rest := i/(n*inner), i/inner%n, i%inner
		out[i] = x.Data[(o*n+order[j])*inner+rest]
	}
	return out
}

// place is where a culprit stands, for a finding.
func place(p *sdktest.Traced, v int) []string {
	if v == program.None {
		return nil
	}
	return []string{p.Place(v)}
}

// nodeOp is the op that makes value v, "" for an input.
func nodeOp(p *sdktest.Traced, v int) string {
	if v < len(p.Inputs) {
		return ""
	}
	return p.Nodes[v-len(p.Inputs)].Op
}

// element names an element of an input of the model.
func element(name string, a sdktest.Arguments, i int) string {
	k, t := int(a.Sizes["K"]), int(a.Sizes["T"])
	switch name {
	case "policy.logps":
		return fmt.Sprintf("the log-probability of prompt %d, candidate %d, token %d", i/(k*t), i/t%k, i%t)
	case "kl.reverse", "kl.forward":
		return fmt.Sprintf("%s of prompt %d, candidate %d, token %d", name, i/(k*t), i/t%k, i%t)
	case "rewards":
		return fmt.Sprintf("the reward of prompt %d, candidate %d", i/k, i%k)
	}
	width := 1
	if shape := a.Inputs[name].Shape; len(shape) > 0 {
		width = shape[len(shape)-1]
	}
	return fmt.Sprintf("%s of row %d, element %d", name, i/width, i%width)
}
