package classification_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/classification"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// batch has a label that training never saw, and one that is missing.
var batch = sdktest.Inputs{
	Logits: map[string][][]float64{"topic": {{0, 0, 0}, {math.Log(2), 0, 0}, {1, 2, 3}, {5, 5, 5}}},
	Labels: map[string][]int{"topic": {2, 0, -1, sdktest.NoLabel}},
}

func TestLoss(t *testing.T) {
	out := sdktest.Run(classification.Loss{Head: "topic"}, batch)
	require.InDelta(t, (math.Log(3)+math.Log(2))/2, out.Loss, 1e-12)
	require.InDelta(t, 1.0/3, out.Metrics["accuracy"], 1e-12, "an unknown class is wrong, a missing one does not count")
	require.Equal(t, []float64{0, 0, 0}, out.LogitGradients["topic"][2])
	sdktest.CheckLoss(t, classification.Loss{Head: "topic"}, batch)
}

func TestSmoothing(t *testing.T) {
	l := classification.Loss{Head: "topic", Smoothing: 0.3}
	out := sdktest.Run(l, batch)
	spread := (math.Log(2) + 2*math.Log(4)) / 3
	require.InDelta(t, (math.Log(3)+0.7*math.Log(2)+0.3*spread)/2, out.Loss, 1e-12)
	sdktest.CheckLoss(t, l, batch)
}

func TestFormatter(t *testing.T) {
	f := classification.Formatter{Texts: classification.Texts{TextName: "text", PairName: "text_pair"}, LabelName: "label", Head: "topic"}
	for _, c := range []struct{ text, label, want, err string }{
		{"a", `"physics"`, "physics", ""},
		{"a", `3`, "3", ""},
		{"a", `true`, "true", ""},
		{"a", `"\u00e9"`, "é", ""},
		{"a", `["x"]`, "", `field "label" is ["x"]; want a text, a number, true or false`},
		{" ", `"x"`, "", "dropped: an empty text"},
	} {
		r := sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: c.text}, {}, {Type: sdk.JSON, Str: c.label}})
		e, err := sdk.FormatRow(f, &r)
		if c.err != "" {
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, sdk.Example{Candidates: []sdk.Candidate{{Answer: "a"}}, Labels: map[string]string{"topic": c.want}}, e)
	}
	require.NoError(t, f.Validate())
	f.LabelName = "text"
	require.EqualError(t, f.Validate(), `cls_data_text_name and cls_data_label_name are both "text"; want different fields`)
}

func TestFormatterOfPairs(t *testing.T) {
	f := classification.Formatter{Texts: classification.Texts{TextName: "text", PairName: "text_pair"}, LabelName: "label", Head: "label"}
	for pair, want := range map[string]sdk.Candidate{"b": {Prompt: "a", Answer: "b"}, " ": {Answer: "a"}} {
		r := sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: "a"}, {Type: sdk.String, Str: pair}, {Type: sdk.JSON, Str: "1"}})
		e, err := sdk.FormatRow(f, &r)
		require.NoError(t, err)
		require.Equal(t, []sdk.Candidate{want}, e.Candidates)
	}
}
