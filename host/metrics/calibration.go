package metrics

import (
	"math"
	"slices"
	"sort"
)

// Calibration holds predictions against what turned out true, and measures how
// far stated probabilities are from frequencies (Naeini et al. 2015, AAAI;
// Nixon et al. 2019, arXiv:1904.01685). Parts can be added in any order.
type Calibration struct {
	probability []float64
	truth       []bool
}

// Add takes one prediction, a probability, and whether it came true.
func (c *Calibration) Add(probability float64, truth bool) {
	c.probability, c.truth = append(c.probability, probability), append(c.truth, truth)
}

// AddPreferences takes the candidates of one prompt: each pair i, j of different
// scores is predicted with σ(r_j − r_i) to have s_j > s_i, in both directions.
func (c *Calibration) AddPreferences(rewards, scores []float64) {
	for i := range rewards {
		for j := range rewards {
			if scores[i] != scores[j] {
				c.Add(1/(1+math.Exp(rewards[i]-rewards[j])), scores[j] > scores[i])
			}
		}
	}
}

// Len is the number of predictions.
func (c *Calibration) Len() int { return len(c.probability) }

// Strategies are how probabilities are put into bins: of equal width, or of
// equal numbers.
const (
	Uniform  = "uniform"
	Quantile = "quantile"
)

// CalibrationErrors are the gaps between mean probability and frequency of the
// bins: their mean weighed by size, their plain mean over bins that hold any, and
// the largest.
type CalibrationErrors struct{ ECE, ACE, MCE float64 }

// Errors measures with so many bins; all is 0 where there is nothing.
func (c *Calibration) Errors(bins int, strategy string) (e CalibrationErrors) {
	edges := c.edges(bins, strategy)
	count, sum, hits := make([]float64, bins), make([]float64, bins), make([]float64, bins)
	for i, p := range c.probability {
		bin := sort.SearchFloat64s(edges, p) // edges below p; a value on an edge falls below it
		count[bin]++
		sum[bin] += p
		if c.truth[i] {
			hits[bin]++
		}
	}
	filled := 0.0
	for bin, n := range count {
		if n == 0 {
			continue
		}
		gap := math.Abs(sum[bin]-hits[bin]) / n
		filled++
		e.ECE += gap * n / float64(len(c.probability))
		e.ACE += gap
		e.MCE = max(e.MCE, gap)
	}
	if filled > 0 {
		e.ACE /= filled
	}
	return e
}

// edges are the inner borders of the bins.
func (c *Calibration) edges(bins int, strategy string) []float64 {
	edges := make([]float64, 0, bins)
	sorted := slices.Sorted(slices.Values(c.probability))
	for i := 1; i < bins; i++ {
		at := float64(i) * (1 / float64(bins))
		if strategy == Quantile && len(sorted) > 0 {
			at = percentile(sorted, at)
		}
		edges = append(edges, at)
	}
	return edges
}

// percentile interpolates linearly between the two nearest of sorted.
func percentile(sorted []float64, share float64) float64 {
	at := share * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}
