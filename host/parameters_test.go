package host_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
)

// One file serves several tasks: what is a parameter of another task's parts has
// no effect, and is said.
func TestParametersOfOtherTasks(t *testing.T) {
	s := ranking(t)
	s.MaxSteps = 1
	s.Params = map[string]config.Param{
		"prompt_split":     {Value: "sep", Where: "run.toml:2:1"},
		"kto_beta":         {Value: 0.5, Where: "run.toml:3:1"},
		"weight_name":      {Value: config.FlagText("w"), Where: "flag --weight_name"},
		"dpo_loss_weights": {Value: true, Where: "run.toml:4:1"},
	}
	lines, err := trained(s)
	require.NoError(t, err)
	require.Contains(t, lines, "note: kto_beta is a parameter of loss kto, which task rrhf does not use; it has no effect\n")
	require.Contains(t, lines, "note: weight_name is a parameter of formatter scored_texts, which task rrhf does not use; it has no effect\n")
	require.Contains(t, lines, "note: dpo_loss_weights is a parameter of loss dpo, which task rrhf does not use; it has no effect\n")
	require.NotContains(t, lines, "note: prompt_split")
	r := readRecord(t, s.OutputDir)
	require.Equal(t, "sep", r.Task.Params["prompt_split"])
	require.NotContains(t, r.Task.Params, "kto_beta")
}
