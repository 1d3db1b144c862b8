package model_test

import (
	_ "embed"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/jsonobject"
	"llmhost/host/model"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/variants.py
var variantsScript string

// variantBases are small models, with the keys that all variants of a class share.
var variantBases = map[string]string{
	"llama":       `{"num_key_value_heads": 2}`,
	"mistral":     `{"num_key_value_heads": 2, "sliding_window": 4}`,
	"qwen2":       `{"num_key_value_heads": 2}`,
	"qwen3":       `{"num_key_value_heads": 2, "head_dim": 10}`,
	"gpt_neox":    `{}`,
	"phi3":        `{"num_key_value_heads": 2}`,
	"gemma2":      `{"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 4}`,
	"gemma3_text": `{"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 4}`,
	"bert":        `{}`,
}

const variantSizes = `{"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
 "num_attention_heads": 4, "max_position_embeddings": 64, "pad_token_id": null}`

// A variant changes keys of its class's small model; "absent" removes one.
type variant struct{ kind, change string }

// sameVariants are read by transformers, and here to the same numbers.
var sameVariants = []variant{
	{"llama", `{}`},
	{"llama", `{"num_key_value_heads": null}`},
	{"llama", `{"num_key_value_heads": "absent"}`},
	{"llama", `{"head_dim": null}`},
	{"llama", `{"head_dim": 6}`},
	{"llama", `{"attention_dropout": null}`},
	{"llama", `{"attention_bias": true, "mlp_bias": true, "hidden_act": "swish"}`},
	{"llama", `{"tie_word_embeddings": true, "pretraining_tp": 2, "use_mambapy": {"a": 1}, "num_labels": 7}`},
	{"llama", `{"rope_theta": 77, "rope_scaling": null}`},
	{"llama", `{"rope_theta": 77, "rope_scaling": {}}`},
	{"llama", `{"rope_theta": 77, "rope_parameters": {"rope_type": "default"}}`},
	{"llama", `{"rope_theta": 77, "rope_parameters": {"rope_type": "default", "rope_theta": 33.0}}`},
	{"llama", `{"rope_theta": 77, "rope_scaling": {"type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "default", "rope_theta": 33.0}}`},
	{"llama", `{"rope_scaling": {}, "rope_parameters": {"rope_type": "linear", "factor": 3.0}}`},
	{"llama", `{"rope_scaling": {"rope_type": "yarn", "factor": 4.0}, "original_max_position_embeddings": 16}`},
	{"llama", `{"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}, "original_max_position_embeddings": 16}`},
	{"llama", `{"rope_parameters": {"rope_type": "yarn", "factor": null, "original_max_position_embeddings": 16, "truncate": null}}`},
	{"llama", `{"rope_parameters": {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}}`},
	{"llama", `{"layer_types": ["full_attention", "full_attention", "full_attention"], "sliding_window": 2, "use_sliding_window": true}`},
	{"llama", `{"torch_dtype": "float32", "dtype": null, "per_layer_config": null, "output_attentions": false, "chunk_size_feed_forward": 2}`},
	{"mistral", `{"sliding_window": null}`},
	{"mistral", `{"sliding_window": 2, "head_dim": null, "attention_bias": true, "mlp_bias": true}`},
	{"mistral", `{"sliding_window": "absent", "head_dim": 6}`},
	{"qwen2", `{"num_key_value_heads": null}`},
	{"qwen2", `{"head_dim": 6, "attention_bias": false, "mlp_bias": true}`},
	{"qwen2", `{"sliding_window": 3, "layer_types": null}`},
	{"qwen2", `{"use_sliding_window": true, "sliding_window": 3, "max_window_layers": 1}`},
	{"qwen2", `{"use_sliding_window": true, "sliding_window": null, "max_window_layers": 1}`},
	{"qwen2", `{"use_sliding_window": true, "sliding_window": 3, "max_window_layers": 28, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}`},
	{"qwen3", `{"num_key_value_heads": null, "attention_bias": true}`},
	{"qwen3", `{"rope_theta": 33, "use_sliding_window": true, "sliding_window": 2, "max_window_layers": 0}`},
	{"gpt_neox", `{"rope_theta": 33, "partial_rotary_factor": 1.0}`},
	{"gpt_neox", `{"rotary_emb_base": 33, "rotary_pct": 0.5, "head_dim": 8, "is_decoder": true}`},
	{"gpt_neox", `{"rotary_pct": 0.5, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 50.0}, "attention_bias": false}`},
	{"gpt_neox", `{"use_parallel_residual": false, "hidden_act": "gelu_new", "tie_word_embeddings": true}`},
	{"phi3", `{"num_key_value_heads": null, "head_dim": 6}`},
	{"phi3", `{"num_key_value_heads": "absent", "partial_rotary_factor": 0.5, "rope_theta": 33}`},
	{"phi3", `{"rope_scaling": {"rope_type": "default", "partial_rotary_factor": 0.5}, "partial_rotary_factor": 1.0, "sliding_window": 3}`},
	{"gemma2", `{"layer_types": null, "sliding_window_pattern": 3, "hidden_act": "gelu", "use_bidirectional_attention": false}`},
	{"gemma2", `{"final_logit_softcapping": null, "attn_logit_softcapping": 2.0, "hidden_activation": "gelu"}`},
	{"gemma2", `{"query_pre_attn_scalar": 7, "rope_theta": 33, "rope_scaling": {"type": "linear", "factor": 2.0}, "tie_word_embeddings": false}`},
	{"gemma3_text", `{"sliding_window_pattern": 2, "rope_theta": 500.0, "rope_local_base_freq": 20.0, "final_logit_softcapping": 3.0}`},
	{"gemma3_text", `{"sliding_window_pattern": 2, "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 50.0}, "sliding_attention": null}, "rope_scaling": {"rope_type": "linear", "factor": 2.0}}`},
	{"gemma3_text", `{"layer_types": ["full_attention", "sliding_attention", "full_attention"], "rope_parameters": {"full_attention": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}}}`},
	{"bert", `{"position_embedding_type": "absolute", "type_vocab_size": 3, "hidden_act": "gelu_new", "chunk_size_feed_forward": 3}`},
	{"bert", `{"pad_token_id": "absent", "classifier_dropout": null, "gradient_checkpointing": false, "pruned_heads": {}}`},
}

// refusedVariants are not read: change names what the error must name.
var refusedVariants = []struct {
	variant
	name  string
	reads bool // transformers reads it all the same
}{
	{variant{"llama", `{"hidden_size": null}`}, "hidden_size", false},
	{variant{"llama", `{"rms_norm_eps": 1}`}, "rms_norm_eps", false},
	{variant{"llama", `{"hidden_size": 30, "head_dim": 8}`}, "hidden_size", false},
	{variant{"llama", `{"layer_types": ["full_attention"]}`}, "layer_types", false},
	{variant{"llama", `{"rope_parameters": {"rope_type": "yarn", "rope_theta": 50.0}}`}, "factor", false},
	{variant{"llama", `{"rope_parameters": {"rope_type": "llama3", "factor": 2.0, "high_freq_factor": 4.0}}`}, "low_freq_factor", false},
	{variant{"llama", `{"rope_theta": null}`}, "rope_theta", false},
	{variant{"llama", `{"hidden_act": "gelu"}`}, "hidden_act", true},
	{variant{"llama", `{"pad_token_id": 40}`}, "pad_token_id", false},
	{variant{"llama", `{"per_layer_config": {"0": {"intermediate_size": 16}}}`}, "per_layer_config", false},
	{variant{"mistral", `{"num_key_value_heads": null}`}, "num_key_value_heads", false},
	{variant{"mistral", `{"layer_types": ["full_attention", "sliding_attention", "full_attention"]}`}, "layer_types", false},
	{variant{"qwen2", `{"head_dim": null}`}, "head_dim", false},
	{variant{"qwen2", `{"layer_types": ["sliding_attention", "full_attention", "full_attention"]}`}, "use_sliding_window", false},
	{variant{"qwen2", `{"rope_parameters": {"full_attention": {"rope_theta": 3.0}}}`}, "full_attention", false},
	{variant{"qwen3", `{"head_dim": null}`}, "head_dim", false},
	{variant{"gpt_neox", `{"head_dim": 6}`}, "head_dim", true},
	{variant{"phi3", `{"head_dim": null}`}, "head_dim", false},
	{variant{"phi3", `{"pad_token_id": "absent"}`}, "pad_token_id", false},
	{variant{"phi3", `{"rope_parameters": {"rope_type": "linear", "factor": 2.0}}`}, "rope_type", false},
	{variant{"gemma2", `{"final_logit_softcapping": 30}`}, "final_logit_softcapping", false},
	{variant{"gemma2", `{"num_key_value_heads": null}`}, "num_key_value_heads", false},
	{variant{"gemma2", `{"sliding_window": null}`}, "sliding_window", false},
	{variant{"gemma2", `{"use_bidirectional_attention": true}`}, "use_bidirectional_attention", true},
	{variant{"gemma3_text", `{"sliding_window_pattern": null}`}, "sliding_window_pattern", false},
	{variant{"bert", `{"is_decoder": true}`}, "is_decoder", true},
	{variant{"bert", `{"hidden_dropout_prob": null}`}, "hidden_dropout_prob", false},
}

// config is the text of a variant's config.json.
func (v variant) config(t *testing.T) string {
	t.Helper()
	config := jsonobject.Object{}.Set("model_type", v.kind)
	for _, layer := range []string{variantSizes, variantBases[v.kind], v.change} {
		changes, err := jsonobject.Parse([]byte(layer))
		require.NoError(t, err)
		for _, change := range changes {
			if string(change.Value) == `"absent"` {
				config = config.Set(change.Key, nil)
				continue
			}
			config = config.Set(change.Key, change.Value)
		}
	}
	return string(config.Text())
}

// peerResult is what transformers makes of a folder.
type peerResult struct {
	Logits [][]float64
	Error  string
}

// peerVariants has transformers make the models, and returns their folders and results.
func peerVariants(t *testing.T, variants []variant) (folders []string, results []peerResult) {
	t.Helper()
	texts := map[string]string{}
	for _, v := range variants {
		folders = append(folders, t.TempDir())
		texts[folders[len(folders)-1]] = v.config(t)
	}
	var byFolder map[string]peerResult
	printed := runPeer(t, variantsScript, map[string]any{"configs": texts, "ids": someIDs, "seed": peerSeed})
	require.NoError(t, json.Unmarshal(printed, &byFolder))
	for _, folder := range folders {
		results = append(results, byFolder[folder])
	}
	return folders, results
}

// What a key means when it is null, left out, derived or of an old version is what
// it means in transformers; and what is saved means the same there.
func TestPeerConfigVariants(t *testing.T) {
	folders, results := peerVariants(t, sameVariants)
	var saved []string
	for i, v := range sameVariants {
		again := t.TempDir()
		t.Run(v.kind+" "+v.change, func(t *testing.T) {
			require.Empty(t, results[i].Error, "transformers")
			m := load(t, folders[i], cpu)
			require.Empty(t, m.Unused)
			requireLogits(t, results[i].Logits, logits(m, someIDs))
			require.NoError(t, m.Save(again))
			saved = append(saved, again)
		})
	}
	require.Len(t, saved, len(sameVariants))
	for i, rows := range peerLogits(t, saved, [][]int64{someIDs}) {
		requireLogits(t, results[i].Logits, rows[0])
	}
}

func requireLogits(t *testing.T, want, got [][]float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for at := range want {
		require.InDeltaSlice(t, want[at], got[at], peerTolerance, "token %d", at)
	}
}

// A key whose value transformers does not take, or whose effect is not
// implemented, is refused by its name.
func TestPeerRefusedVariants(t *testing.T) {
	var variants []variant
	for _, v := range refusedVariants {
		variants = append(variants, v.variant)
	}
	folders, results := peerVariants(t, variants)
	for i, v := range refusedVariants {
		t.Run(v.kind+" "+v.change, func(t *testing.T) {
			require.Equal(t, v.reads, results[i].Error == "", "transformers: %s", results[i].Error)
			_, err := model.ReadConfig(folders[i])
			if err == nil {
				var config []byte
				config, err = os.ReadFile(filepath.Join(folders[i], "config.json"))
				require.NoError(t, err)
				_, err = model.Create(config, 1, cpu)
			}
			require.ErrorContains(t, err, v.name)
			require.False(t, strings.Contains(err.Error(), "tensor"), "of the config, not of the weights: %v", err)
		})
	}
}
