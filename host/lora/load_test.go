package lora_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/jsonobject"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// rewritten copies the adapter of a folder with other names of its tensors, "" to leave
// one out, and without modules_to_save.
func rewritten(t *testing.T, folder string, name func(old string) string) string {
	t.Helper()
	file, err := safetensors.Open(filepath.Join(folder, lora.WeightsName))
	require.NoError(t, err)
	defer file.Close()
	out := t.TempDir()
	var sources []safetensors.Source
	for _, old := range file.Names() {
		if name(old) == "" {
			continue
		}
		found, err := file.Get(old)
		require.NoError(t, err)
		x, err := model.Read(file, old, "", tensor.CPU, tensor.Float32, found.Shape...)
		require.NoError(t, err)
		defer x.Free()
		sources = append(sources, model.SourceOf(name(old), x))
	}
	require.NoError(t, safetensors.Write(filepath.Join(out, lora.WeightsName), sources, nil))
	text, err := os.ReadFile(filepath.Join(folder, lora.ConfigName))
	require.NoError(t, err)
	o, err := jsonobject.Parse(text)
	require.NoError(t, err)
	text = o.Set("modules_to_save", nil).Set("ensure_weight_tying", false).Text()
	require.NoError(t, os.WriteFile(filepath.Join(out, lora.ConfigName), text, 0o644))
	return out
}

// Each file that is no adapter's is an error that says what to do.
func TestFilesThatAreNoAdapters(t *testing.T) {
	m := fresh(t, tiny)
	good := t.TempDir()
	require.NoError(t, trained(t, m, config(kinds["plain"])).Save(good))
	read := func(folder string) error {
		_, err := lora.Load(fresh(t, tiny).Params(), folder)
		return err
	}
	require.NoError(t, read(good))

	inState := rewritten(t, good, func(old string) string {
		return strings.Replace(old, "lora_A.weight", "lora_A.default.weight", 1)
	})
	require.ErrorContains(t, read(inState), `has the name of an adapter in its own, "default", as the state of a model in training has it; save the adapter by PEFT's save_pretrained, which leaves the name out`)

	weights := filepath.Join(inState, lora.WeightsName)
	require.NoError(t, os.Rename(weights, filepath.Join(inState, "model.safetensors")))
	require.EqualError(t, read(inState), weights+": no such file; the folder has model.safetensors; rename it if it holds the adapter")
	require.NoError(t, os.Rename(filepath.Join(inState, "model.safetensors"), filepath.Join(inState, "adapter_model.bin")))
	require.EqualError(t, read(inState), weights+`: no such file; the folder has adapter_model.bin, which Python has to convert, there: python -c "import torch, safetensors.torch as s; t = torch.load('adapter_model.bin', map_location='cpu', weights_only=True); s.save_file({k: v.contiguous().clone() for k, v in t.items()}, 'adapter_model.safetensors')"`)
	require.NoError(t, os.Remove(filepath.Join(inState, "adapter_model.bin")))
	require.EqualError(t, read(inState), weights+": no such file; an adapter in PEFT's format has it beside adapter_config.json")

	above := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(above, "french"), os.DirFS(good)))
	require.EqualError(t, read(above), fmt.Sprintf("%s: no such file; want the config of an adapter in PEFT's format, as a run with lora_r leaves it, or give %s, which holds one",
		filepath.Join(above, lora.ConfigName), filepath.Join(above, "french")))
}

// Weights of the base that a file brings replace the base's, stay frozen and are saved again.
func TestStoredWeightsAreKept(t *testing.T) {
	for _, c := range []struct{ name, config string }{{"untied", tiny}, {"tied", tied}} {
		t.Run(c.name, func(t *testing.T) {
			m := fresh(t, c.config)
			whole := t.TempDir()
			require.NoError(t, trained(t, m, config(kinds["saved"])).Save(whole))
			folder := rewritten(t, whole, func(old string) string { return old })
			for range 2 { // as it was written, and as it is written again
				other := fresh(t, c.config)
				a, err := lora.Load(other.Params(), folder)
				require.NoError(t, err)
				require.Empty(t, a.Config.ModulesToSave)
				require.Equal(t, logits(m), logits(other))
				for _, p := range other.Params().Trained() {
					require.Contains(t, p.Name, "lora_")
				}
				folder = t.TempDir()
				require.NoError(t, a.Save(folder))
			}
		})
	}
}

// A tied matrix may stand under one name alone where it is frozen, not where it was trained.
func TestTiedMatrixUnderOneName(t *testing.T) {
	m := fresh(t, tied)
	whole := t.TempDir()
	require.NoError(t, trained(t, m, config(kinds["saved"])).Save(whole))
	for _, left := range []string{"embed_tokens", "lm_head"} {
		without := func(old string) string {
			if strings.Contains(old, left) {
				return ""
			}
			return old
		}
		stored := rewritten(t, whole, without)
		for _, folder := range []string{whole, stored} {
			apart, err := lora.Apart(folder)
			require.NoError(t, err)
			require.False(t, apart, folder)
		}
		other := fresh(t, tied)
		_, err := lora.Load(other.Params(), stored)
		require.NoError(t, err)
		require.Equal(t, logits(m), logits(other))

		text, err := os.ReadFile(filepath.Join(whole, lora.ConfigName))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(stored, lora.ConfigName), text, 0o644))
		_, err = lora.Load(fresh(t, tied).Params(), stored)
		require.ErrorContains(t, err, " alone, apart from the other; untie them in the model's config.json")
		apart, err := lora.Apart(stored)
		require.NoError(t, err)
		require.True(t, apart, "one that is trained leaves the other as it was")
	}
}
