package llama_test

import (
	"testing"

	"llmhost/host/model/llama"

	"github.com/stretchr/testify/require"
)

func parse(t *testing.T, text string) llama.Config {
	t.Helper()
	c, err := llama.ParseConfig([]byte(text))
	require.NoError(t, err)
	return c
}

// What a config.json leaves out is as in transformers 5.23.0.
func TestDefaults(t *testing.T) {
	for _, c := range []struct {
		kind                               string
		vocab, intermediate, kv, maxLength int64
		sliding, qkvBias, outputBias       bool
	}{
		{kind: "llama", vocab: 32000, intermediate: 11008, kv: 32, maxLength: 2048},
		{kind: "mistral", vocab: 32000, intermediate: 14336, kv: 8, maxLength: 131072, sliding: true},
		{kind: "qwen2", vocab: 151936, intermediate: 22016, kv: 32, maxLength: 32768, qkvBias: true},
		{kind: "qwen3", vocab: 151936, intermediate: 22016, kv: 32, maxLength: 32768},
	} {
		t.Run(c.kind, func(t *testing.T) {
			got := parse(t, `{"model_type": "`+c.kind+`"}`)
			require.Equal(t, c.vocab, got.VocabSize)
			require.Equal(t, c.intermediate, got.IntermediateSize)
			require.Equal(t, c.kv, got.NumKeyValueHeads)
			require.Equal(t, c.maxLength, got.MaxPositions)
			require.EqualValues(t, 4096, got.HiddenSize)
			require.Equal(t, 32, got.NumHiddenLayers)
			require.EqualValues(t, 32, got.NumAttentionHeads)
			require.EqualValues(t, 128, got.HeadDim)
			require.Equal(t, 1e-6, got.RMSNormEps)
			require.False(t, got.TieWordEmbeddings)
			require.Equal(t, c.qkvBias, got.QKVBias)
			require.Equal(t, c.outputBias, got.OutputBias)
			require.Equal(t, "default", got.Rope.Type)
			require.Equal(t, 1e4, got.Rope.Theta)
			window := 0
			if c.sliding {
				window = 4096
			}
			require.Equal(t, window, got.Window(0))
		})
	}
}

