package kto_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/kto"
	"llmhost/sdk"
)

func TestFormatter(t *testing.T) {
	text := func(s string) sdk.Cell { return sdk.Cell{Type: sdk.String, Str: s} }
	label := func(s string) sdk.Cell { return sdk.Cell{Type: sdk.JSON, Str: s} }
	for _, c := range []struct {
		name  string
		cells []sdk.Cell // prompt, answer, completion, label, score
		score float64
		err   string
	}{
		{"true", []sdk.Cell{text("p"), text("a"), {}, label("true"), {}}, 1, ""},
		{"false", []sdk.Cell{text("p"), text("a"), {}, label("false"), {}}, -1, ""},
		{"a number", []sdk.Cell{text("p"), text("a"), {}, label("0.5"), {}}, 0.5, ""},
		{"the other names", []sdk.Cell{text("p"), {}, text("a"), {}, label("-2")}, -2, ""},
		{"a word", []sdk.Cell{text("p"), text("a"), {}, label(`"good"`), {}}, 0, `field "label" is "good"; want true, false or a number`},
		{"no label", []sdk.Cell{text("p"), text("a"), {}, {}, {}}, 0, `field "label" missing, and so is "score"; kto_pair_label_name names another`},
		{"two answers", []sdk.Cell{text("p"), text("a"), text("b"), label("1"), {}}, 0, `fields "answer" and "completion" both present; want one of them, or kto_pair_answer_name to say which`},
		{"an empty answer", []sdk.Cell{text("p"), text(" "), {}, label("1"), {}}, 0, "dropped: an empty answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := sdk.NewRow(c.cells)
			e, err := sdk.FormatRow(kto.Formatter{}, &r)
			if c.err != "" {
				require.EqualError(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []sdk.Candidate{{Prompt: "p", Answer: "a", Columns: map[string]float64{"score": c.score}}}, e.Candidates)
		})
	}
	require.EqualError(t, kto.Formatter{AnswerName: "prompt"}.Validate(), `kto_pair_prompt_name and kto_pair_answer_name are both "prompt"; want different fields`)
	require.NoError(t, kto.Formatter{}.Validate())
}
