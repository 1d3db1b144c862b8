package phi3_test

import (
	"testing"

	"llmhost/host/model/phi3"

	"github.com/stretchr/testify/require"
)

// What a config.json leaves out is as in transformers 5.23.0.
func TestDefaults(t *testing.T) {
	c, err := phi3.ParseConfig([]byte(`{"model_type": "phi3", "num_key_value_heads": null, "sliding_window": null}`))
	require.NoError(t, err)
	require.Equal(t, []int64{32064, 3072, 8192, 32, 32, 96, 4096},
		[]int64{c.VocabSize, c.HiddenSize, c.IntermediateSize, c.NumAttentionHeads, c.NumKeyValueHeads, c.HeadDim, c.MaxPositions})
	require.Equal(t, 32, c.NumHiddenLayers)
	require.Equal(t, 1e-5, c.RMSNormEps)
	require.Zero(t, c.Window)
	require.False(t, c.TieWordEmbeddings)
	require.Equal(t, 1e4, c.Rope.Theta)
	require.Equal(t, 1.0, *c.Rope.Partial)
}

// Both layouts give the same config.
func TestLayoutsOfTransformers4And5(t *testing.T) {
	four, err := phi3.ParseConfig([]byte(`{"rope_theta": 700, "partial_rotary_factor": 0.5, "rope_scaling": null, "sliding_window": 2047}`))
	require.NoError(t, err)
	five, err := phi3.ParseConfig([]byte(`{"rope_parameters": {"rope_type": "default", "rope_theta": 700, "partial_rotary_factor": 0.5}, "sliding_window": 2047}`))
	require.NoError(t, err)
	require.Equal(t, four.Rope.Inverse(96), five.Rope.Inverse(96))
	require.Len(t, five.Rope.Inverse(96), 24)
	require.Equal(t, 2047, five.Window)
}

func TestConfigsThatCannotBe(t *testing.T) {
	const long = `whose angles depend on the longest sequence of a batch; use the variant of the model with a short context`
	for text, want := range map[string]string{
		`{"rope_scaling": {"type": "longrope", "long_factor": [1], "short_factor": [1]}}`: `rope_type is "longrope", ` + long,
		`{"rope_scaling": {"type": "su"}}`:                                                `rope_type is "su", ` + long,
		`{"rope_scaling": {"type": "yarn"}}`:                                              `rope_type is "longrope", ` + long,
		`{"embd_pdrop": 0.1}`:                                                             `embd_pdrop is 0.1; want 0.0 or 0, as transformers ignores it`,
		`{"resid_pdrop": 2}`:                                                              `resid_pdrop is 2; want a number from 0 to below 1`,
		`{"num_key_value_heads": 5}`:                                                      `num_attention_heads is 32; want a multiple of num_key_value_heads, 5`,
	} {
		_, err := phi3.ParseConfig([]byte(text))
		require.EqualError(t, err, want)
	}
}
