package cpo_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/cpo"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

var batch = sdktest.Inputs{
	Logps: [][][]float64{{{-1, -2}, {-0.5}, {-1, -1, -1}}, {{-2}, {-0.25, -0.25}}},
	Score: [][]float64{{1, 2, 0}, {1, -1}},
}

// pairs are sums of log-probabilities of chosen and rejected by best_over_rest,
// and the rejected ones' tokens; the chosen ones have one each.
var pairs = []struct{ w, l, n float64 }{{-0.5, -3, 2}, {-0.5, -3, 3}, {-2, -0.5, 2}}

func softplus(x float64) float64 { return math.Log1p(math.Exp(x)) }

func TestTypes(t *testing.T) {
	const beta, e, gamma, alpha = 0.6, 0.1, 0.5, 0.25
	smoothed := func(x float64) float64 { return (1-e)*softplus(-x) + e*softplus(x) }
	shaped := func(m float64) float64 { return (1 - math.Pow(math.Exp(m), -alpha)) / alpha }
	for _, c := range []struct {
		name string
		loss cpo.Loss
		want func(w, l, n float64) float64
	}{
		{"sigmoid", cpo.Loss{Type: "sigmoid"}, func(w, l, n float64) float64 { return softplus(-beta * (w - l)) }},
		{"smoothed", cpo.Loss{Type: "sigmoid", LabelSmoothing: e}, func(w, l, n float64) float64 { return smoothed(beta * (w - l)) }},
		{"hinge", cpo.Loss{Type: "hinge"}, func(w, l, n float64) float64 { return math.Max(0, 1-beta*(w-l)) }},
		{"ipo", cpo.Loss{Type: "ipo"}, func(w, l, n float64) float64 { return math.Pow(w-l/n-1/(2*beta), 2) }},
		{"simpo", cpo.Loss{Type: "simpo", LabelSmoothing: e}, func(w, l, n float64) float64 { return smoothed(beta*(w-l/n) - gamma) }},
		{"alphapo", cpo.Loss{Type: "simpo", Shape: alpha}, func(w, l, n float64) float64 { return softplus(gamma - beta*(shaped(w)-shaped(l/n))) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := c.loss
			l.Beta, l.Gamma, l.Pairs = beta, gamma, "best_over_rest"
			want := 0.0
			for _, p := range pairs {
				want += c.want(p.w, p.l, p.n) / 3
			}
			require.InDelta(t, want, sdktest.Run(l, batch).Loss, 1e-12)
			l.Alpha = 0.7
			out := sdktest.Run(l, batch)
			require.InDelta(t, want+0.7*(0.5+0.5+2)/3, out.Loss, 1e-12)
			require.InDelta(t, 1.0, out.Terms["nll"].Value(), 1e-12)
			sdktest.CheckLoss(t, l, batch)
		})
	}
}

func TestMetrics(t *testing.T) {
	m := sdktest.Run(cpo.Loss{Type: "simpo", Beta: 2, Pairs: "best_over_rest"}, batch).Metrics
	require.InDelta(t, 2*-1.0, m["rewards/chosen"], 1e-12)
	require.InDelta(t, 2*-(1.5+1+0.25)/3, m["rewards/rejected"], 1e-12)
	require.InDelta(t, 2.0/3, m["rewards/accuracies"], 1e-12)
	require.InDelta(t, -1, m["logps/chosen"], 1e-12)
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		values map[string]any
		want   string
	}{
		{map[string]any{"cpo_loss_type": "ipo", "cpo_beta": 0}, "cpo_beta is 0, and cpo_loss_type ipo divides by it; want a number above 0"},
		{map[string]any{"alphapo_alpha": 0.25}, "alphapo_alpha is 0.25 and cpo_loss_type sigmoid; want ipo or simpo, whose rewards are means over tokens"},
	} {
		_, err := sdk.NewLoss("cpo", "", cpo.Loss{}).New(c.values)
		require.EqualError(t, err, c.want)
	}
}
