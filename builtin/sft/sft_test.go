package sft_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/klpenalty"
	"llmhost/builtin/sft"
	"llmhost/sdk/sdktest"
)

// batch has an answer without labels.
var batch = sdktest.Inputs{
	Logps:          [][][]float64{{{-1, -2}}, {{-0.5}}, {{}}},
	RefLogps:       [][][]float64{{{-2, -2}}, {{-1}}, {{}}},
	ReverseKL:      [][][]float64{{{0.5, 0.25}}, {{1}}, {{}}},
	ExampleColumns: map[string][]float64{"weight": {1, 0.5, 2}},
}

func TestReductions(t *testing.T) {
	out := sdktest.Run(sft.Loss{Reduction: "token_mean"}, batch)
	require.InDelta(t, 3.5/3, out.Loss, 1e-12)
	require.InDelta(t, math.Exp(3.5/3), out.Metrics["perplexity"], 1e-12)
	require.Len(t, out.Terms, 1, "no penalty is asked for")
	require.InDelta(t, (1.5+0.25)/3, sdktest.Run(sft.Loss{Reduction: "seq_mean"}, batch).Loss, 1e-12)
	for _, reduction := range []string{"token_mean", "seq_mean"} {
		sdktest.CheckLoss(t, sft.Loss{Reduction: reduction}, batch)
	}
}

func TestPenalty(t *testing.T) {
	for _, p := range []klpenalty.Penalty{{Coef: 0.3}, {Coef: 0.3, TokenLevel: true, Mode: "full"}, {Coef: 0.3, Adaptive: true, Target: 2}} {
		l := sft.Loss{Reduction: "token_mean", Penalty: p}
		out := sdktest.Run(l, batch)
		kl := (0.5 + 0.5) / 3
		if p.Mode == "full" {
			kl = (0.375 + 1) / 3
		}
		require.InDelta(t, 3.5/3+0.3*kl, out.Loss, 1e-12)
		require.InDelta(t, kl, out.Metrics["kl"], 1e-12)
		sdktest.CheckLoss(t, l, batch)
	}
}
