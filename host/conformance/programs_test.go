package conformance_test

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmhost/builtin"
	"llmhost/host/plugin"
	"llmhost/sdk/program"

	"github.com/stretchr/testify/require"
)

// goldenTask is what the golden numbers call a task: its loss, and the
// parameters that cases do not spell out.
type goldenTask struct {
	loss   string
	params map[string]any            // of every case
	told   map[string]map[string]any // by a word in the name of the case or variant
}

// penalties are the ways of a KL penalty.
var penalties = map[string]map[string]any{
	"kl":   {"token_level": true, "kl_penalty_mode": "kl"},
	"abs":  {"token_level": true, "kl_penalty_mode": "abs"},
	"mse":  {"token_level": true, "kl_penalty_mode": "mse"},
	"full": {"token_level": true, "kl_penalty_mode": "full"},
}

// tasks are the tasks by what the names of their cases begin with; of two
// beginnings the longer one counts.
var tasks = map[string]goldenTask{
	"sft":                {loss: "sft", told: map[string]map[string]any{"seq_mean": {"sft_reduction": "seq_mean"}}},
	"sft_kl":             {loss: "sft", params: map[string]any{"sft_reduction": "seq_mean"}, told: penalties},
	"kl":                 {loss: "sft", params: map[string]any{"sft_reduction": "seq_mean", "kl_coef": 1.0}, told: penalties},
	"rrhf":               {loss: "rrhf", told: map[string]map[string]any{"paper_sum": {"rrhf_reduction": "paper_sum"}}},
	"rejection_sampling": {loss: "rejection_sampling"},
	"weighted_learning":  {loss: "weighted_learning", told: map[string]map[string]any{"seq_mean": {"weighted_reduction": "seq_mean"}}},
	"dpo": {loss: "dpo", told: map[string]map[string]any{"robust": ofType("robust"), "hinge": ofType("hinge"), "ipo": ofType("ipo"),
		"apo_zero": ofType("apo_zero"), "apo_down": ofType("apo_down"), "kto_pair": ofType("kto_pair")}},
	"kto":                  {loss: "kto"},
	"offline_ppo":          {loss: "offline_ppo"},
	"rm":                   {loss: "reward"},
	"cls":                  {loss: "classification"},
	"classification":       {loss: "classification"},
	"multicls":             {loss: "multi_objective_classification"},
	"classification_multi": {loss: "multi_objective_classification"},
}

func ofType(name string) map[string]any { return map[string]any{"dpo_loss_type": name} }

// taskOf returns the beginning of a case's name that is a task's, "" for others.
func taskOf(name string) (task string) {
	for t := range tasks {
		if (name == t || strings.HasPrefix(name, t+"_")) && len(t) > len(task) {
			task = t
		}
	}
	return task
}

const noSuchTask = "not covered yet: llmhost does not have this task"

// component finds a part by its name, or in the plugin that a file holds.
func component(t *testing.T, kind plugin.Kind, name string) *plugin.Component {
	t.Helper()
	catalog, err := plugin.NewCatalog(context.Background(), plugin.Options{Builtin: builtin.All(), Cache: filepath.Join(built, "cache")})
	require.NoError(t, err)
	t.Cleanup(func() { catalog.Close(context.Background()) })
	c, err := catalog.Component(context.Background(), kind, name)
	require.NoError(t, err)
	return c
}

// settle gives a component the parameters named, and its defaults for the rest.
func settle(t *testing.T, c *plugin.Component, params map[string]any) map[string]any {
	t.Helper()
	given := map[string]plugin.Given{}
	for name, value := range params {
		given[name] = plugin.Given{Value: value}
	}
	values, err := c.Settle(given)
	require.NoError(t, err)
	return values
}

// trace returns the program of a loss or pooling.
func trace(t *testing.T, kind plugin.Kind, name string, params map[string]any) *program.Program {
	t.Helper()
	c := component(t, kind, name)
	traced, err := c.Trace(context.Background(), settle(t, c, params))
	require.NoError(t, err)
	return traced.Program
}

// lossProgram returns the program of a task's loss for a case or variant.
func lossProgram(t *testing.T, task, variant string, params map[string]any) *program.Program {
	t.Helper()
	return trace(t, plugin.Loss, tasks[task].loss, lossParams(task, variant, params))
}

// lossParams are the parameters of a case or variant: those of its JSON under
// their names in the program, and those that its name tells.
func lossParams(task, variant string, params map[string]any) map[string]any {
	of := tasks[task]
	all := maps.Clone(of.params)
	if all == nil {
		all = map[string]any{}
	}
	for name, value := range params {
		switch name {
		case poolingKey: // no parameter of the loss
		case "beta":
			all[of.loss+"_beta"] = value
		case "coeff":
			all["cls_objectives"] = objectives(value.(map[string]any))
		default:
			all[name] = value
		}
	}
	for word, told := range of.told {
		if strings.Contains(variant, word) {
			maps.Copy(all, told)
		}
	}
	return all
}

// objectives writes coefficients by head as the parameter has them.
func objectives(coefficients map[string]any) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(coefficients)) {
		list = append(list, fmt.Sprintf("%s=%v", name, coefficients[name]))
	}
	return strings.Join(list, ",")
}
