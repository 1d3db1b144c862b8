package neox_test

import (
	"testing"

	"llmhost/host/model/neox"

	"github.com/stretchr/testify/require"
)

// What a config.json leaves out is as in transformers 5.23.0.
func TestDefaults(t *testing.T) {
	c, err := neox.ParseConfig([]byte(`{"model_type": "gpt_neox"}`))
	require.NoError(t, err)
	require.EqualValues(t, 50432, c.VocabSize)
	require.EqualValues(t, 6144, c.HiddenSize)
	require.EqualValues(t, 24576, c.IntermediateSize)
	require.Equal(t, 44, c.NumHiddenLayers)
	require.EqualValues(t, 64, c.NumAttentionHeads)
	require.EqualValues(t, 96, c.HeadDim)
	require.Equal(t, 1e-5, c.LayerNormEps)
	require.True(t, c.UseParallelResidual && c.AttentionBias)
	require.False(t, c.TieWordEmbeddings)
	require.Zero(t, c.HiddenDropout+c.AttentionDropout)
	require.Equal(t, "default", c.Rope.Type)
	require.Equal(t, 1e4, c.Rope.Theta)
	require.Equal(t, 0.25, *c.Rope.Partial)
	require.Len(t, c.Rope.Inverse(c.HeadDim), 12)
}

// Both layouts give the same config.
func TestLayoutsOfTransformers4And5(t *testing.T) {
	four, err := neox.ParseConfig([]byte(`{"rotary_pct": 0.5, "rotary_emb_base": 700, "rope_scaling": {"type": "linear", "factor": 2}}`))
	require.NoError(t, err)
	five, err := neox.ParseConfig([]byte(`{"rope_parameters": {"rope_type": "linear", "factor": 2, "rope_theta": 700, "partial_rotary_factor": 0.5}}`))
	require.NoError(t, err)
	require.Equal(t, four.Rope.Inverse(96), five.Rope.Inverse(96))
	require.Len(t, four.Rope.Inverse(96), 24)
}

func TestConfigsThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		`{"hidden_size": 100, "num_attention_heads": 3}`:          `hidden_size is 100; want a multiple of num_attention_heads, 3`,
		`{"num_attention_heads": 0}`:                              `num_attention_heads is 0; want at least 1`,
		`{"hidden_dropout": 1}`:                                   `hidden_dropout is 1; want a number from 0 to below 1`,
		`{"rotary_pct": 0}`:                                       `partial_rotary_factor is 0; want a share above 0 and up to 1`,
		`{"hidden_act": "snake"}`:                                 `hidden_act is "snake"; want one of gelu, gelu_accurate, gelu_fast, gelu_new, gelu_python, gelu_python_tanh, gelu_pytorch_tanh, quick_gelu, relu, silu, swish`,
		`{"rope_scaling": {"rope_type": "dynamic", "factor": 2}}`: `rope_type is "dynamic", whose angles depend on the longest sequence of a batch; up to max_position_embeddings use "default", which is the same, beyond it "yarn"`,
		`{"hidden_size": 20, "num_attention_heads": 4, "rope_parameters": {"rope_theta": 5, "partial_rotary_factor": 1.0}}`: `head_dim is 5; want an even number, as rotary positions rotate pairs`,
	} {
		_, err := neox.ParseConfig([]byte(text))
		require.EqualError(t, err, want)
	}
}
