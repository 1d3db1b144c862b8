package chosenrejected_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/chosenrejected"
	"llmhost/sdk"
)

// row has texts, text, scores, score, prompt, chosen and rejected.
func row(set map[int]any) sdk.Row {
	cells := make([]sdk.Cell, 7)
	for i, v := range set {
		switch v := v.(type) {
		case string:
			cells[i] = sdk.Cell{Type: sdk.String, Str: v}
		case []string:
			cells[i] = sdk.Cell{Type: sdk.StringList, Strs: v}
		case []float64:
			cells[i] = sdk.Cell{Type: sdk.FloatList, Floats: v}
		}
	}
	return sdk.NewRow(cells)
}

func TestFormat(t *testing.T) {
	scored := func(scores ...float64) map[int]any {
		texts := []string{"Q<sep>a", "Q<sep>b", "Q<sep>c", "Q<sep>d"}[:len(scores)]
		return map[int]any{0: texts, 2: scores}
	}
	for _, c := range []struct {
		name, method string
		row          map[int]any
		want         []string // prompt|answer
		scores       []float64
		err          string
	}{
		{"a pair", "best_over_rest", map[int]any{4: "Q ", 5: "a", 6: "b"}, []string{"Q |a", "Q |b"}, []float64{1, 0}, ""},
		{"whole texts", "best_over_rest", map[int]any{5: "Q<sep>a", 6: "Q<sep>b"}, []string{"Q|a", "Q|b"}, []float64{1, 0}, ""},
		{"scores", "best_over_rest", scored(0.2, 0.9, 0.2), []string{"Q|a", "Q|b", "Q|c"}, []float64{0.2, 0.9, 0.2}, ""},
		{"equals of the best", "best_over_rest", scored(1, 0, 1), []string{"Q|a", "Q|b"}, []float64{1, 0}, ""},
		{"best and worst", "best_over_worst", scored(-1, -5, 2, -5), []string{"Q|b", "Q|c"}, []float64{-5, 2}, ""},
		{"all", "one_over_rest", scored(1, 0, 1), []string{"Q|a", "Q|b", "Q|c"}, []float64{1, 0, 1}, ""},
		{"equal scores", "one_over_rest", scored(1, 1), nil, nil, "dropped: no pair: all scores are equal"},
		{"a single answer", "best_over_rest", scored(1), nil, nil, "dropped: no pair: a single answer"},
		{"an empty answer", "best_over_rest", map[int]any{4: "Q ", 5: "a", 6: " "}, nil, nil, "dropped: an empty answer"},
		{"no rejected", "best_over_rest", map[int]any{4: "Q ", 5: "a"}, nil, nil, `field "rejected" missing beside "chosen"`},
		{"no chosen", "best_over_rest", map[int]any{4: "Q ", 6: "a"}, nil, nil, `field "chosen" missing beside "rejected"`},
		{"neither", "best_over_rest", map[int]any{4: "Q "}, nil, nil, `fields "chosen" and "rejected" missing, and so are texts with scores; want either`},
		{"both", "best_over_rest", map[int]any{4: "Q ", 5: "a", 6: "b", 1: []string{"a"}}, nil, nil, `fields "chosen" and "text" both present; want a pair or texts with scores`},
		{"no scores", "best_over_rest", map[int]any{0: []string{"a"}}, nil, nil, `field "scores" missing, and so is "score"; preference_data_score_name names another`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := chosenrejected.Default()
			f.Pairs = c.method
			r := row(c.row)
			e, err := sdk.FormatRow(f, &r)
			if c.err != "" {
				require.EqualError(t, err, c.err)
				return
			}
			require.NoError(t, err)
			var got []string
			var scores []float64
			for _, candidate := range e.Candidates {
				got, scores = append(got, candidate.Prompt+"|"+candidate.Answer), append(scores, candidate.Columns["score"])
			}
			require.Equal(t, c.want, got)
			require.Equal(t, c.scores, scores)
		})
	}
}

func TestValidate(t *testing.T) {
	f := chosenrejected.Default()
	require.NoError(t, f.Validate())
	f.RejectedName = "chosen"
	require.EqualError(t, f.Validate(), `chosen_name and rejected_name are both "chosen"; want different fields`)
}
