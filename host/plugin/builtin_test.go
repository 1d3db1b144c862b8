package plugin_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/plugin"
)

// programs says what the builtin components ask for and yield.
var programs = map[string]struct {
	values         map[string]any
	needs          []string
	terms, metrics []string // "name coefficient" with "/" where there is a count
}{
	"loss rrhf": {nil, []string{"column.score", "candidate_mask", "policy.logps", "label_mask"},
		[]string{"rank 1 /", "tune 1 /"}, []string{"rank_accuracy", "rank_margin", "best_of_k_accuracy"}},
	"loss rrhf, the paper's": {map[string]any{"rrhf_reduction": "paper_sum", "rrhf_weight": 0.1}, []string{"column.score", "candidate_mask", "policy.logps", "label_mask"},
		[]string{"rank 0.1", "tune 1"}, []string{"rank_accuracy", "rank_margin", "best_of_k_accuracy"}},
	"loss sft":               {nil, []string{"policy.logps", "label_mask"}, []string{"sft 1 /"}, []string{"perplexity"}},
	"loss sft, mean of rows": {map[string]any{"sft_reduction": "seq_mean"}, []string{"policy.logps", "label_mask", "example_column.weight", "candidate_mask"}, []string{"sft 1 /"}, []string{"perplexity"}},
	"pooling last":           {nil, []string{"sequence", "ids", "eos_token_id", "hidden", "token"}, nil, nil},
	"pooling eos":            {nil, []string{"sequence", "hidden", "token"}, nil, nil},
	"pooling average":        {nil, []string{"sequence", "hidden", "token"}, nil, nil},
	"pooling max":            {nil, []string{"hidden", "token", "sequence"}, nil, nil},
}

func TestBuiltinPrograms(t *testing.T) {
	ctx := context.Background()
	c := catalog(t, plugin.Options{})
	for name, want := range programs {
		t.Run(name, func(t *testing.T) {
			var kind plugin.Kind
			var component string
			fmt.Sscanf(name, "%s %s", &kind, &component)
			found, err := c.Component(ctx, kind, trimComma(component))
			require.NoError(t, err)
			trace, err := found.Trace(ctx, want.values)
			require.NoError(t, err)
			require.False(t, trace.Cached, "builtin programs are traced every time")
			require.Equal(t, want.needs, trace.InputNames())
			var terms, metrics []string
			for _, term := range trace.Terms {
				text := fmt.Sprint(term.Name, " ", term.Coefficient)
				if term.Count >= 0 {
					text += " /"
				}
				terms = append(terms, text)
			}
			for _, m := range trace.Metrics {
				metrics = append(metrics, m.Name)
			}
			require.Equal(t, want.terms, terms)
			require.Equal(t, want.metrics, metrics)
		})
	}
}

func trimComma(s string) string {
	if s[len(s)-1] == ',' {
		return s[:len(s)-1]
	}
	return s
}

func TestEveryBuiltinTaskIsWhole(t *testing.T) {
	ctx := context.Background()
	c := catalog(t, plugin.Options{})
	tried := 0
	for _, p := range builtin.All() {
		for _, declared := range p.Tasks {
			tried++
			task, err := c.Task(ctx, declared.Name)
			require.NoError(t, err)
			require.NotNil(t, task.Formatter, task.Name)
			require.NotNil(t, task.Loss, task.Name)
			values, err := task.Params(nil)
			require.NoError(t, err)
			_, err = task.Loss.Trace(ctx, values)
			require.NoError(t, err)
			_, err = task.Formatter.Formatter(ctx, values)
			require.NoError(t, err)
		}
	}
	require.NotZero(t, tried, "no plugin has a task")
}

// Names of llm_codebase are understood, and said to be others now.
func TestTaskNames(t *testing.T) {
	var notices []string
	c := catalog(t, plugin.Options{Notice: func(line string) { notices = append(notices, line) }})
	for given, want := range map[string]string{"SFT": "sft", "offline_RRHF": "rrhf", "offline_rejection_sampling": "rejection_sampling", "DPO": "dpo"} {
		task, err := c.Task(context.Background(), given)
		require.NoError(t, err)
		require.Equal(t, want, task.Name)
	}
	require.ElementsMatch(t, []string{"task offline_RRHF is now called rrhf", "task offline_rejection_sampling is now called rejection_sampling"}, notices)
}
