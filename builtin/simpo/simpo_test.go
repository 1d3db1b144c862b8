package simpo_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/simpo"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

var batch = sdktest.Inputs{
	Logps: [][][]float64{{{-1, -2}, {-0.5}, {-1, -1, -1}}, {{-2}, {-0.25, -0.25}}},
	Score: [][]float64{{1, 2, 0}, {1, -1}},
}

func TestLoss(t *testing.T) {
	l, err := sdk.NewLoss("simpo", "", simpo.Loss{}).New(nil)
	require.NoError(t, err)
	want := 0.0
	for _, gap := range []float64{-0.5 + 1.5, -0.5 + 1, -2 + 0.25} {
		want += math.Log1p(math.Exp(1-2*gap)) / 3
	}
	require.InDelta(t, want, sdktest.Run(l, batch).Loss, 1e-12)
	sdktest.CheckLoss(t, l, batch)
}
