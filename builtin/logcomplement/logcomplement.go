// Package logcomplement computes log(1 − p) of log p without losing digits at
// either end. It is not a plugin.
package logcomplement

import (
	"math"

	"llmhost/sdk"
)

// Least is how close to 0 a log-probability may come: anything closer counts as
// −Least, since its complement is 0 in float32, and has no gradient here.
const Least = 1e-7

// Of is log(1 − exp(logp)) of log-probabilities, finite everywhere. Above −log 2
// it is log(−expm1(logp)), below log1p(−exp(logp)): each where it is exact.
func Of(logp sdk.Tensor) sdk.Tensor {
	logp = logp.ClampMax(-Least)
	near := logp.Expm1().Neg().Log()
	far := logp.Exp().Neg().Log1p()
	return sdk.Where(logp.GtScalar(-math.Ln2), near, far)
}
