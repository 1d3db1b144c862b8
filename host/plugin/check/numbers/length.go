package numbers

import (
	"fmt"
	"math"

	"llmhost/sdk/sdktest"
)

// Power is the exponent p for which weights, for n = 2, 3, 4, …, are
// proportional to n^p; NaN if there is none.
func Power(weights []float64) float64 {
	if weights == nil {
		return math.NaN()
	}
	var target, log, constant []float64
	for i, w := range weights {
		constant = append(constant, 1)
		target = append(target, math.Log(w))
		log = append(log, math.Log(float64(i+2)))
	}
	law, rest := Fit(target, constant, log)
	if rest >= 1e-8 {
		return math.NaN()
	}
	return law[1]
}

// lengthLaw is the exponent p for which weights, for n from 2, are proportional
// to n^p. If there is none, away is +1 if they contain a power of n+1, and -1
// if one of n-1. A mix of a mean and a sum in one term is allowed, and reads as
// power 0.
func lengthLaw(weights []float64) (exponent float64, away int) {
	if weights == nil {
		return 0, 0
	}
	if law := Power(weights); !math.IsNaN(law) {
		return law, 0
	}
	var constant, n, target []float64
	for i, w := range weights {
		constant = append(constant, 1)
		n = append(n, float64(i+2))
		target = append(target, math.Log(w))
	}
	if _, rest := Fit(weights, constant, n); rest < 1e-9*Largest(weights) {
		return 0, 0
	}
	for _, away := range []int{-1, 1} {
		if _, rest := Fit(target, constant, logs(n, 0), logs(n, away)); rest < 1e-8 {
			return 0, away
		}
	}
	return 0, 0
}

// logs are the logarithms of shifted numbers.
func logs(n []float64, by int) []float64 {
	out := make([]float64, len(n))
	for i, x := range n {
		out[i] = math.Log(x + float64(by))
	}
	return out
}

// WrongLength says what is wrong with the weights of answers, or sequences, of n =
// 2, 3, 4, … tokens, and the likely cause: a mean gives each the weight 1, a sum
// the weight n, a length penalty a power of n in between, or any power if powers is
// false, as a parameter may ask for. Both are "" if nothing is.
func WrongLength(weights []float64, powers bool) (text, cause string) {
	exponent, away := lengthLaw(weights)
	switch {
	case away != 0:
		text = fmt.Sprintf(
			"%s, as though each had %s",
			sdktest.Numbers(weights[:4]...),
			[]string{"one token fewer", "", "one token more"}[away+1],
		)
		cause = "a length is off by one: the prompt, the first token or padding is counted, or the end token is not; the number of label tokens is LabelMask().Sum(-1), that of a sequence's SegmentCount"
	case powers && exponent > 1+1e-6:
		text = sdktest.Numbers(weights[:4]...) + ", more than in proportion to their length"
		cause = "a tensor with one number an answer was broadcast over its tokens before the sum, so each answer counts once per token"
	case powers && exponent < -1e-6:
		text = sdktest.Numbers(weights[:4]...) + ", less the longer they are"
		cause = "a mean over tokens is divided by their number again"
	}
	return text, cause
}

// Added is the number c for which weights, for n = 2, 3, 4, …, are proportional to
// n/(n+c): a mean that counts c tokens more; 0 if there is none.
func Added(weights []float64) float64 {
	var constant, inverse, target []float64
	for i, w := range weights {
		constant = append(constant, 1)
		inverse = append(inverse, 1/float64(i+2))
		target = append(target, 1/w)
	}
	law, rest := Fit(target, constant, inverse)
	if rest > 1e-9*Largest(target) || math.Abs(law[0]) < 1e-9 {
		return 0
	}
	if c := law[1] / law[0]; math.Abs(c) > 1e-6 {
		return c
	}
	return 0
}
