package neox

import (
	"cmp"
	"fmt"

	"llmhost/host/nn"
)

// Config is what the family needs of config.json, in Hugging Face's names.
type Config struct {
	VocabSize           int64   `json:"vocab_size"`
	HiddenSize          int64   `json:"hidden_size"`
	IntermediateSize    int64   `json:"intermediate_size"`
	NumHiddenLayers     int     `json:"num_hidden_layers"`
	NumAttentionHeads   int64   `json:"num_attention_heads"`
	HiddenAct           string  `json:"hidden_act"`
	LayerNormEps        float64 `json:"layer_norm_eps"`
	UseParallelResidual bool    `json:"use_parallel_residual"`
	AttentionBias       bool    `json:"attention_bias"`
	TieWordEmbeddings   bool    `json:"tie_word_embeddings"`
	HiddenDropout       float64 `json:"hidden_dropout"`
	AttentionDropout    float64 `json:"attention_dropout"`
	MaxPositions        int64   `json:"max_position_embeddings"`

	// Transformers 5 writes rope_parameters; 4 wrote the others.
	RopeParameters *nn.RopeScaling `json:"rope_parameters"`
	RotaryBase     float64         `json:"rotary_emb_base"`
	RotaryShare    float64         `json:"rotary_pct"`
	RopeScaling    *nn.RopeScaling `json:"rope_scaling"`
	OriginalMax    float64         `json:"original_max_position_embeddings"`
	HeadDim        int64           `json:"head_dim"`

	// Set by ParseConfig.
	Rope       nn.RopeScaling `json:"-"`
	Activation nn.Activation  `json:"-"`
}

// Limits are what the model takes.
func (c Config) Limits() nn.Limits {
	return nn.Limits{Vocab: c.VocabSize, Positions: c.MaxPositions, Rotary: true}
}

// ParseConfig reads the text of config.json, in the layout of transformers 4 or 5.
func ParseConfig(text []byte) (c Config, err error) {
	if err := Classes[0].Decode(text, &c); err != nil {
		return c, err
	}
	c.Rope = nn.RopeOf(c.RopeParameters, c.RopeScaling, nn.RopeDefaults{
		Theta:           c.RotaryBase,
		Partial:         c.RotaryShare,
		MaxPositions:    c.MaxPositions,
		OriginalMaxSeen: c.OriginalMax,
	})
	return c, c.validate()
}

func (c *Config) validate() (err error) {
	if err := cmp.Or(
		nn.CheckSize("vocab_size", c.VocabSize), nn.CheckSize("hidden_size", c.HiddenSize),
		nn.CheckSize("intermediate_size", c.IntermediateSize), nn.CheckSize("num_attention_heads", c.NumAttentionHeads),
		nn.CheckSize("num_hidden_layers", int64(c.NumHiddenLayers)),
		nn.CheckMultiple("hidden_size", c.HiddenSize, "num_attention_heads", c.NumAttentionHeads),
		nn.CheckRate("hidden_dropout", c.HiddenDropout), nn.CheckRate("attention_dropout", c.AttentionDropout),
	); err != nil {
		return err
	}
	if derived := c.HiddenSize / c.NumAttentionHeads; c.HeadDim != 0 && c.HeadDim != derived {
		return fmt.Errorf("head_dim is %d; want hidden_size / num_attention_heads, %d, as this family has no other", c.HeadDim, derived)
	}
	c.HeadDim = c.HiddenSize / c.NumAttentionHeads
	if c.Activation, err = nn.ActivationOf("hidden_act", c.HiddenAct); err != nil {
		return err
	}
	return c.Rope.Validate(c.HeadDim)
}
