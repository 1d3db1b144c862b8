package sdktest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// everything reads all that a batch can have besides classes and columns: with
// z the mean of the mismatched log-ratios over the step and s the state,
// Σ reward · z + s · Σ reverse + Σ forward · ℓ − 2 Σ mean ℓ.
func everything(g *sdk.Graph) sdk.Objective {
	real, mask := g.Real(), g.LabelMask()
	rows := real.Sum()
	z := g.MismatchedLogps().Sub(g.MismatchedRefLogps()).Sum(-1).Where(real, 0).Sum().GlobalMean(rows)
	kl := g.ReverseKL().Where(mask, 0).Sum()
	return sdk.Objective{
		Terms: []sdk.Term{
			{Name: "reward", Sum: g.Rewards().Mul(z).Sum(), Count: rows, Coefficient: 1},
			{Name: "reverse", Sum: kl.Mul(g.State("s")), Count: rows, Coefficient: 1},
			{Name: "spread", Sum: g.VocabMeanLogps().Sum().Neg(), Count: rows, Coefficient: 2},
			{Name: "forward", Sum: g.ForwardKL().Mul(g.Logps()).Sum(), Count: rows, Coefficient: 1},
		},
		States: []sdk.State{{Name: "s", Initial: 0.5, Update: g.State("s").Add(kl.GlobalMean(rows))}},
	}
}

var full = sdktest.Inputs{
	Logps:              [][][]float64{{{-1, -2}, {-0.5}}, {{-3}}},
	ReverseKL:          [][][]float64{{{1, 2}, {0.5}}, {{3}}},
	ForwardKL:          [][][]float64{{{0.25, 0.5}, {1}}, {{2}}},
	VocabMeanLogps:     [][][]float64{{{-4, -5}, {-6}}, {{-7}}},
	Rewards:            [][]float64{{1, -2}, {4}},
	MismatchedLogps:    [][][]float64{{{-1}, {-1, -2, -3}}, {{}}},
	MismatchedRefLogps: [][][]float64{{{-3}, {-1, -3, -3}}, {{}}},
}

func TestInputsOfTheModel(t *testing.T) {
	out := sdktest.Run(spoilt(everything), full)
	require.InDelta(t, 3.0, 3*out.Terms["reward"].Value(), 1e-12, "the mean of 2, 1 and 0 is 1")
	require.InDelta(t, 0.5*6.5/3, out.Terms["reverse"].Value(), 1e-12)
	require.InDelta(t, 0.5+6.5/3, out.States["s"], 1e-12)
	require.InDeltaSlice(t, []float64{1.0 / 3, 1.0 / 3}, out.RewardGradients[0], 1e-12)
	require.InDeltaSlice(t, []float64{0.5 / 3, 0.5 / 3}, out.ReverseKLGradients[0][0], 1e-12)
	require.InDeltaSlice(t, []float64{-1.0 / 3, -2.0 / 3}, out.ForwardKLGradients[0][0], 1e-12)
	require.InDeltaSlice(t, []float64{0.25 / 3, 0.5 / 3}, out.Gradients[0][0], 1e-12)
	require.InDelta(t, 22.0/3, out.Terms["spread"].Value(), 1e-12)
	require.InDeltaSlice(t, []float64{-2.0 / 3, -2.0 / 3}, out.VocabMeanGradients[0][0], 1e-12)
	sdktest.CheckLoss(t, spoilt(everything), full)

	in := full
	in.States = map[string]float64{"s": 2}
	require.InDelta(t, 2*6.5/3, sdktest.Run(spoilt(everything), in).Terms["reverse"].Value(), 1e-12)
	require.Contains(t, in.String(), "Rewards: {{1, -2}, {4}}, state s: 2")
	require.Contains(t, in.String(), "VocabMeanLogps: {{{-4, -5}, {-6}}, {{-7}}}")
}

// A mean of the batch instead of one over the step shows in the cuts.
func TestCutsSeeAMeanOfTheBatch(t *testing.T) {
	centred := spoilt(func(g *sdk.Graph) sdk.Objective {
		mean := g.Rewards().Sum().Div(g.Real().Sum())
		return term(g.Rewards().Sub(mean).Where(g.Real(), 0).Square().Sum(), g.Real().Sum())
	})
	r := &recorder{TB: t}
	sdktest.CheckCuts(r, centred, full)
	require.NotEmpty(t, r.said)
}

func TestMisshapenInputs(t *testing.T) {
	for _, c := range []struct {
		set  func(in *sdktest.Inputs)
		want string
	}{
		{func(in *sdktest.Inputs) { in.Rewards = [][]float64{{1}, {2}} }, "rewards has 1 numbers for the 2 candidates of prompt 0"},
		{func(in *sdktest.Inputs) { in.ReverseKL = in.ReverseKL[:1] }, "kl.reverse has candidates of [[2 1]] tokens; want [[2 1] [1]], as Logps has"},
		{func(in *sdktest.Inputs) { in.MismatchedLogps = in.MismatchedLogps[:1] }, "mismatched.policy.logps does not have a list for each of the candidates [[2 1] [1]]"},
	} {
		in := full
		c.set(&in)
		_, err := sdktest.RunErr(spoilt(everything), in)
		require.ErrorContains(t, err, c.want)
	}
}