// Both layouts give the same config.
func TestLayoutsOfTransformers4And5(t *testing.T) {
	for _, c := range []struct{ name, four, five string }{
		{"plain", `"rope_theta": 500, "rope_scaling": null`, `"rope_parameters": {"rope_type": "default", "rope_theta": 500}`},
		{"linear", `"rope_theta": 500, "rope_scaling": {"type": "linear", "factor": 2}`,
			`"rope_parameters": {"rope_type": "linear", "rope_theta": 500, "factor": 2}`},
		{"llama3", `"rope_theta": 500, "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 32}`,
			`"rope_parameters": {"rope_type": "llama3", "rope_theta": 500, "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 32}`},
		{"theta at the top", `"rope_theta": 500`, `"rope_theta": 500, "rope_parameters": {"rope_type": "default"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			four, five := parse(t, `{"model_type": "llama", `+c.four+`}`).Rope, parse(t, `{"model_type": "llama", `+c.five+`}`).Rope
			require.Equal(t, four.Inverse(32), five.Inverse(32))
			require.Equal(t, four.Type, five.Type)
			require.Equal(t, 500.0, four.Theta)
			require.Equal(t, 500.0, five.Theta)
		})
	}
}

func TestWhatFollowsFromOtherKeys(t *testing.T) {
	c := parse(t, `{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "attention_bias": true, "max_position_embeddings": 99}`)
	require.EqualValues(t, 16, c.HeadDim)
	require.True(t, c.QKVBias)
	require.True(t, c.OutputBias)
	require.Equal(t, 99.0, c.Rope.OriginalMaxSeen)
	c = parse(t, `{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": null, "head_dim": 24}`)
	require.EqualValues(t, 24, c.HeadDim)
	require.EqualValues(t, 4, c.NumKeyValueHeads)
}

func TestWindows(t *testing.T) {
	for _, c := range []struct {
		name, config string
		want         []int // of layers 0 to 2
	}{
		{"llama has none", `"model_type": "llama", "sliding_window": 8`, []int{0, 0, 0}},
		{"mistral in every layer", `"model_type": "mistral", "sliding_window": 8`, []int{8, 8, 8}},
		{"mistral without", `"model_type": "mistral", "sliding_window": null`, []int{0, 0, 0}},
		{"qwen2 that does not use it", `"model_type": "qwen2", "sliding_window": 8, "use_sliding_window": false, "max_window_layers": 0`, []int{0, 0, 0}},
		{"qwen2 from a layer on", `"model_type": "qwen2", "sliding_window": 8, "use_sliding_window": true, "max_window_layers": 2`, []int{0, 0, 8}},
		{"by layer", `"model_type": "qwen2", "sliding_window": 8, "use_sliding_window": true, "num_hidden_layers": 3, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]`, []int{8, 0, 8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := parse(t, "{"+c.config+"}")
			for layer, want := range c.want {
				require.Equal(t, want, config.Window(layer), "layer %d", layer)
			}
		})
	}
}

func TestConfigsThatCannotBe(t *testing.T) {
	for _, c := range []struct{ config, want string }{
		{`{"model_type": "gpt2"}`, `model_type is "gpt2"; want one of llama, mistral, qwen2, qwen3`},
		{`{}`, `model_type is ""; want one of llama, mistral, qwen2, qwen3`},
		{`{"model_type": "llama", "vocab_size": -1}`, `vocab_size is -1; want at least 1`},
		{`{"model_type": "llama", "num_hidden_layers": 0}`, `num_hidden_layers is 0; want at least 1`},
		{`{"model_type": "llama", "num_attention_heads": 0}`, `num_attention_heads is 0; want at least 1`},
		{`{"model_type": "llama", "num_key_value_heads": 5}`, `num_attention_heads is 32; want a multiple of num_key_value_heads, 5`},
		{`{"model_type": "llama", "head_dim": 7}`, `head_dim is 7; want an even number, as rotary positions rotate pairs`},
		{`{"model_type": "llama", "hidden_act": "gelu"}`, `hidden_act is "gelu"; want "silu" or "swish", as this family has no other`},
		{`{"model_type": "llama", "attention_dropout": 1}`, `attention_dropout is 1; want a number from 0 to below 1`},
		{`{"model_type": "llama", "rope_scaling": {"rope_type": "proportional", "factor": 2}}`, `rope_type is "proportional"; want one of default, linear, llama3, yarn`},
		{`{"model_type": "llama", "rope_scaling": {"rope_type": "dynamic", "factor": 2}}`, `rope_type is "dynamic", whose angles depend on the longest sequence of a batch; up to max_position_embeddings use "default", which is the same, beyond it "yarn"`},
		{`{"model_type": "llama", "rope_scaling": {"rope_type": "yarn", "factor": 2}, "rope_theta": 1}`, `rope_theta of rope_type "yarn" is 1; want more, or all pairs rotate at one speed`},
		{`{"model_type": "llama", "rope_theta": -1}`, `rope_theta is -1; want a positive number`},
		{`{"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 0.5}}`, `factor of rope_type "linear" is 0.5; want at least 1`},
		{`{"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 2, "low_freq_factor": 4, "high_freq_factor": 4}}`, `high_freq_factor is 4; want more than low_freq_factor, 4`},
	} {
		t.Run(c.want, func(t *testing.T) {
			_, err := llama.ParseConfig([]byte(c.config))
			require.EqualError(t, err, c.want)
		})
	}
	_, err := llama.ParseConfig([]byte(`{"model_type": "llama", "vocab_size": "many"}`))
	require.ErrorContains(t, err, "vocab_size")
}
