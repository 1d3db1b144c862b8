package phi3

import (
	"cmp"
	"fmt"

	"llmhost/host/nn"
)

// Config is what Phi-3 needs of config.json, in Hugging Face's names.
type Config struct {
	VocabSize         int64   `json:"vocab_size"`
	HiddenSize        int64   `json:"hidden_size"`
	IntermediateSize  int64   `json:"intermediate_size"`
	NumHiddenLayers   int     `json:"num_hidden_layers"`
	NumAttentionHeads int64   `json:"num_attention_heads"`
	NumKeyValueHeads  int64   `json:"num_key_value_heads"`
	HeadDim           int64   `json:"head_dim"`
	HiddenAct         string  `json:"hidden_act"`
	RMSNormEps        float64 `json:"rms_norm_eps"`
	TieWordEmbeddings bool    `json:"tie_word_embeddings"`
	ResidualDropout   float64 `json:"resid_pdrop"`
	AttentionDropout  float64 `json:"attention_dropout"`
	MaxPositions      int64   `json:"max_position_embeddings"`
	SlidingWindow     *int    `json:"sliding_window"`

	// Transformers 5 writes rope_parameters; 4 wrote the others.
	RopeParameters *nn.RopeScaling `json:"rope_parameters"`
	RopeTheta      float64         `json:"rope_theta"`
	PartialRotary  float64         `json:"partial_rotary_factor"`
	RopeScaling    *nn.RopeScaling `json:"rope_scaling"`

	// Set by ParseConfig.
	Rope       nn.RopeScaling `json:"-"`
	Window     int            `json:"-"` // tokens that a token sees, itself included; 0 = all before it
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
	c.settle()
	return c, c.validate()
}

// settle fills in values that follow from other keys.
func (c *Config) settle() {
	if c.NumKeyValueHeads == 0 {
		c.NumKeyValueHeads = c.NumAttentionHeads
	}
	if c.HeadDim == 0 && c.NumAttentionHeads > 0 {
		c.HeadDim = c.HiddenSize / c.NumAttentionHeads
	}
	if c.SlidingWindow != nil {
		c.Window = *c.SlidingWindow
	}
	c.Rope = nn.RopeOf(c.RopeParameters, c.RopeScaling, nn.RopeDefaults{
		Theta:        c.RopeTheta,
		Partial:      c.PartialRotary,
		MaxPositions: c.MaxPositions,
	})
	if c.Rope.Type == "yarn" { // what the first Phi-3 configs called it
		c.Rope.Type = "longrope"
	}
}

func (c *Config) validate() (err error) {
	if err := cmp.Or(
		nn.CheckSize("vocab_size", c.VocabSize), nn.CheckSize("hidden_size", c.HiddenSize),
		nn.CheckSize("intermediate_size", c.IntermediateSize), nn.CheckSize("num_attention_heads", c.NumAttentionHeads),
		nn.CheckSize("num_key_value_heads", c.NumKeyValueHeads), nn.CheckSize("num_hidden_layers", int64(c.NumHiddenLayers)),
		nn.CheckSize("head_dim", c.HeadDim),
		nn.CheckMultiple("num_attention_heads", c.NumAttentionHeads, "num_key_value_heads", c.NumKeyValueHeads),
		nn.CheckOptional("sliding_window", c.SlidingWindow),
		nn.CheckRate("resid_pdrop", c.ResidualDropout), nn.CheckRate("attention_dropout", c.AttentionDropout),
	); err != nil {
		return err
	}
	if c.Activation, err = nn.ActivationOf("hidden_act", c.HiddenAct); err != nil {
		return err
	}
	if err := c.Rope.Validate(c.HeadDim); err != nil {
		return err
	}
	if c.Rope.Type != "default" {
		return fmt.Errorf("rope_type is %q; want \"default\", as transformers takes for a phi3 no other but longrope", c.Rope.Type)
	}
	return nil
}
