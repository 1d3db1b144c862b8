package bert

import (
	"cmp"
	"encoding/json"
	"fmt"

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
	PositionType      string   `json:"position_embedding_type"`
	IsDecoder         bool     `json:"is_decoder"`
	AddCrossAttention bool     `json:"add_cross_attention"`

	// Set by ParseConfig.
	HeadDim    int64         `json:"-"`
	Activation nn.Activation `json:"-"`
}

// Limits are what the model takes.
func (c Config) Limits() nn.Limits {
	return nn.Limits{Vocab: c.VocabSize, Types: c.TypeVocabSize, Positions: c.MaxPositions}
}

// Types are the values of model_type that this package reads.
var Types = []string{"bert"}

// defaults are transformers' own, for keys that config.json leaves out.
func defaults() Config {
	return Config{VocabSize: 30522, HiddenSize: 768, IntermediateSize: 3072, NumHiddenLayers: 12, NumAttentionHeads: 12,
		HiddenAct: "gelu", MaxPositions: 512, TypeVocabSize: 2, LayerNormEps: 1e-12, HiddenDropout: 0.1, AttentionDropout: 0.1,
		PositionType: "absolute"}
}

// ParseConfig reads the text of config.json.
func ParseConfig(text []byte) (Config, error) {
	c := defaults()
	if err := json.Unmarshal(text, &c); err != nil {
		return Config{}, err
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
	switch {
	case c.PositionType != "absolute":
		return fmt.Errorf("position_embedding_type is %q; want \"absolute\"", c.PositionType)
	case c.IsDecoder || c.AddCrossAttention:
		return fmt.Errorf(
			"is_decoder is %v and add_cross_attention is %v; want false for both, as BERT is read as an encoder",
			c.IsDecoder,
			c.AddCrossAttention,
		)
	}
	c.HeadDim = c.HiddenSize / c.NumAttentionHeads
	c.Activation, err = nn.ActivationOf("hidden_act", c.HiddenAct)
	return err
}
