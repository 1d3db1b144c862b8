package report

import (
	"math"
	"strconv"
)

// axis maps values from lo to hi to pixels from begin to end, and has ticks at
// round values.
type axis struct {
	lo, hi, begin, end float64
	ticks              []float64
	digits             int // after the point of a tick's label
}

// newAxis spans lo to hi and a little more, with about want ticks; it begins at
// a tick. An empty span is widened around its value.
func newAxis(lo, hi float64, want int, begin, end float64) axis {
	if hi-lo <= 1e-9*math.Max(math.Abs(lo), math.Abs(hi)) {
		pad := math.Max(math.Abs(lo)*0.1, 1e-6)
		if lo == 0 {
			pad = 1
		}
		lo, hi = lo-pad, hi+pad
	}
	step := roundStep((hi - lo) / float64(want))
	first := math.Floor(lo/step + 1e-9)
	last := math.Floor(hi/step + 1e-9)
	a := axis{lo: first * step, hi: hi + 0.04*(hi-lo), begin: begin, end: end}
	for i := first; i <= last; i++ {
		a.ticks = append(a.ticks, i*step)
	}
	for a.digits < 9 && math.Abs(step-math.Round(step)) > 1e-9*step {
		a.digits++
		step *= 10
	}
	return a
}

// roundStep is the smallest of 1, 2, 2.5, 5 times a power of ten that is at least
// raw.
func roundStep(raw float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if raw <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// at is the pixel of a value.
func (a axis) at(v float64) float64 {
	return a.begin + (v-a.lo)/(a.hi-a.lo)*(a.end-a.begin)
}

// label writes a tick with the digits that the axis needs, and thousands as k.
func (a axis) label(v float64) string {
	largest := math.Max(math.Abs(a.lo), math.Abs(a.hi))
	switch {
	case v == 0 || math.Abs(v) < 1e-9*largest:
		return "0"
	case largest >= 1e7 || a.digits > 5:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case largest >= 10000 && a.digits == 0:
		return strconv.FormatFloat(v/1000, 'f', -1, 64) + "k"
	}
	return strconv.FormatFloat(v, 'f', a.digits, 64)
}
