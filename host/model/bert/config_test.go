package bert_test

import (
	"testing"

	"llmhost/host/model/bert"

	"github.com/stretchr/testify/require"
)

// What a config.json leaves out is as in transformers 5.23.0.
func TestDefaults(t *testing.T) {
	c, err := bert.ParseConfig([]byte(`{"model_type": "bert", "classifier_dropout": null}`))
	require.NoError(t, err)
	require.EqualValues(t, 30522, c.VocabSize)
	require.EqualValues(t, 768, c.HiddenSize)
	require.EqualValues(t, 3072, c.IntermediateSize)
	require.Equal(t, 12, c.NumHiddenLayers)
	require.EqualValues(t, 12, c.NumAttentionHeads)
	require.EqualValues(t, 64, c.HeadDim)
	require.EqualValues(t, 512, c.MaxPositions)
	require.EqualValues(t, 2, c.TypeVocabSize)
	require.Equal(t, 1e-12, c.LayerNormEps)
	require.Equal(t, []float64{0.1, 0.1, 0.1}, []float64{c.HiddenDropout, c.AttentionDropout, *c.ClassifierDropout})
}

func TestClassifierDropoutStandsAlone(t *testing.T) {
	c, err := bert.ParseConfig([]byte(`{"hidden_dropout_prob": 0.3, "classifier_dropout": 0}`))
	require.NoError(t, err)
	require.Zero(t, *c.ClassifierDropout)
	c, err = bert.ParseConfig([]byte(`{"hidden_dropout_prob": 0.3}`))
	require.NoError(t, err)
	require.Equal(t, 0.3, *c.ClassifierDropout)
}

func TestConfigsThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		`{"hidden_size": 100}`:                        `hidden_size is 100; want a multiple of num_attention_heads, 12`,
		`{"position_embedding_type": "relative_key"}`: `position_embedding_type is "relative_key"; want "absolute", as other positions are not implemented`,
		`{"is_decoder": true}`:                        `is_decoder is true; want false, as BERT is read as an encoder`,
		`{"type_vocab_size": 0}`:                      `type_vocab_size is 0; want at least 1`,
		`{"attention_probs_dropout_prob": -0.1}`:      `attention_probs_dropout_prob is -0.1; want a number from 0 to below 1`,
		`{"classifier_dropout": 1}`:                   `classifier_dropout is 1; want a number from 0 to below 1`,
	} {
		_, err := bert.ParseConfig([]byte(text))
		require.EqualError(t, err, want)
	}
}
