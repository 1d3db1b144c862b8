package bert

import (
	"cmp"

	"llmhost/host/nn"
)

// Config is what BERT needs of config.json, in Hugging Face's names.
type Config struct {
	VocabSize         int64    `json:"vocab_size"`
	HiddenSize        int64    `json:"hidden_size"`
	IntermediateSize  int64    `json:"intermediate_size"`
	NumHiddenLayers   int      `json:"num_hidden_layers"`
	NumAttentionHeads int64    `json:"num_attention_heads"`
	HiddenAct         string   `json:"hidden_act"`
	MaxPositions      int64    `json:"max_position_embeddings"`
	TypeVocabSize     int64    `json:"type_vocab_size"`
	LayerNormEps      float64  `json:"layer_norm_eps"`
	HiddenDropout     float64  `json:"hidden_dropout_prob"`
	AttentionDropout  float64  `json:"attention_probs_dropout_prob"`
	ClassifierDropout *float64 `json:"classifier_dropout"` // null: that of the hidden states

	// Set by ParseConfig.
	HeadDim    int64         `json:"-"`
	Activation nn.Activation `json:"-"`
}

// Limits are what the model takes.
func (c Config) Limits() nn.Limits {
	return nn.Limits{Vocab: c.VocabSize, Types: c.TypeVocabSize, Positions: c.MaxPositions}
}

// ParseConfig reads the text of config.json.
func ParseConfig(text []byte) (c Config, err error) {
	if err := Classes[0].Decode(text, &c); err != nil {
		return c, err
	}
	if c.ClassifierDropout == nil {
		c.ClassifierDropout = &c.HiddenDropout
	}
	return c, c.validate()
}

func (c *Config) validate() (err error) {
	if err := cmp.Or(
		nn.CheckSize("vocab_size", c.VocabSize), nn.CheckSize("hidden_size", c.HiddenSize),
		nn.CheckSize("intermediate_size", c.IntermediateSize), nn.CheckSize("num_attention_heads", c.NumAttentionHeads),
		nn.CheckSize("num_hidden_layers", int64(c.NumHiddenLayers)), nn.CheckSize("max_position_embeddings", c.MaxPositions),
		nn.CheckSize("type_vocab_size", c.TypeVocabSize),
		nn.CheckMultiple("hidden_size", c.HiddenSize, "num_attention_heads", c.NumAttentionHeads),
		nn.CheckRate("hidden_dropout_prob", c.HiddenDropout), nn.CheckRate("attention_probs_dropout_prob", c.AttentionDropout),
		nn.CheckRate("classifier_dropout", *c.ClassifierDropout),
	); err != nil {
		return err
	}
	c.HeadDim = c.HiddenSize / c.NumAttentionHeads
	c.Activation, err = nn.ActivationOf("hidden_act", c.HiddenAct)
	return err
}
