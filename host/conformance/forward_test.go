package conformance_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/objective"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// cpu is float32 on the CPU, as the golden numbers are.
var cpu = model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32}

// load loads the model of a folder until the test ends.
func load(t *testing.T, folder string, o model.Options) *model.Model {
	t.Helper()
	m, err := model.Load(folder, o)
	require.NoError(t, err)
	t.Cleanup(m.Free)
	return m
}

// skipModel passes the models of a family that llmhost reads.
func skipModel(f fixtures, name string) string {
	return skipModelAt(filepath.Join(f.root, "models", name))
}

func skipModelAt(folder string) string {
	config, err := decode[struct {
		Type string `json:"model_type"`
	}](fixtures{folder}, "", "config")
	switch {
	case os.IsNotExist(err):
		return "there is no model at " + folder
	case err != nil:
		return err.Error()
	case !slices.Contains(model.Types(), config.Type):
		return "not covered yet: llmhost has no models of type " + config.Type
	}
	if _, err := os.Stat(filepath.Join(folder, "model.safetensors")); err != nil {
		return "there are no weights at " + folder
	}
	return ""
}

// modelOf names the model of a case.
func modelOf(f fixtures, folder, name string) string {
	c, _ := decode[struct{ Model string }](f, folder, name) // without a model the case is skipped
	return c.Model
}

// skipForward passes the cases whose model is covered.
func skipForward(f fixtures, name string) string {
	return skipModel(f, modelOf(f, "forward", name))
}

// checkModel loads a model under both layouts of its config, and compares what is
// saved with what was read: every tensor, and the config with its layout.
func checkModel(t *testing.T, f fixtures, name string) {
	folder := filepath.Join(f.root, "models", name)
	for _, layout := range layouts {
		t.Run(layout, func(t *testing.T) {
			saved := t.TempDir()
			m := loadLayout(t, f, name, layout)
			require.Empty(t, m.Unused)
			require.Empty(t, m.Fresh)
			require.NoError(t, m.Save(saved))
			want, err := os.ReadFile(filepath.Join(folder, layout))
			require.NoError(t, err)
			got, err := os.ReadFile(filepath.Join(saved, "config.json"))
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(got))
			if !m.Heads.Score && len(m.Heads.Classes) == 0 { // else it is rewritten
				require.Equal(t, string(want), string(got))
			}
			requireSameTensors(t, filepath.Join(folder, "model.safetensors"), filepath.Join(saved, "model.safetensors"))
		})
	}
}

// layouts are the configs of a model as transformers 5 and 4 write them.
var layouts = []string{"config.json", "config_v4.json"}

// loadLayout loads a model under one of its configs.
func loadLayout(t *testing.T, f fixtures, name, layout string) *model.Model {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join(f.root, "models", name))
	require.NoError(t, err)
	view := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(folder, layout), filepath.Join(view, "config.json")))
	require.NoError(t, os.Symlink(filepath.Join(folder, "model.safetensors"), filepath.Join(view, "model.safetensors")))
	return loadHeads(t, view, tensor.Float32)
}

func requireSameTensors(t *testing.T, want, got string) {
	t.Helper()
	a, err := safetensors.Open(want)
	require.NoError(t, err)
	defer a.Close()
	b, err := safetensors.Open(got)
	require.NoError(t, err)
	defer b.Close()
	require.NotEmpty(t, a.Names())
	require.ElementsMatch(t, a.Names(), b.Names())
	for _, name := range a.Names() {
		x, _ := a.Get(name)
		y, _ := b.Get(name)
		require.Equal(t, x.Shape, y.Shape, name)
		require.Equal(t, x.Data, y.Data, name)
	}
}

type forwardCase struct {
	Model string
	Cases map[string]struct {
		CE           float64   `json:"ce_token_mean"`
		NLLPerRow    []float64 `json:"nll_sum_per_row"`
		LabelsPerRow []int     `json:"label_tokens_per_row"`
		Mask         array     `json:"attention_mask"`
		IDs          array     `json:"input_ids"`
		Labels       array
	}
}

func checkForward(t *testing.T, f fixtures, name string) {
	if !loadHeads(t, filepath.Join(f.root, "models", modelOf(f, "forward", name)), tensor.Float32).Causal() {
		checkEncoder(t, f, name)
		return
	}
	c := read[forwardCase](t, f, "forward", name)
	golden := tensors(t, f, "forward", name)
	require.NotEmpty(t, c.Cases)
	for _, side := range slices.Sorted(maps.Keys(c.Cases)) {
		want := c.Cases[side]
		for _, layout := range layouts {
			t.Run(side+"/"+layout, func(t *testing.T) {
				m := loadLayout(t, f, c.Model, layout)
				b := data.Pack(examples(map[string]array{"input_ids": want.IDs, "attention_mask": want.Mask, "labels": want.Labels}), true)
				tensor.Scoped(func() {
					tensor.NoGrad(func() {
						hidden := m.Forward(objective.NewPass(tensor.CPU, &b))
						requireAtReal(t, want.Mask, fetch(t, golden, side+".hidden"), hidden, "hidden")
						requireAtReal(t, want.Mask, fetch(t, golden, side+".logits"), m.Head().Logits(hidden), "logits")
						requireLogps(t, m, hidden, &b, want.NLLPerRow, want.LabelsPerRow, want.CE)
					})
				})
			})
		}
	}
}

// requireAtReal compares the real positions of golden padded sequences with packed ones.
func requireAtReal(t *testing.T, mask, want array, got tensor.Tensor, what string) {
	t.Helper()
	packed := array{got.Floats(), got.Shape()}.rows()
	at := 0
	for i, row := range want.rows() {
		if mask.values[i] != 0 {
			require.InDeltaSlice(t, row, packed[at], logitsTolerance, "%s of position %d", what, i)
			at++
		}
	}
	require.Len(t, packed, at)
}

func requireLogps(t *testing.T, m *model.Model, hidden tensor.Tensor, b *data.Batch, nll []float64, labels []int, mean float64) {
	t.Helper()
	at := hidden.IndexSelect(0, tensor.Of(tensor.CPU, b.Source))
	logps := m.Head().TokenLogps(at, tensor.Of(tensor.CPU, b.Target)).Floats()
	sums, counts, total := make([]float64, b.B), make([]int, b.B), 0.0
	for i, slot := range b.Slot {
		row := int(slot) / b.T
		sums[row] -= logps[i]
		counts[row]++
		total -= logps[i]
	}
	require.Equal(t, labels, counts)
	require.Len(t, nll, b.B)
	for i := range nll {
		requireClose(t, nll[i], sums[i], lossTolerance, "negative log-probability of sequence")
	}
	requireClose(t, mean, total/float64(len(logps)), lossTolerance, "cross-entropy")
}
