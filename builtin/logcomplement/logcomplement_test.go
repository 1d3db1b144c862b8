package logcomplement_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/logcomplement"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

type complement struct{}

func (complement) Trace(g *sdk.Graph) sdk.Objective {
	sum := logcomplement.Of(g.Logps()).Where(g.LabelMask(), 0).Sum()
	return sdk.Objective{Terms: []sdk.Term{{Name: "x", Sum: sum, Coefficient: 1}}}
}

func TestOf(t *testing.T) {
	for _, c := range []struct{ logp, want, slope float64 }{
		{-math.Ln2, -math.Ln2, -1},
		{-1e-5, math.Log(1e-5) - 0.5e-5, -1e5 + 0.5},
		{-40, -math.Exp(-40), -math.Exp(-40)},
		{-700, -math.Exp(-700), -math.Exp(-700)},
		{math.Log(0.9), math.Log(0.1), -9},
	} {
		out := sdktest.Run(complement{}, sdktest.Inputs{Logps: [][][]float64{{{c.logp}}}})
		require.InEpsilon(t, c.want, out.Loss, 1e-9, c.logp)
		require.InEpsilon(t, c.slope, out.Gradients[0][0][0], 1e-6, c.logp)
	}
	certain := sdktest.Run(complement{}, sdktest.Inputs{Logps: [][][]float64{{{0}}}})
	require.InDelta(t, math.Log(logcomplement.Least), certain.Loss, 1e-6)
	require.Zero(t, certain.Gradients[0][0][0], "a probability of 1 has a finite complement, and no gradient")
}

// In float32, the type of training, nothing is infinite or NaN.
func TestSinglePrecision(t *testing.T) {
	p, err := sdktest.Trace(complement{})
	require.NoError(t, err)
	for _, logp := range []float64{0, -1e-9, -1e-7, -2e-7, -0.5, -math.Ln2, -1, -90, -1e4} {
		a, err := sdktest.Inputs{Logps: [][][]float64{{{logp}}}}.Arguments()
		require.NoError(t, err)
		a.Single = true
		e, err := p.Evaluate(a)
		require.NoError(t, err)
		for _, v := range append(e.Gradient(e.LossSeeds())["policy.logps"], e.Loss()) {
			require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "%v gives %v", logp, v)
		}
	}
}
