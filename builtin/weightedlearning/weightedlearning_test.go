package weightedlearning_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/weightedlearning"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

var batch = sdktest.Inputs{
	Logps: [][][]float64{{{-1, -2}}, {{-0.5, -3, -1}}, {{-0.25}}},
	Score: [][]float64{{0.5}, {-2}, {0}},
}

func log1m(l float64) float64 { return math.Log(1 - math.Exp(l)) }

func TestLoss(t *testing.T) {
	up, down := 1.5, -2*(log1m(-0.5)+log1m(-3)+log1m(-1))
	out := sdktest.Run(weightedlearning.Loss{Reduction: "token_mean"}, batch)
	require.InDelta(t, (up+down)/6, out.Loss, 1e-12)
	require.InDelta(t, math.Exp(1.5), out.Metrics["perplexity/positive"], 1e-12)
	require.InDelta(t, math.Exp(1.5), out.Metrics["perplexity/negative"], 1e-12)
	require.Equal(t, []float64{0}, out.Gradients[2][0], "a score of 0 teaches nothing")
	require.InDelta(t, (up/2+down/3)/3, sdktest.Run(weightedlearning.Loss{Reduction: "seq_mean"}, batch).Loss, 1e-12)
	for _, reduction := range []string{"token_mean", "seq_mean"} {
		sdktest.CheckLoss(t, weightedlearning.Loss{Reduction: reduction}, batch)
	}
}

func TestCertainTokens(t *testing.T) {
	out := sdktest.Run(weightedlearning.Loss{Reduction: "token_mean"}, sdktest.Inputs{
		Logps: [][][]float64{{{0, -1e-12}}, {{-800}}}, Score: [][]float64{{-1}, {-1}}})
	require.InDelta(t, -2*math.Log(1e-7)/3, out.Loss, 1e-6)
	require.Equal(t, [][][]float64{{{0, 0}}, {{0}}}, out.Gradients)
}

func TestFormatter(t *testing.T) {
	row := func(answer string) sdk.Row {
		return sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: "p"}, {Type: sdk.String, Str: answer}, {Type: sdk.Float, Float: -0.5}})
	}
	r := row("a")
	e, err := sdk.FormatRow(weightedlearning.Formatter{}, &r)
	require.NoError(t, err)
	require.Equal(t, []sdk.Candidate{{Prompt: "p", Answer: "a", Columns: map[string]float64{"score": -0.5}}}, e.Candidates)
	r = row("\n")
	_, err = sdk.FormatRow(weightedlearning.Formatter{}, &r)
	require.EqualError(t, err, "dropped: an empty answer")
	require.EqualError(t, weightedlearning.Formatter{ScoreName: "answer"}.Validate(),
		`weighted_data_answer_name and weighted_data_score_name are both "answer"; want different fields`)
}
