package conformance_test

import (
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/plugin"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// adapterCase is an adapter on a model, with the loss and gradients of its weights.
type adapterCase struct {
	Model     string
	Adapter   string // "FOLDER (PEFT format)"
	Loss      float64
	Total     float64              `json:"grad_norm_total"`
	GradNorm  map[string]float64   `json:"grad_norm"`
	GradFirst map[string][]float64 `json:"grad_first6"`
}

// isAdapter tells the folder of a case's adapter from the case.
func isAdapter(name string) bool { return strings.HasPrefix(name, "adapter") }

func skipAdapter(f fixtures, name string) string {
	return skipModel(f, modelOf(f, "lora", name))
}

func checkAdapter(t *testing.T, f fixtures, name string) {
	c := read[adapterCase](t, f, "lora", name)
	golden := tensors(t, f, "lora", name)
	inputs := map[string]array{}
	for _, key := range []string{"input_ids", "attention_mask", "labels"} {
		inputs[key] = fetch(t, golden, key)
	}
	rows := examples(inputs)
	m := load(t, filepath.Join(f.root, "models", c.Model), cpu)
	requireLogits(t, golden, "logits_base", m, rows)
	folder, _, _ := strings.Cut(c.Adapter, " ")
	a, err := lora.Load(m.Params(), filepath.Join(f.root, folder))
	require.NoError(t, err)
	requireLogits(t, golden, "logits_adapter", m, rows)
	m.Params().Mode().Off = true
	requireLogits(t, golden, "logits_base", m, rows)
	m.Params().Mode().Off = false

	for _, checkpointing := range []bool{false, true} {
		got := measure(t, m, objective.New(trace(t, plugin.Loss, "sft", nil), tensor.CPU, tensor.Float32), train.Options{Checkpointing: checkpointing}, rows)
		requireClose(t, c.Loss, got.loss, lossTolerance, "loss")
		requireClose(t, c.Total, got.norm, gradientTolerance, "norm of all gradients")
		require.NotEmpty(t, c.GradNorm)
		require.Len(t, got.gradients, len(c.GradNorm))
		for stored, want := range c.GradNorm {
			own := ownName(stored)
			require.Contains(t, got.gradients, own)
			requireClose(t, want, norm(got.gradients[own]), gradientTolerance, "norm of the gradient of "+own)
			requireFirst(t, c.GradFirst[stored], got.gradients[own], gradientTolerance*want, "the gradient of "+own)
		}
	}
	requireSaved(t, a, filepath.Join(f.root, folder))

	require.NoError(t, a.Merge())
	requireLogits(t, golden, "logits_merged", m, rows)
	for _, p := range m.Params().All() {
		if merged := "merged." + p.Name; golden.Has(merged) {
			require.InDeltaSlice(t, fetch(t, golden, merged).values, p.Tensor.Floats(), 1e-6, merged)
		}
	}
}

// ownName is a parameter's name in the files, which PEFT's modules spell with
// the name of the adapter.
func ownName(stored string) string { return strings.Replace(stored, ".default", "", 1) }

func requireLogits(t *testing.T, golden *safetensors.File, name string, m *model.Model, rows []data.Example) {
	t.Helper()
	b := data.Pack(rows, false)
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			hidden := m.Forward(objective.NewPass(tensor.CPU, &b))
			requireAtReal(t, fetch(t, golden, "attention_mask"), fetch(t, golden, name), m.Head().Logits(hidden), name)
		})
	})
}

// requireSaved compares what is written with what was read.
func requireSaved(t *testing.T, a *lora.Adapter, folder string) {
	t.Helper()
	saved := t.TempDir()
	require.NoError(t, a.Save(saved))
	requireSameTensors(t, filepath.Join(folder, lora.WeightsName), filepath.Join(saved, lora.WeightsName))
	want, err := lora.ReadConfig(filepath.Join(folder, lora.ConfigName))
	require.NoError(t, err)
	got, err := lora.ReadConfig(filepath.Join(saved, lora.ConfigName))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// adapt gives a model the adapter that a training curve begins with.
func adapt(t *testing.T, f fixtures, name string, m *model.Model) {
	t.Helper()
	config := lora.Default()
	config.Alpha, config.Targets = 16, lora.ParseModules([]string{"q_proj", "v_proj"})
	_, err := lora.Attach(m.Params(), config, nil)
	require.NoError(t, err)
	initial := tensors(t, f, "training", name+"_init")
	for _, p := range m.Params().Trained() {
		if stored := strings.TrimPrefix(p.Name, "base_model.model."); initial.Has(stored) {
			tensor.Scoped(func() {
				a := fetch(t, initial, stored)
				p.Tensor.CopyTensor(tensor.Of(tensor.CPU, a.values, a.shape...).To(tensor.Float32))
			})
		}
	}
}
