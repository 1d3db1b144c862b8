package orpo_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/orpo"
	"llmhost/sdk/sdktest"
)

// batch has mean log-probabilities -1.5, -0.5, -1 and -2, -0.25.
var batch = sdktest.Inputs{
	Logps: [][][]float64{{{-1, -2}, {-0.5}, {-1, -1, -1}}, {{-2}, {-0.25, -0.25}}},
	Score: [][]float64{{1, 2, 0}, {1, -1}},
}

func odds(m float64) float64 { return math.Log(math.Exp(m) / (1 - math.Exp(m))) }

func TestLoss(t *testing.T) {
	l := orpo.Loss{Beta: 0.2, Pairs: "best_over_rest"}
	out := sdktest.Run(l, batch)
	gaps := []float64{odds(-0.5) - odds(-1.5), odds(-0.5) - odds(-1), odds(-2) - odds(-0.25)}
	ratio, gap := 0.0, 0.0
	for _, d := range gaps {
		ratio, gap = ratio-math.Log1p(math.Exp(-d))/3, gap+d/3
	}
	nll := (0.5 + 0.5 + 2) / 3 // three chosen answers of one token each
	require.InDelta(t, nll, out.Terms["nll"].Value(), 1e-12)
	require.InDelta(t, nll-0.2*ratio, out.Loss, 1e-12)
	require.InDelta(t, ratio, out.Metrics["log_odds_ratio"], 1e-12)
	require.InDelta(t, gap, out.Metrics["log_odds_chosen"], 1e-12)
	require.InDelta(t, -0.2, out.Metrics["rewards/chosen"], 1e-12)
	require.InDelta(t, -(1.5+1+0.25)/3, out.Metrics["logps/rejected"], 1e-12)
	for _, method := range []string{"best_over_rest", "best_over_worst", "one_over_rest"} {
		l.Pairs = method
		sdktest.CheckLoss(t, l, batch)
	}
}

func TestNoPair(t *testing.T) {
	out := sdktest.Run(orpo.Loss{Beta: 0.2, Pairs: "best_over_rest"}, sdktest.Inputs{Logps: [][][]float64{{{-1}, {-2}}}, Score: [][]float64{{1, 1}}})
	require.Zero(t, out.Loss)
	require.Equal(t, [][][]float64{{{0}, {0}}}, out.Gradients)
}
