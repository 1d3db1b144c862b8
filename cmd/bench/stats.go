package main

import (
	"fmt"
	"math"
	"slices"
)

// spread is the median and the extremes of some measurements.
type spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
	N      int     `json:"n"`
}

// spreadOf returns the zero spread where there are no values.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{
		Min:    sorted[0],
		Median: (sorted[(n-1)/2] + sorted[n/2]) / 2,
		Max:    sorted[n-1],
		N:      n,
	}
}

const (
	// cleanShare is how much of the machine others may take during a clean step.
	cleanShare = 0.06
	// enoughClean is how many clean values are enough to ignore the others.
	enoughClean = 3
)

// sample is a measurement and whether the machine was quiet meanwhile.
type sample struct {
	value float64
	clean bool
}

// judged is a spread and whether it covers only clean samples.
type judged struct {
	spread
	Clean bool `json:"clean"`
}

// judge returns the spread over the clean samples where there are enough of
// them, and else over all.
func judge(samples []sample) judged {
	var all, good []float64
	for _, x := range samples {
		all = append(all, x.value)
		if x.clean {
			good = append(good, x.value)
		}
	}
	if len(good) >= enoughClean {
		return judged{spreadOf(good), true}
	}
	return judged{spreadOf(all), len(good) == len(all)}
}

// firstLossLimit is how far the losses of a first step may differ, relatively:
// the same float32 sums in another order.
const firstLossLimit = 1e-4

// sameLoss returns an error if two sides did not compute the same thing.
func sameLoss(what, name string, ours, theirs float64) error {
	if gap := apart(ours, theirs); !(gap <= firstLossLimit) {
		return fmt.Errorf("%s: the loss of the first step is %.6f in llmhost and %.6f in %s, a relative difference of %.1e; at most %.0e is rounding, so the two do not do the same work",
			what, ours, theirs, name, gap, firstLossLimit)
	}
	return nil
}

func apart(a, b float64) float64 { return math.Abs(a-b) / math.Abs(a) }
