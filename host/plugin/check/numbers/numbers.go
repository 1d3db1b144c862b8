// Package numbers is the arithmetic of checks: finiteness, least-squares fits,
// and how weights depend on length.
package numbers

import (
	"math"
	"slices"
)

// Finite reports whether x is neither infinite nor NaN.
func Finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// AllFinite reports the same for a list.
func AllFinite(data []float64) bool {
	return !slices.ContainsFunc(data, func(x float64) bool { return !Finite(x) })
}

// AnyNonZero reports whether a list holds a number other than 0.
func AnyNonZero(data []float64) bool {
	return slices.ContainsFunc(data, func(x float64) bool { return x != 0 })
}

// Largest is the largest absolute value, 0 for none.
func Largest(data []float64) float64 {
	most := 0.0
	for _, x := range data {
		most = math.Max(most, math.Abs(x))
	}
	return most
}

// Scaled is every number times a factor.
func Scaled(data []float64, by float64) []float64 {
	out := make([]float64, len(data))
	for i, x := range data {
		out[i] = by * x
	}
	return out
}

// Rounded is x to four decimals, which keeps a batch short to read.
func Rounded(x float64) float64 { return math.Round(x*1e4) / 1e4 }

// Rotated is a list with its first entry moved to the end.
func Rotated[V any](list []V) []V {
	if len(list) == 0 {
		return nil
	}
	return append(slices.Clone(list[1:]), list[0])
}

// Ends counts how many lists leave out their first or last number.
type Ends struct{ Lists, First, Last int }

// Add counts a list whose only 0 is at one end: that entry is left out.
func (e *Ends) Add(data []float64) {
	n := len(data)
	e.Lists++
	if data[0] == 0 && !slices.Contains(data[1:], 0) {
		e.First++
	}
	if data[n-1] == 0 && !slices.Contains(data[:n-1], 0) {
		e.Last++
	}
}

// Missing names the ends that every list leaves out: "first", "last".
func (e *Ends) Missing() []string {
	var ends []string
	if e.First == e.Lists {
		ends = append(ends, "first")
	}
	if e.Last == e.Lists {
		ends = append(ends, "last")
	}
	return ends
}
