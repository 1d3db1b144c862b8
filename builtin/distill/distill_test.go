package distill_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/distill"
	"llmhost/sdk/sdktest"
)

var batch = sdktest.Inputs{
	Logps:     [][][]float64{{{-1, -2}}, {{-0.5}}},
	ForwardKL: [][][]float64{{{0.5, 0.25}}, {{1}}},
	ReverseKL: [][][]float64{{{0.125, 1}}, {{2}}},
}

func TestLoss(t *testing.T) {
	for direction, kl := range map[string]float64{"forward": 1.75 / 3, "reverse": 3.125 / 3, "mixed": 4.875 / 6} {
		for _, alpha := range []float64{0, 0.25, 1} {
			l := distill.Loss{Direction: direction, Alpha: alpha}
			out := sdktest.Run(l, batch)
			require.InDelta(t, (1-alpha)*kl+alpha*3.5/3, out.Loss, 1e-12)
			require.InDelta(t, kl, out.Metrics["kl"], 1e-12)
			require.InDelta(t, math.Exp(3.5/3), out.Metrics["perplexity"], 1e-12)
			sdktest.CheckLoss(t, l, batch)
		}
	}
}
