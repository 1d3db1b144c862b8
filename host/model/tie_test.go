package model_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"llmhost/host/model"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// tiedModels are the configs whose head is the input embedding, with the names of both.
var tiedModels = map[string][2]string{
	"llama":       {"model.embed_tokens.weight", "lm_head.weight"},
	"gpt_neox_v4": {"gpt_neox.embed_in.weight", "embed_out.weight"},
	"phi3_v4":     {"model.embed_tokens.weight", "lm_head.weight"},
	"gemma2":      {"model.embed_tokens.weight", "lm_head.weight"}, // by its class's default
}

// headed saves a tied model with change made to its tensors.
func headed(t *testing.T, config string, change func(tensors map[string]safetensors.Source)) (folder string) {
	t.Helper()
	folder = t.TempDir()
	require.NoError(t, create(t, config, cpu).Save(folder))
	file, err := safetensors.Open(folder)
	require.NoError(t, err)
	tensors := map[string]safetensors.Source{}
	for _, name := range file.Names() {
		x, err := file.Get(name)
		require.NoError(t, err)
		tensors[name] = safetensors.Source{Name: name, DType: x.DType, Shape: x.Shape, Data: slices.Clone(x.Data)}
	}
	require.NoError(t, file.Close())
	change(tensors)
	require.NoError(t, safetensors.Save(folder, slices.Collect(maps.Values(tensors)), safetensors.Layout{}))
	return folder
}

// withHead adds a head: that of another model, or the embedding itself.
func withHead(t *testing.T, config string, names [2]string, same bool) (folder string) {
	return headed(t, config, func(tensors map[string]safetensors.Source) {
		head := tensors[names[0]]
		head.Name = names[1]
		if !same {
			head.Data = slices.Clone(head.Data)
			slices.Reverse(head.Data[:64])
			for i := 3; i < 64; i += 4 {
				head.Data[i] = 0x3e // finite
			}
		}
		tensors[names[1]] = head
	})
}

// Where config.json ties two matrices that differ in the files they are two, here
// as in transformers, and what is saved has both and says so.
func TestTiedByConfigWithTwoMatrices(t *testing.T) {
	var folders, saved []string
	for _, name := range slices.Sorted(maps.Keys(tiedModels)) {
		folder, again := withHead(t, configs[name], tiedModels[name], false), t.TempDir()
		m := load(t, folder, cpu)
		require.True(t, m.Untied, name)
		require.NoError(t, m.Save(again))
		read := load(t, again, cpu)
		require.False(t, read.Untied, "what is saved is plain")
		require.Contains(t, string(read.ConfigText), `"tie_word_embeddings": false`)
		require.Equal(t, logits(m, someIDs), logits(read, someIDs), name)
		require.NotEqual(t, logits(load(t, withHead(t, configs[name], tiedModels[name], true), cpu), someIDs), logits(m, someIDs), name)
		folders, saved = append(folders, folder), append(saved, again)
	}
	theirs := peerLogits(t, append(slices.Clone(folders), saved...), [][]int64{someIDs})
	for i, folder := range folders {
		got := logits(load(t, folder, cpu), someIDs)
		requireLogits(t, theirs[i][0], got)
		requireLogits(t, theirs[len(folders)+i][0], got)
	}
}

// One matrix under both names, or under the head's alone, is tied.
func TestTiedMatricesAreOne(t *testing.T) {
	for name, names := range tiedModels {
		want := load(t, headed(t, configs[name], func(map[string]safetensors.Source) {}), cpu)
		twice := load(t, withHead(t, configs[name], names, true), cpu)
		other := load(t, headed(t, configs[name], func(tensors map[string]safetensors.Source) {
			head := tensors[names[0]]
			delete(tensors, names[0])
			head.Name = names[1]
			tensors[names[1]] = head
		}), cpu)
		for _, m := range []*model.Model{twice, other} {
			require.False(t, m.Untied)
			require.Empty(t, m.Unused)
			require.Len(t, m.Params().All(), len(want.Params().All()))
			require.Equal(t, logits(want, someIDs), logits(m, someIDs), name)
		}
	}
}

// A model without a head that predicts tokens takes nothing of it.
func TestTieOfAModelWithoutItsHead(t *testing.T) {
	folder := withHead(t, strings.Replace(configs["llama"], "CausalLM", "SequenceClassification", 1), tiedModels["llama"], false)
	m := load(t, folder, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32, Heads: model.Heads{Score: true}})
	require.Empty(t, m.Unused)
	require.False(t, m.Untied)
	require.Equal(t, []string{"score.weight"}, m.Fresh)
}
