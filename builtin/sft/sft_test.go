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
	VocabMeanLogps: [][][]float64{{{-4, -5}}, {{-3}}, {{}}},
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

func TestLabelSmoothing(t *testing.T) {
	for reduction, want := range map[string]float64{
		"token_mean": (0.9*3.5 + 0.1*12) / 3,
		"seq_mean":   ((0.9*3+0.1*9)/2 + 0.5*(0.9*0.5+0.1*3)) / 3,
	} {
		l := sft.Loss{Reduction: reduction, Smoothing: 0.1}
		out := sdktest.Run(l, batch)
		require.InDelta(t, want, out.Loss, 1e-12, reduction)
		require.InDelta(t, math.Exp(3.5/3), out.Metrics["perplexity"], 1e-12, "perplexity is never smoothed")
		sdktest.CheckLoss(t, l, batch)

		l.Penalty = klpenalty.Penalty{Coef: 0.3}
		require.InDelta(t, want+0.3/3, sdktest.Run(l, batch).Loss, 1e-12, "the penalty is added as it is, with %s", reduction)
		sdktest.CheckLoss(t, l, batch)
	}
}

// Without smoothing programs are those of the loss before it could smooth labels.
func TestNoSmoothing(t *testing.T) {
	for digest, l := range map[string]sft.Loss{
		"2c4affeb8d9454a0155c29e23038112c9fb2fb7a4e2837953b2dd52022b13883": {Reduction: "token_mean"},
		"46d6ec7f9574faf1fae4d9da2ca8d3d35d14d972aaa8e06c6890396d5f495971": {Reduction: "seq_mean"},
		"9de70d031cde7a83d96e46f7c82564f9cc1b14df1fcf0e1003487f5ef316967a": {Reduction: "token_mean", Penalty: klpenalty.Penalty{Coef: 0.3}},
	} {
		p, err := sdktest.Trace(l)
		require.NoError(t, err)
		require.Equal(t, digest, p.Digest(), "%+v", l)
		l.Smoothing = 0.1
		p, err = sdktest.Trace(l)
		require.NoError(t, err)
		require.NotEqual(t, digest, p.Digest(), "%+v", l)
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
