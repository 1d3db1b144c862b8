package gemma

import (
	"cmp"
	"encoding/json"
	"fmt"

	"llmhost/host/model/hfconfig"
	"llmhost/host/nn"
)

// Config is what the family needs of config.json, in Hugging Face's names.
type Config struct {
	ModelType          string   `json:"model_type"`
	VocabSize          int64    `json:"vocab_size"`
	HiddenSize         int64    `json:"hidden_size"`
	IntermediateSize   int64    `json:"intermediate_size"`
	NumHiddenLayers    int      `json:"num_hidden_layers"`
	NumAttentionHeads  int64    `json:"num_attention_heads"`
	NumKeyValueHeads   int64    `json:"num_key_value_heads"`
	HeadDim            int64    `json:"head_dim"`
	HiddenActivation   string   `json:"hidden_activation"`
	RMSNormEps         float64  `json:"rms_norm_eps"`
	TieWordEmbeddings  bool     `json:"tie_word_embeddings"`
	AttentionBias      bool     `json:"attention_bias"`
	AttentionDropout   float64  `json:"attention_dropout"`
	QueryScalar        float64  `json:"query_pre_attn_scalar"`
	FinalSoftcap       *float64 `json:"final_logit_softcapping"`
	AttentionSoftcap   *float64 `json:"attn_logit_softcapping"`
	MaxPositions       int64    `json:"max_position_embeddings"`
	SlidingWindow      *int     `json:"sliding_window"`
	LayerTypes         []string `json:"layer_types"`
	SlidingEvery       int      `json:"sliding_window_pattern"` // without layer_types: every layer of this number sees all tokens
	RopeTheta          float64  `json:"rope_theta"`
	RopeThetaOfWindows float64  `json:"rope_local_base_freq"`

	// Transformers 5 writes rope_parameters, for Gemma 3 one for each layer type; 4
	// wrote rope_scaling, for the layers that see all.
	RopeParameters json.RawMessage `json:"rope_parameters"`
	RopeScaling    json.RawMessage `json:"rope_scaling"`
	OriginalMax    float64         `json:"original_max_position_embeddings"`

	// Set by ParseConfig.
	Rope, WindowRope nn.RopeScaling `json:"-"` // of layers that see all, and of those with a window
	Activation       nn.Activation  `json:"-"`
}

// Limits are what the model takes.
func (c Config) Limits() nn.Limits {
	return nn.Limits{Vocab: c.VocabSize, Positions: c.MaxPositions, Rotary: true}
}

const (
	second = "gemma2"
	third  = "gemma3_text"
)

// The values of layer_types.
const (
	full    = "full_attention"
	sliding = "sliding_attention"
)

// ParseConfig reads the text of config.json, in the layout of transformers 4 or 5.
func ParseConfig(text []byte) (c Config, err error) {
	class, err := hfconfig.Find(Classes, text)
	if err != nil {
		return c, err
	}
	c = Config{SlidingEvery: 2}
	if err := class.Decode(text, &c); err != nil {
		return c, err
	}
	if err := c.settleRopes(); err != nil {
		return c, err
	}
	c.settleLayers()
	return c, c.validate()
}

// settleLayers says which layers have a window.
func (c *Config) settleLayers() {
	if c.LayerTypes != nil || c.SlidingEvery < 1 {
		return
	}
	for i := range c.NumHiddenLayers {
		kind := sliding
		if (i+1)%c.SlidingEvery == 0 {
			kind = full
		}
		c.LayerTypes = append(c.LayerTypes, kind)
	}
}

func (c *Config) validate() (err error) {
	if err := cmp.Or(
		nn.CheckSize("vocab_size", c.VocabSize), nn.CheckSize("hidden_size", c.HiddenSize),
		nn.CheckSize("intermediate_size", c.IntermediateSize), nn.CheckSize("num_attention_heads", c.NumAttentionHeads),
		nn.CheckSize("num_key_value_heads", c.NumKeyValueHeads), nn.CheckSize("num_hidden_layers", int64(c.NumHiddenLayers)),
		nn.CheckSize("head_dim", c.HeadDim), nn.CheckSize("sliding_window_pattern", int64(c.SlidingEvery)),
		nn.CheckMultiple("num_attention_heads", c.NumAttentionHeads, "num_key_value_heads", c.NumKeyValueHeads),
		nn.CheckMultiple("hidden_size", c.HiddenSize, "num_attention_heads", c.NumAttentionHeads),
		nn.CheckOptional("sliding_window", c.SlidingWindow),
		nn.CheckRate("attention_dropout", c.AttentionDropout),
		c.checkLayerTypes(), c.checkAttention(),
	); err != nil {
		return err
	}
	if c.Activation, err = nn.ActivationOf("hidden_activation", c.HiddenActivation); err != nil {
		return err
	}
	return cmp.Or(c.Rope.Validate(c.HeadDim), c.WindowRope.Validate(c.HeadDim))
}

func (c *Config) checkAttention() error {
	switch {
	case c.QueryScalar <= 0:
		return fmt.Errorf("query_pre_attn_scalar is %v; want a positive number", c.QueryScalar)
	case *c.Rope.Partial != 1 || *c.WindowRope.Partial != 1:
		return fmt.Errorf("partial_rotary_factor is %v; want 1, as this family rotates every channel", min(*c.Rope.Partial, *c.WindowRope.Partial))
	case softcap(c.FinalSoftcap) < 0 || softcap(c.AttentionSoftcap) < 0:
		return fmt.Errorf(
			"logits are bounded by %v and %v; want positive numbers, or null",
			softcap(c.FinalSoftcap),
			softcap(c.AttentionSoftcap),
		)
	}
	return nil
}

func (c *Config) checkLayerTypes() error {
	if len(c.LayerTypes) != c.NumHiddenLayers {
		return fmt.Errorf(
			"layer_types has %d entries; want num_hidden_layers, %d",
			len(c.LayerTypes),
			c.NumHiddenLayers,
		)
	}
	for i, kind := range c.LayerTypes {
		switch {
		case kind != full && kind != sliding:
			return fmt.Errorf("layer_types[%d] is %q; want %q or %q", i, kind, full, sliding)
		case kind == sliding && (c.SlidingWindow == nil || *c.SlidingWindow < 1):
			return fmt.Errorf(
				"layer_types[%d] is %q, but sliding_window is not set; want the number of tokens it sees",
				i,
				kind,
			)
		}
	}
	return nil
}

// Window returns how many tokens a token of the layer sees, itself included; 0
// means all before it.
func (c *Config) Window(layer int) int {
	if c.LayerTypes[layer] == full {
		return 0
	}
	return *c.SlidingWindow
}

// softcap returns the bound of logits, 0 where there is none.
func softcap(bound *float64) float64 {
	if bound == nil {
		return 0
	}
	return *bound
}
