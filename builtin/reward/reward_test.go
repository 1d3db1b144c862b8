package reward_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/reward"
	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

// batch has three pairs in its first prompt and one in its second.
var batch = sdktest.Inputs{
	Rewards:        [][]float64{{0.5, 2, -1}, {1, 1.5}, {3, 4}, {7}},
	Score:          [][]float64{{1, 0.5, -2}, {2, 0.9}, {1, 1}, {0.2}},
	ExampleColumns: map[string][]float64{"weight": {1, 0.5, 1, 1}},
	Logps:          [][][]float64{{{-1, -2}, {-1}, {-3}}, {{-0.5}, {-1, -1.5, -2}}, {{-2}, {-4}}, {{-1}}},
}

func softplus(x float64) float64 { return math.Log1p(math.Exp(x)) }

func TestRanking(t *testing.T) {
	l := reward.Loss{Margin: 0.25, ScoreMargin: 0.5}
	gaps := []struct{ reward, score, weight float64 }{{-1.5, 0.5, 1}, {1.5, 3, 1}, {3, 2.5, 1}, {-0.5, 1.1, 0.5}}
	plain, asked := 0.0, 0.0
	for _, p := range gaps {
		plain += p.weight * softplus(-p.reward) / 4
		asked += p.weight * softplus(-(p.reward - 0.25 - 0.5*p.score)) / 4
	}
	out := sdktest.Run(reward.Loss{}, batch)
	require.InDelta(t, plain, out.Loss, 1e-12)
	require.Len(t, out.Terms, 1)
	require.InDelta(t, 0.5, out.Metrics["accuracy"], 1e-12)
	require.InDelta(t, 0.0, out.Metrics["first_two_accuracy"], 1e-12)
	require.InDelta(t, 2.5/4, out.Metrics["margin"], 1e-12)
	require.InDelta(t, 18.0/8, out.Metrics["mean_reward"], 1e-12)
	require.Equal(t, []float64{0, 0}, out.RewardGradients[2], "equal scores make no pair")
	require.InDelta(t, asked, sdktest.Run(l, batch).Loss, 1e-12)
	sdktest.CheckLoss(t, l, batch.Pick(0, 1))
}

func TestEqualRewardsAreWrong(t *testing.T) {
	out := sdktest.Run(reward.Loss{}, sdktest.Inputs{Rewards: [][]float64{{1, 1}}, Score: [][]float64{{2, 1}}, ExampleColumns: map[string][]float64{"weight": {1}}})
	require.Zero(t, out.Metrics["accuracy"])
}

func TestCentering(t *testing.T) {
	l := reward.Loss{CenterRewards: 0.1}
	out := sdktest.Run(l, batch)
	want := (2.5*2.5 + 0.5*0.5 + 1 + 2.5*2.5) / 4
	require.InDelta(t, want, out.Terms["centering"].Value(), 1e-12)
	require.InDelta(t, sdktest.Run(reward.Loss{}, batch).Loss+0.1*want, out.Loss, 1e-12)
	sdktest.CheckLoss(t, l, batch)
}

func TestLanguageModel(t *testing.T) {
	l := reward.Loss{AddLM: true, LMCoefficient: 0.2, LMThreshold: 0.85}
	out := sdktest.Run(l, batch)
	want := (1.5 + 0.5 + 1.5 + 2 + 4) / 5
	require.InDelta(t, want, out.Terms["lm"].Value(), 1e-12)
	require.InDelta(t, sdktest.Run(reward.Loss{}, batch).Loss+0.2*want, out.Loss, 1e-12)
	sdktest.CheckLoss(t, l, batch)
}

// The token head is needed only if there is an lm term.
func TestNeeds(t *testing.T) {
	for _, c := range []struct {
		loss reward.Loss
		lm   bool
	}{{reward.Loss{AddLM: true}, false}, {reward.Loss{LMCoefficient: 1}, false}, {reward.Loss{AddLM: true, LMCoefficient: 1}, true}} {
		p, err := sdktest.Trace(c.loss)
		require.NoError(t, err)
		var names []string
		for _, in := range p.Inputs {
			names = append(names, in.Name)
		}
		require.Equal(t, c.lm, len(names) > 5, names)
	}
}

// row has texts, text, scores, score, weight, prompt, chosen, rejected and margin.
func row(set map[int]sdk.Cell) sdk.Row {
	cells := make([]sdk.Cell, 9)
	for i, c := range set {
		cells[i] = c
	}
	return sdk.NewRow(cells)
}

