package gemma_test

import (
	"testing"

	"llmhost/host/model/gemma"

	"github.com/stretchr/testify/require"
)

func parse(t *testing.T, text string) gemma.Config {
	t.Helper()
	c, err := gemma.ParseConfig([]byte(text))
	require.NoError(t, err)
	return c
}

// What a config.json leaves out is as in transformers 5.23.0.
func TestDefaults(t *testing.T) {
	for _, c := range []struct {
		kind             string
		vocab, maxLength int64
		windows          []int // of the first layers
		thetas           [2]float64
		caps             bool
	}{
		{"gemma2", 256000, 8192, []int{4096, 0, 4096, 0, 4096, 0}, [2]float64{1e4, 1e4}, true},
		{"gemma3_text", 262208, 131072, []int{4096, 4096, 4096, 4096, 4096, 0, 4096}, [2]float64{1e6, 1e4}, false},
	} {
		t.Run(c.kind, func(t *testing.T) {
			got := parse(t, `{"model_type": "`+c.kind+`"}`)
			require.Equal(t, c.vocab, got.VocabSize)
			require.Equal(t, c.maxLength, got.MaxPositions)
			require.EqualValues(t, []int64{2304, 9216, 8, 4, 256}, []int64{got.HiddenSize, got.IntermediateSize, got.NumAttentionHeads, got.NumKeyValueHeads, got.HeadDim})
			require.Equal(t, 26, got.NumHiddenLayers)
			require.Equal(t, 256.0, got.QueryScalar)
			require.True(t, got.TieWordEmbeddings)
			require.Equal(t, "gelu_pytorch_tanh", got.HiddenActivation)
			for i, window := range c.windows {
				require.Equal(t, window, got.Window(i), "layer %d", i)
			}
			require.Equal(t, c.thetas, [2]float64{got.Rope.Theta, got.WindowRope.Theta})
			if c.caps {
				require.Equal(t, [2]float64{30, 50}, [2]float64{*got.FinalSoftcap, *got.AttentionSoftcap})
			} else {
				require.Nil(t, got.FinalSoftcap)
				require.Nil(t, got.AttentionSoftcap)
			}
		})
	}
	require.Nil(t, parse(t, `{"model_type": "gemma2", "final_logit_softcapping": null}`).FinalSoftcap, "null is no bound")
}

// Both layouts give the same config.
func TestLayoutsOfTransformers4And5(t *testing.T) {
	for _, c := range []struct{ name, four, five string }{
		{"gemma2", `"model_type": "gemma2", "rope_theta": 500, "rope_scaling": {"type": "linear", "factor": 2}`,
			`"model_type": "gemma2", "rope_parameters": {"rope_type": "linear", "rope_theta": 500, "factor": 2}`},
		{"gemma3", `"model_type": "gemma3_text", "rope_theta": 500, "rope_local_base_freq": 20, "rope_scaling": {"rope_type": "linear", "factor": 8}`,
			`"model_type": "gemma3_text", "rope_parameters": {"full_attention": {"rope_type": "linear", "rope_theta": 500, "factor": 8}, "sliding_attention": {"rope_theta": 20}}`},
		{"gemma3, one left out", `"model_type": "gemma3_text", "rope_theta": 500`,
			`"model_type": "gemma3_text", "rope_parameters": {"full_attention": {"rope_theta": 500}, "sliding_attention": null}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			four, five := parse(t, "{"+c.four+"}"), parse(t, "{"+c.five+"}")
			require.Equal(t, four.Rope.Inverse(16), five.Rope.Inverse(16))
			require.Equal(t, four.WindowRope.Inverse(16), five.WindowRope.Inverse(16))
		})
	}
}

func TestConfigsThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		`{"model_type": "gemma"}`:                                                               `model_type is "gemma"; want one of gemma2, gemma3_text`,
		`{"model_type": "gemma2", "num_key_value_heads": 3}`:                                    `num_attention_heads is 8; want a multiple of num_key_value_heads, 3`,
		`{"model_type": "gemma2", "layer_types": ["full_attention"]}`:                           `layer_types has 1 entries; want num_hidden_layers, 26`,
		`{"model_type": "gemma2", "num_hidden_layers": 1, "layer_types": ["linear_attention"]}`: `layer_types[0] is "linear_attention"; want "full_attention" or "sliding_attention"`,
		`{"model_type": "gemma2", "sliding_window": null}`:                                      `layer_types[0] is "sliding_attention", but sliding_window is not set; want the number of tokens it sees`,
		`{"model_type": "gemma3_text", "attn_logit_softcapping": 50.0}`:                         `attn_logit_softcapping is 50.0; want null, as Gemma 3 bounds no attention scores`,
		`{"model_type": "gemma3_text", "use_bidirectional_attention": true}`:                    `use_bidirectional_attention is true; want false or null, as Gemma is read as a decoder`,
		`{"model_type": "gemma3_text", "query_pre_attn_scalar": 0}`:                             `query_pre_attn_scalar is 0; want a positive number`,
	} {
		_, err := gemma.ParseConfig([]byte(text))
		require.EqualError(t, err, want)
	}
}
