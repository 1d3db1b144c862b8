package pairs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/pairs"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// listed is a loss whose gradient by a candidate's reward is the sum of the
// weights of those that it is chosen over.
type listed struct{ method string }

func (l listed) Trace(g *sdk.Graph) sdk.Objective {
	p := pairs.Of(g, l.method)
	weight := g.Column("weight")
	gap := pairs.Chosen(g.Rewards()).Mul(pairs.Rejected(weight))
	return sdk.Objective{
		Terms:   []sdk.Term{{Name: "x", Sum: p.Sum(gap), Coefficient: 1}},
		Metrics: append(p.Rewards(g.Rewards()), sdk.Metric{Name: "pairs", Sum: p.Count}),
	}
}

func TestMethods(t *testing.T) {
	// Each prompt's gradient lists, for each chosen candidate, the rejected ones as digits.
	for _, c := range []struct {
		name, method string
		scores       []float64
		want         []float64
	}{
		{"best over rest", pairs.BestOverRest, []float64{0.2, 0.9, 0.2}, []float64{0, 101, 0}},
		{"best over worst takes the first of the worst", pairs.BestOverWorst, []float64{0.2, 0.9, 0.2}, []float64{0, 1, 0}},
		{"one over rest", pairs.OneOverRest, []float64{0.2, 0.9, 0.2}, []float64{0, 101, 0}},
		{"one over rest, all different", pairs.OneOverRest, []float64{2, 3, -1}, []float64{100, 101, 0}},
		{"the first of the best", pairs.BestOverRest, []float64{1, 0, 1}, []float64{10, 0, 0}},
		{"both of the best", pairs.OneOverRest, []float64{1, 0, 1}, []float64{10, 0, 10}},
		{"negative scores next to padding", pairs.BestOverWorst, []float64{-3, -1}, []float64{0, 1}},
		{"ties", pairs.OneOverRest, []float64{1, 1}, []float64{0, 0}},
		{"one alone", pairs.BestOverRest, []float64{1}, []float64{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			powers := []float64{1, 10, 100}[:len(c.scores)]
			in := sdktest.Inputs{Rewards: [][]float64{make([]float64, len(c.scores))}, Score: [][]float64{c.scores},
				Columns: map[string][][]float64{"weight": {powers}}, K: 4}
			out := sdktest.Run(listed{c.method}, in)
			require.Equal(t, [][]float64{c.want}, out.RewardGradients)
		})
	}
}

func TestMetrics(t *testing.T) {
	out := sdktest.Run(listed{pairs.OneOverRest}, sdktest.Inputs{
		Rewards: [][]float64{{3, 1, 5}, {2, 2}}, Score: [][]float64{{2, 1, 0}, {1, 0}},
		Columns: map[string][][]float64{"weight": {{0, 0, 0}, {0, 0}}}})
	require.Equal(t, 4.0, out.Metrics["pairs"])
	require.Equal(t, (3+3+1+2)/4.0, out.Metrics["rewards/chosen"])
	require.Equal(t, (1+5+5+2)/4.0, out.Metrics["rewards/rejected"])
	require.Equal(t, 1/4.0, out.Metrics["rewards/accuracies"], "equal rewards are wrong")
	require.Equal(t, -1.0, out.Metrics["rewards/margins"])
}
