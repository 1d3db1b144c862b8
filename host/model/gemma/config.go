package gemma

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
	Bidirectional      bool     `json:"use_bidirectional_attention"`
	SlidingWindow      *int     `json:"sliding_window"`
	LayerTypes         []string `json:"layer_types"`
	SlidingEvery       int      `json:"sliding_window_pattern"` // without layer_types: every layer of this number sees all tokens
	RopeTheta          float64  `json:"rope_theta"`
	RopeThetaOfWindows float64  `json:"rope_local_base_freq"`

	// Transformers 5 writes rope_parameters, for Gemma 3 one for each layer type; 4
	// wrote rope_scaling, for the layers that see all.
	RopeParameters *ropes          `json:"rope_parameters"`
	RopeScaling    *nn.RopeScaling `json:"rope_scaling"`

	// Set by ParseConfig.
	Rope, WindowRope nn.RopeScaling `json:"-"` // of layers that see all, and of those with a window
	Activation       nn.Activation  `json:"-"`
}

// ropes is one scaling for all layers, or one for each type of them.
type ropes struct {
	nn.RopeScaling
	Full    *nn.RopeScaling `json:"full_attention"`
	Sliding *nn.RopeScaling `json:"sliding_attention"`
}

// Limits are what the model takes.
func (c Config) Limits() nn.Limits {
	return nn.Limits{Vocab: c.VocabSize, Positions: c.MaxPositions, Rotary: true}
}

// Types are the values of model_type that this package reads.
var Types = []string{second, third}

const (
	second = "gemma2"
	third  = "gemma3_text"
)

// The values of layer_types.
const (
	full    = "full_attention"
	sliding = "sliding_attention"
)

// defaults are transformers' own, for keys that config.json leaves out.
func defaults(modelType string) Config {
	window := 4096
	final := 30.0
	attention := 50.0
	c := Config{ModelType: modelType, VocabSize: 256000, HiddenSize: 2304, IntermediateSize: 9216, NumHiddenLayers: 26,
		NumAttentionHeads: 8, NumKeyValueHeads: 4, HeadDim: 256, HiddenActivation: "gelu_pytorch_tanh", RMSNormEps: 1e-6,
		TieWordEmbeddings: true, QueryScalar: 256, FinalSoftcap: &final, AttentionSoftcap: &attention, MaxPositions: 8192,
		SlidingWindow: &window, SlidingEvery: 2, RopeTheta: 1e4, RopeThetaOfWindows: 1e4}
	if modelType == third {
		c.VocabSize = 262208
		c.MaxPositions = 131072
		c.SlidingEvery = 6
		c.RopeTheta = 1e6
		c.FinalSoftcap = nil
		c.AttentionSoftcap = nil
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
	if c.RopeScaling != nil {
		c.Rope = *c.RopeScaling
	}
	if p := c.RopeParameters; p != nil && c.ModelType == second {
		c.Rope = p.RopeScaling
	} else if p != nil {
		c.Rope, c.WindowRope = of(p.Full), of(p.Sliding)
	}
	c.Rope.Settle(nn.RopeDefaults{
		Theta:        c.RopeTheta,
		Partial:      1,
		MaxPositions: c.MaxPositions,
	})
	c.WindowRope.Settle(nn.RopeDefaults{
		Theta:        c.RopeThetaOfWindows,
		Partial:      1,
		MaxPositions: c.MaxPositions,
	})
	if c.ModelType == second {
		c.WindowRope = c.Rope
	}
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

// of returns a scaling, or an empty one to be filled in.
func of(r *nn.RopeScaling) nn.RopeScaling {
	if r == nil {
		return nn.RopeScaling{}
	}
	return *r
}

func (c *Config) validate() (err error) {
	if err := cmp.Or(
		nn.CheckSize("vocab_size", c.VocabSize), nn.CheckSize("hidden_size", c.HiddenSize),
		nn.CheckSize("intermediate_size", c.IntermediateSize), nn.CheckSize("num_attention_heads", c.NumAttentionHeads),
		nn.CheckSize("num_key_value_heads", c.NumKeyValueHeads), nn.CheckSize("num_hidden_layers", int64(c.NumHiddenLayers)),
		nn.CheckSize("head_dim", c.HeadDim), nn.CheckSize("sliding_window_pattern", int64(c.SlidingEvery)),
		nn.CheckMultiple("num_attention_heads", c.NumAttentionHeads, "num_key_value_heads", c.NumKeyValueHeads),
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
	case c.Bidirectional:
		return fmt.Errorf("use_bidirectional_attention is true; want false, as Gemma is read as a decoder")
	case c.QueryScalar <= 0:
		return fmt.Errorf("query_pre_attn_scalar is %v; want a positive number", c.QueryScalar)
	case c.ModelType == third && c.AttentionSoftcap != nil:
		return fmt.Errorf("attn_logit_softcapping is %v; want null, as Gemma 3 bounds no attention", *c.AttentionSoftcap)
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
	if len(c.LayerTypes) < c.NumHiddenLayers {
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
