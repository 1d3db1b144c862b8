package llama

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

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
	HiddenAct         string  `json:"hidden_act"`
	RMSNormEps        float64 `json:"rms_norm_eps"`
	TieWordEmbeddings bool    `json:"tie_word_embeddings"`
	AttentionBias     bool    `json:"attention_bias"`
	MLPBias           bool    `json:"mlp_bias"`
	AttentionDropout  float64 `json:"attention_dropout"`
	PartialRotary     float64 `json:"partial_rotary_factor"`
	InitializerRange  float64 `json:"initializer_range"`
	MaxPositions      int64   `json:"max_position_embeddings"`

	SlidingWindow    *int     `json:"sliding_window"`
	UseSlidingWindow *bool    `json:"use_sliding_window"`
	MaxWindowLayers  int      `json:"max_window_layers"`
	LayerTypes       []string `json:"layer_types"`

	// Transformers 5 writes rope_parameters; 4 wrote rope_theta and rope_scaling.
	RopeParameters *nn.RopeScaling `json:"rope_parameters"`
	RopeTheta      float64         `json:"rope_theta"`
	RopeScaling    *nn.RopeScaling `json:"rope_scaling"`

	// Set by ParseConfig.
	Rope                nn.RopeScaling `json:"-"`
	QKVBias, OutputBias bool           `json:"-"`
}

// Limits are what the model takes.
func (c Config) Limits() nn.Limits {
	return nn.Limits{Vocab: c.VocabSize, Positions: c.MaxPositions, Rotary: true}
}

// Types are the values of model_type that this package reads.
var Types = []string{"llama", "mistral", "qwen2", "qwen3"}

// defaults are transformers' own, for keys that config.json leaves out.
func defaults(modelType string) Config {
	c := Config{ModelType: modelType, VocabSize: 32000, HiddenSize: 4096, IntermediateSize: 11008, NumHiddenLayers: 32,
		NumAttentionHeads: 32, HiddenAct: "silu", RMSNormEps: 1e-6, InitializerRange: 0.02, MaxPositions: 2048,
		RopeTheta: 10000, PartialRotary: 1}
	switch modelType {
	case "mistral":
		window := 4096
		c.IntermediateSize = 14336
		c.NumKeyValueHeads = 8
		c.SlidingWindow = &window
		c.MaxPositions = 4096 * 32
	case "qwen3":
		c.HeadDim = 128
		fallthrough
	case "qwen2":
		window := 4096
		c.VocabSize = 151936
		c.IntermediateSize = 22016
		c.NumKeyValueHeads = 32
		c.MaxPositions = 32768
		c.SlidingWindow = &window
		c.MaxWindowLayers = 28
	}
	return c
}

// ParseConfig reads the text of config.json, in the layout of transformers 4 or 5.
func ParseConfig(text []byte) (Config, error) {
	var head struct {
		ModelType string `json:"model_type"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return Config{}, err
	}
	if !slices.Contains(Types, head.ModelType) {
		return Config{}, fmt.Errorf("model_type is %q; want one of %s", head.ModelType, strings.Join(Types, ", "))
	}
	c := defaults(head.ModelType)
	if err := json.Unmarshal(text, &c); err != nil {
		return Config{}, err
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
		Theta:        c.RopeTheta,
		Partial:      c.PartialRotary,
		MaxPositions: c.MaxPositions,
	})
}

func (c *Config) validate() error {
	if err := cmp.Or(
		nn.CheckSize("vocab_size", c.VocabSize), nn.CheckSize("hidden_size", c.HiddenSize),
		nn.CheckSize("intermediate_size", c.IntermediateSize), nn.CheckSize("num_attention_heads", c.NumAttentionHeads),
		nn.CheckSize("num_key_value_heads", c.NumKeyValueHeads), nn.CheckSize("num_hidden_layers", int64(c.NumHiddenLayers)),
		nn.CheckSize("head_dim", c.HeadDim),
		nn.CheckMultiple("num_attention_heads", c.NumAttentionHeads, "num_key_value_heads", c.NumKeyValueHeads),
		nn.CheckRate("attention_dropout", c.AttentionDropout),
	); err != nil {
		return err
	}
	switch {
	case c.HiddenAct != "silu":
		return fmt.Errorf("hidden_act is %q; want \"silu\"", c.HiddenAct)
	case *c.Rope.Partial != 1:
		return fmt.Errorf("partial_rotary_factor is %v; want 1, as this family rotates every channel", *c.Rope.Partial)
	}
	return c.Rope.Validate(c.HeadDim)
}

// windowed tells whether the family is one that may have windows in some layers.
func (c *Config) windowed() bool { return c.ModelType == "qwen2" || c.ModelType == "qwen3" }

// Window returns how many tokens a token of the layer sees, itself included; 0
// means all before it.
func (c *Config) Window(layer int) int {
	if c.SlidingWindow == nil || c.ModelType == "llama" {
		return 0
	}
	sliding := c.ModelType == "mistral"
	switch {
	case layer < len(c.LayerTypes):
		sliding = c.LayerTypes[layer] == "sliding_attention"
	case c.windowed():
		sliding = c.UseSlidingWindow != nil && *c.UseSlidingWindow && layer >= c.MaxWindowLayers
	}
	if !sliding {
		return 0
	}
	return *c.SlidingWindow
}
