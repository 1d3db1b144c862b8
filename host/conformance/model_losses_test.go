package conformance_test

import (
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/objective"
	"llmhost/host/optim"
	"llmhost/host/tensor"
	"llmhost/host/train"
	"llmhost/sdk/program"

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
	setting
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
	p := lossProgram(t, task, strings.TrimPrefix(name, task), c.Params)
	step := func(t *testing.T, o train.Options, compute tensor.DType) measured {
		m := loadHeads(t, filepath.Join(f.root, "models", c.Model), compute)
		objective := c.objective(t, f, p, m)
		if p.Needs().Mismatched {
			return mismatched(t, m, objective, o, c.Inputs)
		}
		return measure(t, m, objective, o, examples(c.Inputs))
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

// compare compares a step with the golden numbers. A parameter that they do not
// name must have no gradient.
func (c modelLoss) compare(t *testing.T, got measured) {
	requireClose(t, c.Loss, got.loss, lossTolerance, "loss")
	requireClose(t, c.Total, got.norm, gradientTolerance, "norm of all gradients")
	require.NotEmpty(t, c.GradNorm)
	for name := range c.GradNorm {
		require.True(t, got.gradients[name] != nil, "%s has a gradient", name)
	}
	for name, gradient := range got.gradients {
		want, has := c.GradNorm[name]
		require.True(t, has, "%s has a gradient", name)
		tolerance := gradientTolerance*want + gradientNoise*c.Total
		require.InDelta(t, want, norm(gradient), tolerance, "norm of the gradient of %s", name)
		requireFirst(t, c.GradFirst[name], gradient, tolerance, "the gradient of "+name)
	}
}

// measured is what one step gives: the loss, the norm of all gradients, and
// the gradients that there are, by their parameters.
type measured struct {
	loss, norm float64
	gradients  map[string][]float64
}

// measure makes one step of rate 0 over one micro-batch.
func measure(t *testing.T, m *model.Model, objective *objective.Objective, o train.Options, batch []data.Example) measured {
	t.Helper()
	adam := optim.NewAdamW(m.Params().Trained(), optim.Options{Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8})
	defer adam.Free()
	still, err := optim.NewSchedule("constant", 0, 0, 1, nil)
	require.NoError(t, err)
	trainer := train.Trainer{Model: m, Objective: objective, Optimizer: adam, Schedule: still, Options: o}
	defer trainer.Free()
	report, err := trainer.Step([][]data.Example{batch})
	require.NoError(t, err)
	read := report.Read()
	return measured{read.Loss, read.GradNorm, gradients(m)}
}

// mismatched measures a loss on the mismatched answers that the case gives: a
// trainer would choose others.
func mismatched(t *testing.T, m *model.Model, objective *objective.Objective, o train.Options, in map[string]array) (got measured) {
	t.Helper()
	b := data.Pack(examples(in), o.SharePrefix)
	others := data.Pack(examples(map[string]array{"input_ids": in["kl_input_ids"], "attention_mask": in["kl_attention_mask"], "labels": in["kl_labels"]}), false)
	b.Mismatched = &others
	tensor.Scoped(func() {
		var tape *nn.Tape
		if o.Checkpointing {
			tape = &nn.Tape{}
		}
		total := sumOf(objective.Program(), objective.Run(m, &b, tape, nil).Terms)
		total.Backward()
		tape.Backward()
		got.loss = total.Item()
	})
	got.gradients = gradients(m)
	var norms []float64
	for _, g := range got.gradients {
		norms = append(norms, norm(g))
	}
	got.norm = norm(norms)
	return got
}

// sumOf adds up the terms of a loss. Those without a count are over 1.
func sumOf(p *program.Program, terms []exec.Fraction) tensor.Tensor {
	total := tensor.Zeros(tensor.CPU, terms[0].Sum.DType())
	for i, term := range terms {
		_, count := term.Read()
		if count == 0 {
			count = 1 // as a trainer has it: the sum is 0
		}
		total = total.Add(term.Sum.MulScalar(p.Terms[i].Coefficient / count))
	}
	return total
}

// gradients are those that there are.
func gradients(m *model.Model) map[string][]float64 {
	found := map[string][]float64{}
	tensor.Scoped(func() {
		for _, p := range m.Params().All() {
			if g := p.Tensor.Grad(); g.Defined() {
				found[nameInMemory(p.Name)] = g.Floats()
			}
		}
	})
	return found
}

// nameInMemory is what transformers calls a parameter while it runs, which is
// how gradients are named; files may say otherwise.
func nameInMemory(name string) string {
	if name == "embed_out.weight" { // GPT-NeoX
		return "lm_head.weight"
	}
	return name
}
