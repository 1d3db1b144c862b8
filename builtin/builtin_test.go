package builtin_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/plugin"
	"llmhost/sdk"
)

// descriptor is what this test reads of one.
type descriptor struct {
	Name, Version, Doc string
	Components         []struct {
		Kind, Name, Doc string
		Params          []struct{ Name, Doc string }
	}
	Tasks []struct{ Name, Doc, Formatter, Pooling, Loss string }
}

func describe(t *testing.T, p sdk.Plugin) descriptor {
	t.Helper()
	reply := sdk.NewServer(p).Describe()
	require.Equal(t, byte(sdk.StatusOK), reply[0], "%s", reply)
	var d descriptor
	require.NoError(t, json.Unmarshal(reply[1:], &d))
	return d
}

func TestNamesAreUniqueAndDocumented(t *testing.T) {
	seen := map[string]bool{}
	once := func(kind, name, doc string) {
		require.False(t, seen[kind+" "+name], "two %s are called %s", kind, name)
		seen[kind+" "+name] = true
		require.NotEmpty(t, doc, "%s %s says nothing", kind, name)
	}
	for _, p := range builtin.All() {
		d := describe(t, p)
		once("plugin", d.Name, d.Doc)
		require.NotEmpty(t, d.Version, d.Name)
		require.NotEmpty(t, d.Components, d.Name)
		for _, c := range d.Components {
			once(c.Kind, c.Name, c.Doc)
			for _, param := range c.Params {
				require.NotEmpty(t, param.Doc, "parameter %s of %s says nothing", param.Name, c.Name)
			}
		}
		for _, task := range d.Tasks {
			once("task", task.Name, task.Doc)
		}
	}
	for _, name := range []string{"rrhf", "sft", "classification", "multi_objective_classification", "reward", "rejection_sampling", "weighted_learning",
		"dpo", "kto", "orpo", "simpo", "cpo", "offline_ppo", "distill"} {
		require.True(t, seen["task "+name] && seen["loss "+name], name)
	}
	for _, name := range []string{"formatter preference", "formatter chosen_rejected", "formatter promptanswer", "pooling last", "pooling eos", "pooling average", "pooling max"} {
		require.True(t, seen[name], name)
	}
}

// Every task's parts are there, and one parameter of two of them has one default.
func TestTasksFit(t *testing.T) {
	catalog, err := plugin.NewCatalog(context.Background(), plugin.Options{Builtin: builtin.All()})
	require.NoError(t, err)
	defer catalog.Close(context.Background())
	tried := 0
	for _, p := range catalog.Builtin() {
		tasks, err := catalog.Tasks(p)
		require.NoError(t, err)
		for _, task := range tasks {
			tried++
			defaults := map[string]any{}
			require.GreaterOrEqual(t, len(task.Components()), 2, "a formatter and a loss of %s", task.Name)
			for _, c := range task.Components() {
				for _, param := range c.Params {
					if other, shared := defaults[param.Name]; shared {
						require.Equal(t, other, param.Default, "%s of task %s", param.Name, task.Name)
					}
					defaults[param.Name] = param.Default
				}
				if c.Kind == plugin.Loss {
					_, err := c.Trace(context.Background(), nil)
					require.NoError(t, err, task.Name)
				}
			}
		}
	}
	require.NotZero(t, tried, "no plugin has a task")
}

// A host also accepts the programs of parameters away from their defaults.
func TestSettingsTrace(t *testing.T) {
	ctx := context.Background()
	catalog, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: builtin.All()})
	require.NoError(t, err)
	defer catalog.Close(ctx)
	penalty := map[string]any{"kl_coef": 0.1, "kl_penalty_mode": "full", "token_level": true, "adaptive_kl_ctrl": true}
	for _, c := range []struct {
		loss   string
		values map[string]any
		needs  []string
		passes bool // two of them
	}{
		{"sft", penalty, []string{"policy.logps", "label_mask", "kl.reverse", "candidate_mask", "state.kl_coef"}, false},
		{"sft", map[string]any{"label_smoothing_factor": 0.1}, []string{"policy.logps", "label_mask", "policy.vocab_mean_logps"}, false},
		{"offline_ppo", penalty, []string{"kl.reverse", "state.kl_coef", "ref.logps", "example_column.lm_mask"}, false},
		{"dpo", map[string]any{"dpo_loss_type": "sigmoid,kto_pair", "dpo_loss_weights": "1,0.5", "construct_method": "best_over_worst"}, []string{"ref.logps", "column.score"}, false},
		{"dpo", map[string]any{"reference_free": true}, []string{"policy.logps", "column.score", "candidate_mask"}, false},
		{"kto", nil, []string{"mismatched.policy.logps", "mismatched.ref.logps", "ref.logps"}, true},
		{"reward", map[string]any{"lm_loss_coeff": 0.1}, []string{"rewards", "policy.logps"}, false},
		{"multi_objective_classification", map[string]any{"cls_objectives": "source,rank=0.5"}, []string{"logits.source", "label.source", "logits.rank", "label.rank"}, false},
		{"distill", map[string]any{"distill_kl": "mixed"}, []string{"kl.reverse", "kl.forward"}, false},
		{"cpo", map[string]any{"cpo_loss_type": "simpo", "alphapo_alpha": 0.25}, []string{"policy.logps"}, false},
	} {
		component, err := catalog.Component(ctx, plugin.Loss, c.loss)
		require.NoError(t, err)
		given := map[string]plugin.Given{}
		for name, value := range c.values {
			given[name] = plugin.Given{Value: value}
		}
		values, err := component.Settle(given)
		require.NoError(t, err, c.loss)
		trace, err := component.Trace(ctx, values)
		require.NoError(t, err, c.loss)
		require.Subset(t, trace.InputNames(), c.needs, c.loss)
		require.Equal(t, c.passes, trace.TwoPasses(), c.loss)
	}
}
