package rejectionsampling_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/rejectionsampling"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

var batch = sdktest.Inputs{
	Logps: [][][]float64{{{-1, -1}, {-0.5}, {-3, -1, -1}}, {{-2}, {-1, -4}}},
	Score: [][]float64{{-3, -1, -2}, {1, 2}},
}

func TestLoss(t *testing.T) {
	require.InDelta(t, 5.5/3, sdktest.Run(rejectionsampling.Loss{Reduction: "token_mean"}, batch).Loss, 1e-12)
	out := sdktest.Run(rejectionsampling.Loss{Reduction: "seq_mean"}, batch)
	require.InDelta(t, 1.5, out.Loss, 1e-12)
	require.Equal(t, [][][]float64{{{0, 0}, {-0.5}, {0, 0, 0}}, {{0}, {-0.25, -0.25}}}, out.Gradients)
	for _, reduction := range []string{"token_mean", "seq_mean"} {
		sdktest.CheckLoss(t, rejectionsampling.Loss{Reduction: reduction}, batch)
	}
}

func row(texts []string, scores ...float64) sdk.Row {
	return sdk.NewRow([]sdk.Cell{{Type: sdk.StringList, Strs: texts}, {}, {Type: sdk.FloatList, Floats: scores}, {}})
}

func TestFormatter(t *testing.T) {
	f := rejectionsampling.Default()
	r := row([]string{"Q<sep>a", "Q<sep>b", "Q<sep>", "Q<sep>d"}, -2, -1, -3, -1)
	e, err := sdk.FormatRow(f, &r)
	require.NoError(t, err)
	require.Equal(t, []sdk.Candidate{{Prompt: "Q", Answer: "b", Columns: map[string]float64{"score": -1}}}, e.Candidates)

	r = row([]string{"Q<sep>a", "Q<sep> "}, 0, 1)
	_, err = sdk.FormatRow(f, &r)
	require.EqualError(t, err, "dropped: an empty answer")
	r = row([]string{"Q<sep>a"}, 0, 1)
	_, err = sdk.FormatRow(f, &r)
	require.EqualError(t, err, `field "texts" has 1 texts, field "scores" 2 scores; want one score a text`)
}
