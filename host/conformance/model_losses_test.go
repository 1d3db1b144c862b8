package conformance_test

import (
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/optim"
	"llmhost/host/plugin"
	"llmhost/host/program"
	"llmhost/host/tensor"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// skipOtherTasks passes the cases of a folder whose task and model are covered.
func skipOtherTasks(folder string) func(f fixtures, name string) string {
	return func(f fixtures, name string) string {
		if taskOf(name) == "" {
			return noSuchTask
		}
		return skipModel(f, modelOf(f, folder, name))
	}
}

// modelLoss is a loss through a model, with the gradients of its parameters.
type modelLoss struct {
	Model     string
	Params    map[string]any
	Inputs    map[string]array
	Loss      float64
	LossF64   float64              `json:"loss_f64"`
	Total     float64              `json:"grad_norm_total"`
	GradNorm  map[string]float64   `json:"grad_norm"`
	GradFirst map[string][]float64 `json:"grad_first6"`
}

func checkModelLoss(t *testing.T, f fixtures, name string) {
	c := read[modelLoss](t, f, "model_losses", name)
	task := taskOf(name)
	p := trace(t, plugin.Loss, task, lossParams(task, strings.TrimPrefix(name, task), c.Params))
	step := func(t *testing.T, o train.Options, compute tensor.DType) measured {
		m := load(t, filepath.Join(f.root, "models", c.Model), model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: compute})
		return measure(t, m, p, o, groups(c.Inputs))
	}
	for _, way := range []struct {
		name    string
		options train.Options
	}{
		{"packed", train.Options{}},
		{"shared", train.Options{SharePrefix: true}},
		{"packed_checkpointed", train.Options{Checkpointing: true}},
		{"shared_checkpointed", train.Options{SharePrefix: true, Checkpointing: true}},
	} {
		t.Run(way.name, func(t *testing.T) { c.compare(t, step(t, way.options, tensor.Float32)) })
	}
	t.Run("checkpointing_changes_nothing", func(t *testing.T) {
		want, got := step(t, train.Options{}, tensor.Float32), step(t, train.Options{Checkpointing: true}, tensor.Float32)
		require.Equal(t, want.loss, got.loss)
		require.Len(t, got.gradients, len(want.gradients))
		for name, gradient := range want.gradients {
			requireGradient(t, gradient, got.gradients[name], againTolerance, name)
		}
	})
	t.Run("bfloat16", func(t *testing.T) {
		got := step(t, train.Options{SharePrefix: true}, tensor.BFloat16)
		requireClose(t, c.Loss, got.loss, bfloat16Loss, "loss")
		requireClose(t, c.Total, got.norm, bfloat16Gradient, "norm of all gradients")
	})
}

// compare holds a step to the golden numbers. A parameter that they do not
// name must have no gradient.
func (c modelLoss) compare(t *testing.T, got measured) {
	requireClose(t, c.Loss, got.loss, lossTolerance, "loss")
	requireClose(t, c.Total, got.norm, gradientTolerance, "norm of all gradients")
	for name := range c.GradNorm {
		require.Contains(t, got.gradients, name)
	}
	for name, gradient := range got.gradients {
		want, has := c.GradNorm[name]
		require.True(t, has, "%s has a gradient", name)
		requireClose(t, want, norm(gradient), gradientTolerance, "norm of the gradient of "+name)
		requireFirst(t, c.GradFirst[name], gradient, gradientTolerance*want, "the gradient of "+name)
	}
}

// measured is what one step gives: the loss, the norm of all gradients, and
// the gradients that there are, by their parameters.
type measured struct {
	loss, norm float64
	gradients  map[string][]float64
}

// measure makes one step of rate 0 over one micro-batch.
func measure(t *testing.T, m *model.Folder, p *program.Program, o train.Options, batch []data.Group) measured {
	t.Helper()
	adam := optim.NewAdamW(m.Params().All(), optim.Options{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8})
	defer adam.Free()
	still, err := optim.NewSchedule("constant", 0, 0, 1, nil)
	require.NoError(t, err)
	trainer := train.Trainer{Model: m, Objective: train.NewObjective(p, tensor.CPU, tensor.Float32), Optimizer: adam, Schedule: still, Options: o}
	report, err := trainer.Step([][]data.Group{batch})
	require.NoError(t, err)
	got := measured{report.Loss, report.GradNorm, map[string][]float64{}}
	tensor.Scoped(func() {
		for _, p := range m.Params().All() {
			if g := p.Tensor.Grad(); g.Defined() {
				got.gradients[p.Name] = g.Floats()
			}
		}
	})
	return got
}
