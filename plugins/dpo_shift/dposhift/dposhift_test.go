package dposhift_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/plugins/dpo_shift/dposhift"
	"llmhost/sdk/sdktest"
)

// batch has a prompt with three candidates, one with a pair, one whose scores
// are equal, and one with a single candidate: sums of log-probabilities below
// the reference's by 1, 2, 4 and so on.
var batch = sdktest.Inputs{
	Logps:    [][][]float64{{{-1, -1}, {-3}, {-2, -4}}, {{-5}, {-1, -2}}, {{-1}, {-2}}, {{-3}}},
	RefLogps: [][][]float64{{{-0.5, -0.5}, {-1}, {-1, -1}}, {{-2}, {-0.5, -0.5}}, {{-1}, {-1}}, {{-1}}},
	Score:    [][]float64{{0, 2, 1}, {1, -1}, {3, 3}, {7}},
}

// ratios are those of the first two prompts' candidates, policy to reference.
var ratios = [][]float64{{-1, -2, -4}, {-3, -2}}

func softplus(x float64) float64 { return math.Log1p(math.Exp(x)) }

// pairs are (prompt, chosen, rejected) by hand.
var pairs = map[string][][3]int{
	"best_over_rest":  {{0, 1, 0}, {0, 1, 2}, {1, 0, 1}},
	"best_over_worst": {{0, 1, 0}, {1, 0, 1}},
	"one_over_rest":   {{0, 1, 0}, {0, 1, 2}, {0, 2, 0}, {1, 0, 1}},
}

func TestLoss(t *testing.T) {
	for method, pairs := range pairs {
		for _, shift := range []float64{0, 0.75, 1} {
			t.Run(method, func(t *testing.T) {
				const beta = 0.5
				loss, chosen, rejected, right := 0.0, 0.0, 0.0, 0.0
				for _, p := range pairs {
					w, l := beta*ratios[p[0]][p[1]], beta*ratios[p[0]][p[2]]
					loss += softplus(-(w - shift*l))
					chosen, rejected = chosen+w, rejected+l
					if w > l {
						right++
					}
				}
				n := float64(len(pairs))
				out := sdktest.Run(dposhift.Loss{Beta: beta, Shift: shift, Pairs: method}, batch)
				require.InDelta(t, loss/n, out.Loss, 1e-12)
				require.InDelta(t, chosen/n, out.Metrics["rewards/chosen"], 1e-12)
				require.InDelta(t, rejected/n, out.Metrics["rewards/rejected"], 1e-12)
				require.InDelta(t, right/n, out.Metrics["rewards/accuracies"], 1e-12)
				require.InDelta(t, (chosen-rejected)/n, out.Metrics["rewards/margins"], 1e-12)
				for _, prompt := range out.Gradients[2:] {
					for _, row := range prompt {
						require.Zero(t, row[0], "equal scores and a single candidate make no pair")
					}
				}
			})
		}
	}
}

func TestReferenceFree(t *testing.T) {
	in := batch
	in.RefLogps = nil
	out := sdktest.Run(dposhift.Loss{Beta: 1, Shift: 1, Pairs: "best_over_worst", ReferenceFree: true}, in)
	require.InDelta(t, (softplus(-(-3.0+2))+softplus(-(-5.0+3)))/2, out.Loss, 1e-12)
}

func TestChecks(t *testing.T) {
	for method := range pairs {
		sdktest.CheckLoss(t, dposhift.Loss{Beta: 0.5, Shift: 0.75, Pairs: method}, batch)
	}
}

func TestNoPairs(t *testing.T) {
	out := sdktest.Run(dposhift.Loss{Beta: 0.5, Shift: 0.75, Pairs: "best_over_rest"}, sdktest.Inputs{
		Logps: [][][]float64{{{-1}}}, RefLogps: [][][]float64{{{-1}}}, Score: [][]float64{{1}}})
	require.Zero(t, out.Loss)
	require.Equal(t, [][][]float64{{{0}}}, out.Gradients)
}
