package model_test

import (
	"strings"
	"testing"

	"llmhost/host/safetensors"

	"github.com/stretchr/testify/require"
)

// respelled saves a model under other names and with more tensors, and loads it.
func respelled(t *testing.T, config string, name func(string) string, more ...string) {
	t.Helper()
	m := create(t, config, cpu)
	folder := t.TempDir()
	require.NoError(t, m.Save(folder))
	file, err := safetensors.Open(folder)
	require.NoError(t, err)
	var sources []safetensors.Source
	for _, n := range file.Names() {
		x, err := file.Get(n)
		require.NoError(t, err)
		sources = append(sources, safetensors.Source{Name: name(n), DType: x.DType, Shape: x.Shape, Data: append([]byte(nil), x.Data...)})
	}
	require.NoError(t, file.Close())
	for _, n := range more {
		sources = append(sources, safetensors.Int64Source(n, []int64{1, 2}, 2))
	}
	require.NoError(t, safetensors.Save(folder, sources, safetensors.Layout{}))
	again := load(t, folder, cpu)
	require.Empty(t, again.Unused)
	requireSameModel(t, m, again)
}

// Old versions, and models saved without a head, have other names for the same tensors.
func TestOldNames(t *testing.T) {
	bare := func(body string) func(string) string {
		return func(name string) string { return strings.TrimPrefix(name, body) }
	}
	gamma := strings.NewReplacer("LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias", "LayerNorm.beta")
	t.Run("bert of TensorFlow", func(t *testing.T) { respelled(t, configs["bert"], gamma.Replace, "bert.embeddings.position_ids") })
	t.Run("bert, bare", func(t *testing.T) { respelled(t, configs["bert"], bare("bert."), "embeddings.position_ids") })
	t.Run("bert, both", func(t *testing.T) {
		respelled(t, configs["bert"], func(name string) string { return bare("bert.")(gamma.Replace(name)) })
	})
	t.Run("llama, bare", func(t *testing.T) {
		respelled(t, configs["llama"], bare("model."), "layers.0.self_attn.rotary_emb.inv_freq")
	})
	t.Run("neox", func(t *testing.T) {
		respelled(t, configs["gpt_neox"], func(name string) string { return strings.Replace(name, "embed_out.", "lm_head.", 1) },
			"gpt_neox.layers.0.attention.bias", "gpt_neox.layers.0.attention.masked_bias", "gpt_neox.layers.1.attention.rotary_emb.inv_freq")
	})
	t.Run("neox, tied", func(t *testing.T) {
		respelled(t, configs["gpt_neox_v4"], bare("gpt_neox."))
	})
}