func TestFormatter(t *testing.T) {
	text := func(s string) sdk.Cell { return sdk.Cell{Type: sdk.String, Str: s} }
	candidate := func(text string, score float64) sdk.Candidate {
		return sdk.Candidate{Answer: text, Columns: map[string]float64{"score": score}}
	}
	texts := sdk.Cell{Type: sdk.StringList, Strs: []string{"Q<sep>a", "b"}}
	scores := sdk.Cell{Type: sdk.FloatList, Floats: []float64{-1, -2}}
	for _, c := range []struct {
		name   string
		row    map[int]sdk.Cell
		want   []sdk.Candidate
		weight float64
		err    string
	}{
		{"scores", map[int]sdk.Cell{0: texts, 3: scores}, []sdk.Candidate{candidate("Q<sep>a", -1), candidate("b", -2)}, 1, ""},
		{"a weight", map[int]sdk.Cell{1: texts, 2: scores, 4: {Type: sdk.Float, Float: 0.5}}, []sdk.Candidate{candidate("Q<sep>a", -1), candidate("b", -2)}, 0.5, ""},
		{"a pair", map[int]sdk.Cell{6: text("a"), 7: text("b")}, []sdk.Candidate{candidate("a", 1), candidate("b", 0)}, 1, ""},
		{"with a prompt", map[int]sdk.Cell{5: text("Q "), 6: text("a"), 7: text("b")}, []sdk.Candidate{candidate("Q a", 1), candidate("Q b", 0)}, 1, ""},
		{"a margin", map[int]sdk.Cell{6: text("a"), 7: text("b"), 8: {Type: sdk.Float, Float: -2.5}}, []sdk.Candidate{candidate("a", 1), candidate("b", 0)}, 1, ""},
		{"half a pair", map[int]sdk.Cell{6: text("a")}, nil, 0, `field "rejected" missing beside "chosen"`},
		{"an empty text", map[int]sdk.Cell{6: text("a"), 7: text(" ")}, nil, 0, "dropped: an empty text"},
		{"a negative weight", map[int]sdk.Cell{0: texts, 2: scores, 4: {Type: sdk.Float, Float: -1}}, nil, 0, `field "weight" is -1; want 0 or more`},
		{"nothing", nil, nil, 0, `field "texts" missing, and so is "text"; preference_data_text_name names another`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := row(c.row)
			e, err := sdk.FormatRow(reward.Formatter{}, &r)
			if c.err != "" {
				require.EqualError(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, e.Candidates)
			require.Equal(t, map[string]float64{"weight": c.weight, "margin": c.row[8].Float}, e.Columns)
		})
	}
	require.NoError(t, reward.Formatter{}.Validate())
}

// The margin of an example is added to that of the loss; 0 stands for one that is not given.
func TestMarginOfTheData(t *testing.T) {
	in := sdktest.Inputs{
		Rewards:        [][]float64{{2, 0}, {1, 0}},
		Score:          [][]float64{{1, 0}, {1, 0}},
		ExampleColumns: map[string][]float64{"weight": {1, 1}},
	}
	zero := sdktest.Run(reward.Loss{}, in).Loss
	require.InDelta(t, (math.Log1p(math.Exp(-2))+math.Log1p(math.Exp(-1)))/2, zero, 1e-12)
	in.ExampleColumns["margin"] = []float64{0.5, -1}
	given := sdktest.Run(reward.Loss{Margin: 0.25}, in).Loss
	require.InDelta(t, (math.Log1p(math.Exp(-1.25))+math.Log1p(math.Exp(-1.75)))/2, given, 1e-12)
}

// A record without a pair teaches nothing but the likelihood of its texts.
func TestRecordsWithoutAPair(t *testing.T) {
	for scores, reason := range map[*[]float64]string{{0.5}: "no pair: a single text", {2, 2, 2}: "no pair: all scores are equal"} {
		texts := []string{"a", "b", "c"}[:len(*scores)]
		format := func(f reward.Formatter) error {
			r := row(map[int]sdk.Cell{0: {Type: sdk.StringList, Strs: texts}, 2: {Type: sdk.FloatList, Floats: *scores}})
			_, err := sdk.FormatRow(f, &r)
			return err
		}
		require.EqualError(t, format(reward.Formatter{AddLM: true}), "dropped: "+reason)
		require.EqualError(t, format(reward.Formatter{LMCoefficient: 1}), "dropped: "+reason)
		require.NoError(t, format(reward.Formatter{AddLM: true, LMCoefficient: 1}))
		require.NoError(t, format(reward.Formatter{KeepPairless: true}))
	}
}
