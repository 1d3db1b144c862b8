package plugin_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/plugin"
	"llmhost/sdk"
)

func TestDataColumns(t *testing.T) {
	gives := []sdk.Output{
		{Name: "score", Role: sdk.ScoreRole, Padding: -1},
		{Name: "mark"},
		{Name: "weight", Kind: sdk.ExampleColumn, Role: sdk.WeightRole},
		{Name: "topic", Kind: sdk.ClassLabel},
	}
	uses := []sdk.ColumnUse{
		{Input: "column.score"},
		{Input: "column.mark", Role: sdk.ScoreRole},
		{Input: "column.other", Role: sdk.ScoreRole},
		{Input: "example_column.other", Role: sdk.MaskRole},
	}
	require.Equal(t, []plugin.DataColumn{
		{Name: "score", Role: sdk.ScoreRole, Padding: -1},
		{Name: "mark", Role: sdk.ScoreRole, Padding: -100},
		{Name: "weight", PerExample: true, Role: sdk.WeightRole},
		{Name: "other", Role: sdk.ScoreRole, Padding: -100},
		{Name: "other", PerExample: true, Role: sdk.MaskRole},
	}, plugin.DataColumns(gives, uses))
}

func TestHeadsAreThoseThatLossesRead(t *testing.T) {
	ctx := context.Background()
	catalog, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: builtin.All()})
	require.NoError(t, err)
	check := func(name, head string, params map[string]any) error {
		task, err := catalog.Task(ctx, name)
		require.NoError(t, err)
		trace, err := task.Loss.Trace(ctx, params)
		require.NoError(t, err)
		if head != "" {
			task.Head = head
		}
		return task.CheckHead(trace.Program)
	}
	tried := 0
	for _, p := range builtin.All() {
		tried += len(p.Tasks)
		for _, task := range p.Tasks {
			require.NoError(t, check(task.Name, "", nil))
		}
	}
	require.NotZero(t, tried, "no plugin has a task")
	both := map[string]any{"lm_loss_coeff": 0.5}
	require.NoError(t, check("reward", sdk.ScoreHead, both))
	require.NoError(t, check("reward", sdk.LMHead, both), "it reads both")
	require.EqualError(t, check("reward", sdk.LMHead, nil), `task reward: head is "lm", and its loss reads rewards of candidates (rewards); want head "score"`)
	require.EqualError(t, check("sft", sdk.ScoreHead, nil), `task sft: head is "score", and its loss reads log-probabilities of tokens (policy.logps); want head "lm"`)
	require.EqualError(t, check("reward", sdk.ClassHead, both),
		`task reward: head is "classes", and its loss reads log-probabilities of tokens (policy.logps) and rewards of candidates (rewards); want head "lm" or "score"`)
}
