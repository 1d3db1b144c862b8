package promptanswer_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin/promptanswer"
	"llmhost/sdk"
)

func row(prompt, answer string, weight ...float64) sdk.Row {
	cells := []sdk.Cell{{Type: sdk.String, Str: prompt}, {Type: sdk.String, Str: answer}, {}}
	if len(weight) > 0 {
		cells[2] = sdk.Cell{Type: sdk.Float, Float: weight[0]}
	}
	return sdk.NewRow(cells)
}

func Example() {
	r := row("What is the capital of France?", " Paris")
	e, err := sdk.FormatRow(promptanswer.Default(), &r)
	fmt.Printf("%q %q %v %v\n", e.Candidates[0].Prompt, e.Candidates[0].Answer, e.Columns, err)
	// Output: "What is the capital of France?" " Paris" map[weight:1] <nil>
}

func TestFormat(t *testing.T) {
	keep := promptanswer.Default()
	keep.KeepEmpty = true
	for _, c := range []struct {
		name      string
		formatter promptanswer.Formatter
		row       sdk.Row
		weight    float64
		err       string
	}{
		{"no weight", promptanswer.Default(), row("p", "a"), 1, ""},
		{"a weight", promptanswer.Default(), row("p", "a", 0.5), 0.5, ""},
		{"weight 0", promptanswer.Default(), row("p", "a", 0), 0, ""},
		{"a negative weight", promptanswer.Default(), row("p", "a", -1), 0, `field "weight" is -1; want 0 or more`},
		{"an empty prompt", promptanswer.Default(), row("", "a"), 1, ""},
		{"an empty answer", promptanswer.Default(), row("p", ""), 0, "dropped: an empty answer"},
		{"blanks alone", promptanswer.Default(), row("p", " \n"), 0, "dropped: an empty answer"},
		{"an empty answer kept", keep, row("p", ""), 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := sdk.FormatRow(c.formatter, &c.row)
			if c.err != "" {
				require.EqualError(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, sdk.Example{
				Candidates: []sdk.Candidate{{Prompt: c.row.Str(0), Answer: c.row.Str(1)}},
				Columns:    map[string]float64{"weight": c.weight},
			}, e)
		})
	}
}

func TestNames(t *testing.T) {
	f := promptanswer.Formatter{PromptName: "question", AnswerName: "reply", WeightName: "w"}
	require.NoError(t, f.Validate())
	var names []string
	for _, c := range f.Columns() {
		names = append(names, c.Name)
	}
	require.Equal(t, []string{"question", "reply", "w"}, names)

	f.AnswerName = "question"
	require.EqualError(t, f.Validate(), `sft_data_prompt_name and sft_data_answer_name are both "question"; want different fields`)
	f.PromptName, f.AnswerName = "answer", ""
	require.EqualError(t, f.Validate(), `sft_data_prompt_name and sft_data_answer_name are both "answer"; want different fields`)
}
