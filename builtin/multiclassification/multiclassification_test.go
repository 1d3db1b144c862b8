package multiclassification_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/classification"
	"llmhost/builtin/multiclassification"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

var batch = sdktest.Inputs{
	Logits: map[string][][]float64{"source": {{0, 0, 0}, {math.Log(2), 0, 0}}, "rank": {{0, 0}, {0, math.Log(3)}}},
	Labels: map[string][]int{"source": {2, 0}, "rank": {sdktest.NoLabel, 0}},
}

func TestLoss(t *testing.T) {
	l := multiclassification.Loss{Objectives: "source, rank=0.5"}
	out := sdktest.Run(l, batch)
	require.InDelta(t, (math.Log(3)+math.Log(2))/2+0.5*math.Log(4), out.Loss, 1e-12)
	require.InDelta(t, 0.5, out.Metrics["accuracy/source"], 1e-12)
	require.InDelta(t, 0, out.Metrics["accuracy/rank"], 1e-12)
	require.Equal(t, []float64{0, 0}, out.LogitGradients["rank"][0])
	sdktest.CheckLoss(t, l, batch)
}

func TestValidate(t *testing.T) {
	for list, want := range map[string]string{
		"":               `cls_objectives has ""; want names of letters, digits and _, such as source=1.0,rank=0.5`,
		"a b=1":          `cls_objectives has "a b"; want names of letters, digits and _, such as source=1.0,rank=0.5`,
		"source,source":  "cls_objectives has source twice",
		"source=x":       `cls_objectives gives source the coefficient "x"; want a number of at least 0`,
		"source=1,rank=": `cls_objectives gives rank the coefficient ""; want a number of at least 0`,
	} {
		require.EqualError(t, multiclassification.Loss{Objectives: list}.Validate(), want)
	}
	require.NoError(t, multiclassification.Loss{Objectives: "source=1.0, rank = 0.5"}.Validate())
}

func TestFormatter(t *testing.T) {
	f := multiclassification.Formatter{Texts: classification.Texts{TextName: "text", PairName: "text_pair"}, LabelsName: "labels", Objectives: "source=1,rank=0.5"}
	for _, c := range []struct {
		text, labels string
		want         map[string]string
		err          string
	}{
		{"a", `{"source": "web", "rank": 2}`, map[string]string{"source": "web", "rank": "2"}, ""},
		{"a", `{"source": "web", "rank": null}`, map[string]string{"source": "web"}, ""},
		{"a", `{}`, nil, "dropped: no label"},
		{"a", `{"rank": [1]}`, nil, `field "labels.rank" is [1]; want a text, a number, true or false`},
		{"a", `{"style": 1, "age": 2}`, nil, `field "labels" has the objective "age"; cls_objectives has source, rank: add it there, or take it out of the record`},
		{"a", `3`, nil, `field "labels" is 3; want classes by objective, such as {"source": "web"}`},
		{" ", `{"rank": 1}`, nil, "dropped: an empty text"},
	} {
		r := sdk.NewRow([]sdk.Cell{{Type: sdk.String, Str: c.text}, {}, {Type: sdk.JSON, Str: c.labels}})
		e, err := sdk.FormatRow(f, &r)
		if c.err != "" {
			require.EqualError(t, err, c.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, sdk.Example{Candidates: []sdk.Candidate{{Answer: "a"}}, Labels: c.want}, e)
	}
	require.NoError(t, f.Validate())
}
