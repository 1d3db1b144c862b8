package focal_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/plugins/focal/focal"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// batch has three classes; the third example has no label.
var batch = sdktest.Inputs{
	Logits: map[string][][]float64{"class": {{math.Log(0.7), math.Log(0.2), math.Log(0.1)}, {math.Log(0.5), math.Log(0.25), math.Log(0.25)}, {0, 5, 0}}},
	Labels: map[string][]int{"class": {0, 2, sdktest.NoLabel}},
}

func TestLoss(t *testing.T) {
	out := sdktest.Run(focal.Loss{Gamma: 2, Head: "class"}, batch)
	require.InDelta(t, (0.3*0.3*-math.Log(0.7)+0.75*0.75*-math.Log(0.25))/2, out.Loss, 1e-12)
	require.InDelta(t, 0.5, out.Metrics["accuracy"], 0)
	require.InDelta(t, (0.7+0.25)/2, out.Metrics["probability"], 1e-12)
	require.Equal(t, []float64{0, 0, 0}, out.LogitGradients["class"][2], "an example without a label")

	out = sdktest.Run(focal.Loss{Gamma: 0.5, Weights: "2, 1, 0.5", Head: "class"}, batch)
	require.InDelta(t, (2*math.Sqrt(0.3)*-math.Log(0.7)+0.5*math.Sqrt(0.75)*-math.Log(0.25))/2, out.Loss, 1e-12)
}

func TestGradients(t *testing.T) {
	for _, gamma := range []float64{0, 0.5, 1, 2, 5} {
		sdktest.CheckLoss(t, focal.Loss{Gamma: gamma, Weights: "1,2", Head: "class"}, batch)
	}
}

// A certain answer has no loss and no slope, whatever the power.
func TestCertain(t *testing.T) {
	for _, gamma := range []float64{0, 0.5, 2} {
		out := sdktest.Run(focal.Loss{Gamma: gamma, Head: "class"}, sdktest.Inputs{
			Logits: map[string][][]float64{"class": {{1000, 0}}}, Labels: map[string][]int{"class": {0}}})
		require.Zero(t, out.Loss)
		require.Equal(t, []float64{0, 0}, out.LogitGradients["class"][0])
	}
}

func TestNoLabels(t *testing.T) {
	out := sdktest.Run(focal.Loss{Gamma: 2, Head: "class"}, sdktest.Inputs{
		Logits: map[string][][]float64{"class": {{1, 2}}}, Labels: map[string][]int{"class": {sdktest.NoLabel}}})
	require.Zero(t, out.Loss)
}

func TestWeights(t *testing.T) {
	require.NoError(t, focal.Loss{}.Validate())
	require.NoError(t, focal.Loss{Weights: "0.25, 0.75"}.Validate())
	for _, text := range []string{"1,,2", "a", "-1", "NaN", "1e99", ","} {
		require.ErrorContains(t, focal.Loss{Weights: text}.Validate(), "want comma-separated numbers of at least 0", text)
	}
	reply := sdk.NewServer(focal.Plugin).Configure(0, []byte(`{"focal_weights":"1;2"}`))
	require.Contains(t, string(reply), `focal_weights has \"1;2\"`)
}
