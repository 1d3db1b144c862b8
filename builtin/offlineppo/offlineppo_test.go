package offlineppo_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/klpenalty"
	"llmhost/builtin/offlineppo"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// batch has mean log-ratios of 0.5, -0.2 and 0.05, and a record to be learned.
var batch = sdktest.Inputs{
	Logps:     [][][]float64{{{-1, -1}}, {{-2.2}}, {{-1, -0.9, -2}}, {{-3, -1}}},
	RefLogps:  [][][]float64{{{-2, -1}}, {{-2}}, {{-1, -1.05, -2}}, {{-2, -1.5}}},
	ReverseKL: [][][]float64{{{0.5, 0.25}}, {{1}}, {{0.125, 2, 0}}, {{1, 1}}},
	ExampleColumns: map[string][]float64{
		"reward": {1, -0.5, 2, 0}, "weight": {1, 0.5, 2, 1.5}, "lm_mask": {0, 0, 0, 1}},
}

func clipped(a, ratio float64) float64 {
	return -math.Min(a*ratio, a*math.Min(math.Max(ratio, 0.8), 1.2))
}

func TestSentence(t *testing.T) {
	l := offlineppo.Loss{ClipRange: 0.2, LMCoefficient: 0.5, Penalty: klpenalty.Penalty{Coef: 0.1}}
	out := sdktest.Run(l, batch)
	rl := (1*clipped(1-0.05, math.Exp(0.5)) + 0.5*clipped(-0.5+0.02, math.Exp(-0.2)) + 2*clipped(2-0.005, math.Exp(0.05))) / 3
	require.InDelta(t, rl, out.Terms["rl_loss"].Value(), 1e-12)
	require.InDelta(t, rl+0.5*1.5*2, out.Loss, 1e-12)
	require.InDelta(t, 0.35/3, out.Metrics["kl"], 1e-12)
	require.InDelta(t, (0.5+0.05)/2, out.Metrics["kl_positive"], 1e-12)
	require.InDelta(t, -0.2, out.Metrics["kl_negative"], 1e-12)
	require.InDelta(t, -0.25, out.Metrics["kl_lm"], 1e-12)
	require.Equal(t, []float64{0, 0}, out.Gradients[0][0], "beyond the clip range a good answer has no gradient")
	sdktest.CheckLoss(t, l, batch)
}

func TestTokens(t *testing.T) {
	l := offlineppo.Loss{ClipRange: 0.2, LMCoefficient: 0.5, Penalty: klpenalty.Penalty{Coef: 0.1, TokenLevel: true, Mode: "full"}}
	one := func(reward, kl, logRatio float64) float64 { return clipped(reward-0.1*kl, math.Exp(logRatio)) }
	rl := (one(1, 0.5, 1)+one(1, 0.25, 0))/2 + 0.5*one(-0.5, 1, -0.2) + 2*(one(2, 0.125, 0)+one(2, 2, 0.15)+one(2, 0, 0))/3
	require.InDelta(t, rl/3, sdktest.Run(l, batch).Terms["rl_loss"].Value(), 1e-12)
	sdktest.CheckPadding(t, l, batch)
	sdktest.CheckCuts(t, l, batch)
	for _, mode := range []string{"kl", "abs", "mse"} {
		l.Mode = mode
		sdktest.CheckLoss(t, l, batch)
	}
}

// The advantage uses the current coefficient.
func TestAdaptive(t *testing.T) {
	fixed := offlineppo.Loss{ClipRange: 0.2, LMCoefficient: 0.5, Penalty: klpenalty.Penalty{Coef: 0.3}}
	l := fixed
	l.Coef, l.Adaptive, l.Target = 0.1, true, 0.2
	in := batch
	in.States = map[string]float64{"kl_coef": 0.3}
	out := sdktest.Run(l, in)
	require.InDelta(t, sdktest.Run(fixed, batch).Loss, out.Loss, 1e-12)
	require.InDelta(t, 0.3*(1-0.1*0.2), out.States["kl_coef"], 1e-12)
	sdktest.CheckLoss(t, l, in)
}

func TestWithoutPenalty(t *testing.T) {
	l := offlineppo.Loss{ClipRange: 0.2}
	out := sdktest.Run(l, batch.Pick(2))
	require.InDelta(t, 2*clipped(2, math.Exp(0.05)), out.Loss, 1e-12)
	require.Zero(t, sdktest.Run(l, batch.Pick(3)).Loss, "no row has a reward")
}

func TestFormatter(t *testing.T) {
	row := func(answer string, more ...sdk.Cell) sdk.Row {
		cells := append([]sdk.Cell{{Type: sdk.String, Str: "p"}, {Type: sdk.String, Str: answer}}, more...)
		return sdk.NewRow(append(cells, make([]sdk.Cell, 4-len(cells))...))
	}
	number := func(v float64) sdk.Cell { return sdk.Cell{Type: sdk.Float, Float: v} }
	for _, c := range []struct {
		row     sdk.Row
		columns map[string]float64
		err     string
	}{
		{row("a", number(-2), number(0.5)), map[string]float64{"reward": -2, "lm_mask": 0, "weight": 0.5}, ""},
		{row("a", number(0)), map[string]float64{"reward": 0, "lm_mask": 0, "weight": 1}, ""},
		{row("a"), map[string]float64{"reward": 0, "lm_mask": 1, "weight": 1}, ""},
		{row(" "), nil, "dropped: an empty answer"},
		{row("a", number(1), number(-1)), nil, `field "weight" is -1; want 0 or more`},
	} {
		e, err := sdk.FormatRow(offlineppo.Formatter{}, &c.row)
		if c.err != "" {
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.columns, e.Columns)
	}
	require.NoError(t, offlineppo.Formatter{}.Validate())
}
