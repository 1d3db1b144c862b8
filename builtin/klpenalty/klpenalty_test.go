package klpenalty_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/klpenalty"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// penalized is a loss that is the penalty alone.
type penalized struct{ klpenalty.Penalty }

func (l penalized) Trace(g *sdk.Graph) sdk.Objective {
	kl, rows := l.Rows(g).Sum(), g.Real().Sum()
	return sdk.Objective{
		Terms:   []sdk.Term{{Name: "kl", Sum: l.Weigh(g, kl), Count: rows, Coefficient: 1}},
		Metrics: l.Metrics(g, kl, rows),
		States:  l.Controller(g, kl, rows),
	}
}

var batch = sdktest.Inputs{
	Logps:     [][][]float64{{{-1, -2}}, {{-0.5}}, {{-3, -1, -1}}},
	RefLogps:  [][][]float64{{{-2, -2.5}}, {{-0.25}}, {{-2, -1.5, -4}}},
	ReverseKL: [][][]float64{{{0.5, 0.25}}, {{1}}, {{0.125, 2, 0}}},
}

func TestModes(t *testing.T) {
	for _, c := range []struct {
		name string
		p    klpenalty.Penalty
		want float64
	}{
		{"sentence", klpenalty.Penalty{Mode: "full"}, (0.75 - 0.25 + 2.5/3) / 3},
		{"kl", klpenalty.Penalty{TokenLevel: true, Mode: "kl"}, (0.75 - 0.25 + 2.5/3) / 3},
		{"abs", klpenalty.Penalty{TokenLevel: true, Mode: "abs"}, (0.75 + 0.25 + 4.5/3) / 3},
		{"mse", klpenalty.Penalty{TokenLevel: true, Mode: "mse"}, (1.25/4 + 0.0625/2 + 10.25/6) / 3},
		{"full", klpenalty.Penalty{TokenLevel: true, Mode: "full"}, (0.375 + 1 + 2.125/3) / 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.p.Coef = 0.3
			out := sdktest.Run(penalized{c.p}, batch)
			require.InDelta(t, 0.3*c.want, out.Loss, 1e-12)
			require.InDelta(t, c.want, out.Metrics["kl"], 1e-12)
			require.Empty(t, out.States)
			sdktest.CheckLoss(t, penalized{c.p}, batch)
		})
	}
}

// A coefficient follows the KL of each step.
func TestController(t *testing.T) {
	p := klpenalty.Penalty{Coef: 0.2, Adaptive: true, Target: 6}
	value := 0.2
	for i, c := range []struct{ kl, want float64 }{{0.5, 0.196}, {3, 0.19208}, {6, 0.19208}, {9, 0.1959216}, {30, 0.199840032}, {5.9, 0.19950696528}, {-1, 0.195516825974}} {
		in := sdktest.Inputs{Logps: [][][]float64{{{-1}}, {{-1}}}, RefLogps: [][][]float64{{{-1 - 2*c.kl}}, {{-1}}}}
		if i > 0 {
			in.States = map[string]float64{"kl_coef": value}
		}
		out := sdktest.Run(penalized{p}, in)
		require.InDelta(t, value*c.kl, out.Loss, 1e-12)
		require.InDelta(t, value, out.Metrics["kl_coef"], 1e-12)
		value = out.States["kl_coef"]
		require.InDelta(t, c.want, value, 1e-11)
	}
	sdktest.CheckLoss(t, penalized{p}, batch)
	require.EqualError(t, klpenalty.Penalty{Adaptive: true}.Validate(), "kl_target is 0, and adaptive_kl_ctrl divides by it; want a number above 0")
}
