package kto_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/kto"
	"llmhost/sdk/sdktest"
)

// batch has log-ratios 1, -2 and 0.5, and mismatched ones whose mean is 0.5.
var batch = sdktest.Inputs{
	Logps:              [][][]float64{{{-1, -1}}, {{-4}}, {{-1, -1, -1}}},
	RefLogps:           [][][]float64{{{-2, -1}}, {{-2}}, {{-1, -1, -1.5}}},
	MismatchedLogps:    [][][]float64{{{-3}}, {{-1, -1}}, {{-1, -2}}},
	MismatchedRefLogps: [][][]float64{{{-5}}, {{-1, -0.5}}, {{-2, -1}}},
	Score:              [][]float64{{1}, {-1}, {2}},
}

func sigma(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func TestLoss(t *testing.T) {
	const z0 = 0.5
	l := kto.Loss{Beta: 0.3, DesirableWeight: 1.5, UndesirableWeight: 0.75}
	out := sdktest.Run(l, batch)
	want := (1.5*(1-sigma(0.3*(1-z0))) + 0.75*(1-sigma(0.3*(z0+2))) + 1.5*(1-sigma(0.3*(0.5-z0)))) / 3
	require.InDelta(t, want, out.Loss, 1e-12)
	require.InDelta(t, z0, out.Metrics["kl"], 1e-12)
	require.InDelta(t, 0.3*0.75, out.Metrics["rewards/chosen"], 1e-12)
	require.InDelta(t, -0.6, out.Metrics["rewards/rejected"], 1e-12)
	require.InDelta(t, -2.5, out.Metrics["logps/chosen"], 1e-12)
	require.InDelta(t, -4.0, out.Metrics["logps/rejected"], 1e-12)
	sdktest.CheckLoss(t, l, batch)
}

func TestTheReferencePointIsNotNegative(t *testing.T) {
	in := batch
	in.MismatchedLogps, in.MismatchedRefLogps = in.MismatchedRefLogps, in.MismatchedLogps
	l := kto.Loss{Beta: 0.3, DesirableWeight: 1, UndesirableWeight: 1}
	out := sdktest.Run(l, in)
	require.Zero(t, out.Metrics["kl"])
	require.InDelta(t, (2-sigma(0.3)-sigma(0.15)+1-sigma(0.6))/3, out.Loss, 1e-12)
	sdktest.CheckLoss(t, l, in)
}
