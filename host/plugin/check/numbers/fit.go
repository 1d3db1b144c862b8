package numbers

import "math"

// Fit is the least-squares fit of target by the columns: their coefficients,
// and the largest remaining error.
func Fit(target []float64, columns ...[]float64) (coefficients []float64, rest float64) {
	left := append([]float64(nil), target...)
	var basis [][]float64
	var mix [][]float64 // basis[i] = Σ mix[i][j] columns[j]
	for j, column := range columns {
		direction := append([]float64(nil), column...)
		part := make([]float64, len(columns))
		part[j] = 1
		for range 2 { // twice, to remove the first pass's rounding errors
			for i, b := range basis {
				remove(direction, b, dot(direction, b), part, mix[i])
			}
		}
		if size := math.Sqrt(dot(direction, direction)); size > 1e-9*math.Sqrt(dot(column, column)) {
			basis = append(basis, Scaled(direction, 1/size))
			mix = append(mix, Scaled(part, 1/size))
		}
	}
	coefficients = make([]float64, len(columns))
	for i, b := range basis {
		c := dot(left, b)
		for at := range left {
			left[at] -= c * b[at]
		}
		for j := range coefficients {
			coefficients[j] += c * mix[i][j]
		}
	}
	for _, v := range left {
		rest = math.Max(rest, math.Abs(v))
	}
	return coefficients, rest
}

// remove subtracts the component along b from direction, and updates mix
// accordingly.
func remove(direction, b []float64, along float64, part, mix []float64) {
	for i := range direction {
		direction[i] -= along * b[i]
	}
	for j := range part {
		part[j] -= along * mix[j]
	}
}

func dot(a, b []float64) float64 {
	total := 0.0
	for i := range a {
		total += a[i] * b[i]
	}
	return total
}
