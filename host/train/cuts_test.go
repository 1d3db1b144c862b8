package train_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"llmhost/builtin"
	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/optim"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// losses are the losses of all tasks, each with parameters under which all of
// its inputs matter.
var losses = []struct {
	name, loss string
	params     map[string]any
	lists      bool // of candidates
}{
	{"sft", "sft", nil, false},
	{"sft, smoothed", "sft", map[string]any{"label_smoothing_factor": 0.1}, false},
	{"sft by sequences, with a reference", "sft", map[string]any{"sft_reduction": "seq_mean", "kl_coef": 0.3}, false},
	{"sft with a full divergence", "sft", map[string]any{"kl_coef": 0.3, "kl_penalty_mode": "full"}, false},
	{"sft with an adaptive one", "sft", map[string]any{"kl_coef": 0.3, "kl_penalty_mode": "abs", "token_level": true, "adaptive_kl_ctrl": true}, false},
	{"rejection_sampling", "rejection_sampling", nil, true},
	{"classification", "classification", map[string]any{"label_smoothing_factor": 0.1}, false},
	{"multi_objective_classification", "multi_objective_classification", map[string]any{"cls_objectives": "label=1,other=0.5"}, false},
	{"reward", "reward", map[string]any{"margin": 0.2, "center_rewards_coefficient": 0.1}, true},
	{"reward with tokens", "reward", map[string]any{"lm_loss_coeff": 0.3, "lm_score_thresh": 0.4}, true},
	{"rrhf", "rrhf", nil, true},
	{"weighted_learning", "weighted_learning", nil, false},
	{"weighted_learning by sequences", "weighted_learning", map[string]any{"weighted_reduction": "seq_mean"}, false},
	{"dpo", "dpo", nil, true},
	{"dpo, ipo and apo", "dpo", map[string]any{"dpo_loss_type": "ipo,apo_down", "dpo_loss_weights": "0.5,1", "ipo_length_normalize": true}, true},
	{"dpo, smoothed", "dpo", map[string]any{"dpo_loss_type": "sigmoid,robust,hinge,apo_zero", "label_smoothing": 0.1, "construct_method": "one_over_rest"}, true},
	{"kto", "kto", nil, false},
	{"orpo", "orpo", nil, true},
	{"simpo", "simpo", nil, true},
	{"cpo", "cpo", map[string]any{"cpo_loss_type": "hinge"}, true},
	{"offline_ppo", "offline_ppo", map[string]any{"kl_coef": 0.2}, false},
	{"offline_ppo by tokens", "offline_ppo", map[string]any{"kl_coef": 0.2, "token_level": true, "kl_penalty_mode": "full"}, false},
	{"distill", "distill", map[string]any{"distill_kl": "mixed", "distill_alpha": 0.3}, false},
}

// everything is eight examples with everything that a loss may read.
func everything(lists bool) []data.Example {
	rng := rand.New(rand.NewPCG(21, 0))
	examples := uneven(9, lists)
	for i := range examples {
		e := &examples[i]
		e.Labels = map[string]int64{"label": int64(i % 3), "other": []int64{0, data.Ignore, 1}[i%3]}
		e.ExampleColumns["reward"], e.ExampleColumns["lm_mask"] = rng.NormFloat64(), float64(i%2)
		e.ExampleColumns["margin"] = float64(i%3) / 4
		e.Columns["score"] = nil
		for range e.Sequences {
			e.Columns["score"] = append(e.Columns["score"], rng.Float64()-0.3)
		}
	}
	return examples
}

// Every builtin loss is in the table above.
func TestNoLossIsLeftOut(t *testing.T) {
	named := map[string]bool{}
	for _, l := range losses {
		named[l.loss] = true
	}
	linked := 0
	for _, p := range builtin.All() {
		linked += len(p.Losses)
		for _, l := range p.Losses {
			require.True(t, named[l.Name()], l.Name())
		}
	}
	require.NotZero(t, linked, "no loss is linked in")
}

// The way a step is cut into micro-batches changes no gradient, of any task.
func TestNoCutChangesAGradient(t *testing.T) {
	for _, dtype := range precisions {
		heads := model.Heads{LM: true, Score: true, Codebase: true, Classes: []model.ClassHead{
			{Name: "label", Labels: []string{"a", "b", "c"}}, {Name: "other", Labels: []string{"x", "y"}}}}
		m, ref := headed(t, dtype, heads), newModel(t, "qwen2", dtype)
		for _, l := range losses {
			t.Run(l.name+"/"+dtype.String(), func(t *testing.T) {
				p := component(t, plugin.Loss, l.loss, l.params)
				examples := everything(l.lists)
				step := func(sizes ...int) pass {
					adam := optim.NewAdamW(m.Params().All(), optim.Options{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8})
					defer adam.Free()
					still, err := optim.NewSchedule("constant", 0, 0, 1, nil)
					require.NoError(t, err)
					o := objective.New(p, tensor.CPU, dtype)
					o.Pooling, o.Reference.Model = poolingProgram(t, "eos"), ref
					trainer := train.Trainer{Model: m, Objective: o, Optimizer: adam, Schedule: still, Options: train.Options{SharePrefix: true, MaxLength: 64}}
					defer o.Free()
					defer trainer.Free()
					var micro [][]data.Example
					for left := examples; len(left) > 0; sizes = sizes[1:] {
						micro, left = append(micro, left[:sizes[0]]), left[sizes[0]:]
					}
					report, err := trainer.Step(micro)
					require.NoError(t, err)
					return pass{report.Read().Loss, gradientsOf(m)}
				}
				want := step(8)
				require.NotZero(t, want.loss)
				for _, sizes := range [][]int{{4, 4}, {2, 2, 2, 2}, {1, 1, 1, 1, 1, 1, 1, 1}, {3, 3, 2}} {
					require.Less(t, distance(want, step(sizes...)), limitOf(dtype), fmt.Sprint(sizes))
				}
			})
		}
	}
}

func headed(t *testing.T, dtype tensor.DType, heads model.Heads) *model.Model {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, newModel(t, "llama", dtype).Save(folder))
	tensor.ManualSeed(8)
	m, err := model.Load(folder, model.Options{Device: tensor.CPU, Param: dtype, Compute: dtype, Heads: heads})
	require.NoError(t, err)
	t.Cleanup(m.Free)
	return m
}
