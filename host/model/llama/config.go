package llama

import (
	"cmp"
	"fmt"

	"llmhost/host/model/hfconfig"
	"llmhost/host/nn"
)

// Config is what the family needs of config.json, in Hugging Face's names.
type Config struct {
	ModelType         string  `json:"model_type"`
	VocabSize         int64   `json:"vocab_size"`
	HiddenSize        int64   `json:"hidden_size"`
	IntermediateSize  int64   `json:"intermediate_size"`
	NumHiddenLayers   int     `json:"num_hidden_layers"`
	NumAttentionHeads int64   `json:"num_attention_heads"`
	NumKeyValueHeads  int64   `json:"num_key_value_heads"`
	HeadDim           int64   `json:"head_dim"`
	RMSNormEps        float64 `json:"rms_norm_eps"`
	TieWordEmbeddings bool    `json:"tie_word_embeddings"`
	AttentionBias     bool    `json:"attention_bias"`
	MLPBias           bool    `json:"mlp_bias"`
	AttentionDropout  float64 `json:"attention_dropout"`
	MaxPositions      int64   `json:"max_position_embeddings"`

	SlidingWindow    *int     `json:"sliding_window"`
	UseSlidingWindow bool     `json:"use_sliding_window"`
	MaxWindowLayers  int      `json:"max_window_layers"`
	LayerTypes       []string `json:"layer_types"`

	// Transformers 5 writes rope_parameters; 4 wrote rope_theta and rope_scaling.
	RopeParameters *nn.RopeScaling `json:"rope_parameters"`
	RopeTheta      float64         `json:"rope_theta"`
	RopeScaling    *nn.RopeScaling `json:"rope_scaling"`
	OriginalMax    float64         `json:"original_max_position_embeddings"`

	// Set by ParseConfig.
	Rope                nn.RopeScaling `json:"-"`
	QKVBias, OutputBias bool           `json:"-"`
}

// Limits are what the model takes.
func (c Config) Limits() nn.Limits {
	return nn.Limits{Vocab: c.VocabSize, Positions: c.MaxPositions, Rotary: true}
}

// ParseConfig reads the text of config.json, in the layout of transformers 4 or 5.
func ParseConfig(text []byte) (c Config, err error) {
	class, err := hfconfig.Find(Classes, text)
	if err != nil {
		return c, err
	}
	if err := class.Decode(text, &c); err != nil {
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
	c.QKVBias = c.AttentionBias
	c.OutputBias = c.AttentionBias
	if c.ModelType == "qwen2" {
		c.QKVBias = true
		c.OutputBias = false
	}
	c.Rope = nn.RopeOf(c.RopeParameters, c.RopeScaling, nn.RopeDefaults{
		Theta:           c.RopeTheta,
		Partial:         1,
		MaxPositions:    c.MaxPositions,
		OriginalMaxSeen: c.OriginalMax,
	})
}

func (c *Config) validate() error {
	if err := cmp.Or(
		nn.CheckSize("vocab_size", c.VocabSize), nn.CheckSize("hidden_size", c.HiddenSize),
		nn.CheckSize("intermediate_size", c.IntermediateSize), nn.CheckSize("num_attention_heads", c.NumAttentionHeads),
		nn.CheckSize("num_key_value_heads", c.NumKeyValueHeads), nn.CheckSize("num_hidden_layers", int64(c.NumHiddenLayers)),
		nn.CheckSize("head_dim", c.HeadDim),
		nn.CheckMultiple("num_attention_heads", c.NumAttentionHeads, "num_key_value_heads", c.NumKeyValueHeads),
		nn.CheckRate("attention_dropout", c.AttentionDropout), nn.CheckOptional("sliding_window", c.SlidingWindow),
		c.validateHeads(), c.validateLayers(),
	); err != nil {
		return err
	}
	if *c.Rope.Partial != 1 {
		return fmt.Errorf("partial_rotary_factor is %v; want 1, as this family rotates every channel", *c.Rope.Partial)
	}
	return c.Rope.Validate(c.HeadDim)
}

// validateHeads refuses what LlamaConfig does, although head_dim alone is a size.
func (c *Config) validateHeads() error {
	if c.ModelType != "llama" {
		return nil
	}
	return nn.CheckMultiple("hidden_size", c.HiddenSize, "num_attention_heads", c.NumAttentionHeads)
}

// The values of layer_types.
const (
	full    = "full_attention"
	sliding = "sliding_attention"
)

func (c *Config) validateLayers() error {
	if c.LayerTypes == nil {
		return nil
	}
	if len(c.LayerTypes) != c.NumHiddenLayers {
		return fmt.Errorf("layer_types has %d entries; want num_hidden_layers, %d", len(c.LayerTypes), c.NumHiddenLayers)
	}
	for i, kind := range c.LayerTypes {
		switch {
		case c.ModelType == "llama" && kind != full:
			return fmt.Errorf("layer_types[%d] is %q; want %q, as a llama has no windows", i, kind, full)
		case kind != full && kind != sliding:
			return fmt.Errorf("layer_types[%d] is %q; want %q or %q", i, kind, full, sliding)
		case kind == sliding && !c.UseSlidingWindow:
			return fmt.Errorf("layer_types[%d] is %q, but use_sliding_window is false; set it to true", i, kind)
		case kind == sliding && c.SlidingWindow == nil:
			return fmt.Errorf("layer_types[%d] is %q, but sliding_window is not set; want the number of tokens it sees", i, kind)
		}
	}
	return nil
}

// Window returns how many tokens a token of the layer sees, itself included; 0
// means all before it.
func (c *Config) Window(layer int) int {
	if c.SlidingWindow == nil || !c.slides(layer) {
		return 0
	}
	return *c.SlidingWindow
}

// slides tells whether a layer has the window.
func (c *Config) slides(layer int) bool {
	switch {
	case c.ModelType == "mistral":
		return true
	case c.LayerTypes != nil:
		return c.LayerTypes[layer] == sliding
	}
	return c.UseSlidingWindow && layer >= c.MaxWindowLayers
}
