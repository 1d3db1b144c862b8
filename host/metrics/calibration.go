package metrics

import (
	"math"
	"slices"
	"sort"
)

// Calibration compares predictions with outcomes, and measures how far stated
// probabilities are from frequencies (Naeini et al. 2015, AAAI; Nixon et al. 2019,
// arXiv:1904.01685). Parts can be added in any order, and joined. Bins of equal
// width keep three numbers each; bins of equal counts, whose borders depend on all
// predictions, need the predictions themselves.
type Calibration struct {
	strategy string
	numbers  []int  // of bins, each a way to measure
	uniform  []bins // one for each of numbers

	probability []float64
	truth       []bool
	n           int
}

// Strategies are how probabilities are put into bins: of equal width, or of
// equal counts.
const (
	Uniform  = "uniform"
	Quantile = "quantile"
)

// NewCalibration returns a calibration that uses each of the numbers of bins.
func NewCalibration(strategy string, numbers ...int) *Calibration {
	c := &Calibration{strategy: strategy, numbers: numbers}
	for _, n := range numbers {
		c.uniform = append(c.uniform, newBins(edges(n, func(share float64) float64 { return share })))
	}
	return c
}

// Add takes one prediction, a probability, and whether it came true.
func (c *Calibration) Add(probability float64, truth bool) {
	c.n++
	if c.strategy == Quantile {
		c.probability, c.truth = append(c.probability, probability), append(c.truth, truth)
		return
	}
	for _, b := range c.uniform {
		b.add(probability, truth)
	}
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

// AddChoices takes the candidates of one prompt: each pair of different scores is
// predicted once, by the model's choice. With rewards r ≥ r', σ(r − r') is its
// confidence that the score of the first is the higher one. Equal rewards choose
// neither, which counts as wrong. Unlike both directions of a pair, which cancel out
// where they fall into one bin, choices show a model that is undecided (top-label
// calibration, Guo et al. 2017, arXiv:1706.04599).
func (c *Calibration) AddChoices(rewards, scores []float64) {
	for i := range rewards {
		for j := range i {
			if scores[i] == scores[j] {
				continue
			}
			gap := rewards[i] - rewards[j]
			right := gap > 0 == (scores[i] > scores[j]) && gap != 0
			c.Add(1/(1+math.Exp(-math.Abs(gap))), right)
		}
	}
}

// Join adds the predictions of another part, which has the same bins as c.
func (c *Calibration) Join(other *Calibration) {
	c.n += other.n
	c.probability, c.truth = append(c.probability, other.probability...), append(c.truth, other.truth...)
	for i, b := range other.uniform {
		for bin := range b.count {
			c.uniform[i].count[bin] += b.count[bin]
			c.uniform[i].sum[bin] += b.sum[bin]
			c.uniform[i].hits[bin] += b.hits[bin]
		}
	}
}

// Len is the number of predictions.
func (c *Calibration) Len() int { return c.n }

// CalibrationErrors are the gaps between mean probability and frequency of the
// bins: their mean weighed by size, their plain mean over bins that hold any, and
// the largest. All are 0 where there is no prediction.
type CalibrationErrors struct {
	Bins          int
	ECE, ACE, MCE float64
}

// Errors measures with each of the numbers of bins, in their order.
func (c *Calibration) Errors() (all []CalibrationErrors) {
	sorted := slices.Sorted(slices.Values(c.probability))
	for i, n := range c.numbers {
		b := c.uniform[i]
		if c.strategy == Quantile {
			b = newBins(edges(n, func(share float64) float64 { return percentile(sorted, share) }))
			for i, p := range c.probability {
				b.add(p, c.truth[i])
			}
		}
		all = append(all, b.errors(c.n))
	}
	return all
}

// edges are the inner borders of n bins.
func edges(n int, at func(share float64) float64) []float64 {
	all := make([]float64, 0, n)
	for i := 1; i < n; i++ {
		all = append(all, at(float64(i)*(1/float64(n))))
	}
	return all
}

// percentile interpolates linearly between the two nearest of sorted.
func percentile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return share
	}
	at := share * float64(len(sorted)-1)
	low := int(at)
	if low+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

// bins are the predictions between edges.
type bins struct {
	edges            []float64
	count, sum, hits []float64 // sum is of probabilities
}

func newBins(edges []float64) bins {
	n := len(edges) + 1
	return bins{edges, make([]float64, n), make([]float64, n), make([]float64, n)}
}

func (b bins) add(probability float64, truth bool) {
	bin := sort.SearchFloat64s(b.edges, probability) // edges below it; a value on an edge falls below that
	b.count[bin]++
	b.sum[bin] += probability
	if truth {
		b.hits[bin]++
	}
}

func (b bins) errors(total int) CalibrationErrors {
	e := CalibrationErrors{Bins: len(b.count)}
	filled := 0.0
	for bin, n := range b.count {
		if n == 0 {
			continue
		}
		gap := math.Abs(b.sum[bin]-b.hits[bin]) / n
		filled++
		e.ECE += gap * n / float64(total)
		e.ACE += gap
		e.MCE = max(e.MCE, gap)
	}
	if filled > 0 {
		e.ACE /= filled
	}
	return e
}
