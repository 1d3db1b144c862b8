// Package lora trains adapters of low rank instead of a model's own weights, and
// reads and writes them in PEFT's format. The arithmetic is in nn.Adapter. Start
// at Attach; Config says what an adapter is.
package lora

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
)

// The files of an adapter.
const (
	ConfigName  = "adapter_config.json"
	WeightsName = "adapter_model.safetensors"
)

// AllLinear as target means every linear map except the heads.
const AllLinear = "all-linear"

// Config says which maps get an adapter, and of which kind. Names are PEFT's.
type Config struct {
	PEFTType string `json:"peft_type"`
	TaskType string `json:"task_type,omitempty"` // CAUSAL_LM or SEQ_CLS
	Base     string `json:"base_model_name_or_path"`

	R       int     `json:"r"`
	Alpha   float64 `json:"lora_alpha"`
	Dropout float64 `json:"lora_dropout"`
	RSLoRA  bool    `json:"use_rslora"` // scale by alpha/√r (Kalajdzievski 2023, arXiv:2312.03732), not alpha/r
	DoRA    bool    `json:"use_dora"`

	Targets       Modules            `json:"target_modules"`
	Exclude       Modules            `json:"exclude_modules"`
	Layers        Layers             `json:"layers_to_transform"`
	RankPattern   map[string]int     `json:"rank_pattern"`
	AlphaPattern  map[string]float64 `json:"alpha_pattern"`
	ModulesToSave []string           `json:"modules_to_save"`               // trained and saved whole
	TieWeights    bool               `json:"ensure_weight_tying,omitempty"` // what is saved stays tied

	// Other keys that PEFT reads, at its defaults.
	Bias            string `json:"bias"`
	FanInFanOut     bool   `json:"fan_in_fan_out"`
	InferenceMode   bool   `json:"inference_mode"`
	InitLoRAWeights any    `json:"init_lora_weights"`
}

// Default returns PEFT's defaults.
func Default() Config {
	return Config{PEFTType: "LORA", R: 8, Alpha: 8, Bias: "none", InitLoRAWeights: true,
		RankPattern: map[string]int{}, AlphaPattern: map[string]float64{}} // PEFT refuses null here
}

// Modules are names of modules, or one regular expression over whole names.
type Modules struct {
	Names   []string
	Pattern string
}

// ParseModules reads the setting: "all-linear", or names.
func ParseModules(names []string) Modules {
	if len(names) == 1 &&
		(strings.EqualFold(names[0], AllLinear) || strings.ContainsAny(names[0], `*+?()[]{}^$\|`)) {
		return Modules{Pattern: names[0]}
	}
	return Modules{Names: names}
}

// UnmarshalJSON reads a list, a string or null.
func (m *Modules) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte{'"'}) {
		return json.Unmarshal(text, &m.Pattern)
	}
	return json.Unmarshal(text, &m.Names)
}

// MarshalJSON writes what UnmarshalJSON reads.
func (m Modules) MarshalJSON() ([]byte, error) {
	if m.Pattern != "" {
		return json.Marshal(m.Pattern)
	}
	return json.Marshal(m.Names)
}

// Empty tells whether m names nothing.
func (m Modules) Empty() bool { return m.Pattern == "" && len(m.Names) == 0 }

// match tells whether m names the module: a name fits a whole module name or
// its last parts.
func (m Modules) match(module string) (bool, error) {
	if m.Pattern != "" {
		pattern, err := regexp.Compile("^(?:" + m.Pattern + ")$")
		if err != nil {
			return false, fmt.Errorf(
				"modules %q: %w; want names, %q or a regular expression over whole names",
				m.Pattern,
				err,
				AllLinear,
			)
		}
		return pattern.MatchString(module), nil
	}
	return slices.ContainsFunc(m.Names, func(name string) bool { return isModule(module, name) }), nil
}

func isModule(module, name string) bool {
	return module == name || strings.HasSuffix(module, "."+name)
}

// Layers are the numbers of the layers that get adapters; none means all.
type Layers []int

// UnmarshalJSON reads a number, a list or null.
func (l *Layers) UnmarshalJSON(text []byte) error {
	var one int
	if json.Unmarshal(text, &one) == nil && !bytes.Equal(text, []byte("null")) {
		*l = Layers{one}
		return nil
	}
	return json.Unmarshal(text, (*[]int)(l))
}

var layerNumber = regexp.MustCompile(`^.*?\.[^.]*\.(\d+)\.`)

func (l Layers) match(module string) bool {
	if len(l) == 0 {
		return true
	}
	found := layerNumber.FindStringSubmatch(module)
	return found != nil && slices.ContainsFunc(l, func(n int) bool { return fmt.Sprint(n) == found[1] })
}

// byPattern returns the value whose pattern matches the module, or otherwise.
func byPattern[T any](patterns map[string]T, module string, otherwise T) (T, error) {
	for pattern, value := range patterns {
		fits, err := regexp.MatchString(`^(.*\.)?(`+pattern+`)$`, module)
		if err != nil {
			return otherwise, fmt.Errorf("pattern %q: %w", pattern, err)
		}
		if fits {
			return value, nil
		}
	}
	return otherwise, nil
}

// scale is the factor of B A for a module of rank r.
func (c Config) scale(alpha float64, r int) float64 {
	if c.RSLoRA {
		return alpha / math.Sqrt(float64(r))
	}
	return alpha / float64(r)
}

// Check reports the first invalid setting by its name.
func (c Config) Check() error {
	switch {
	case c.PEFTType != "LORA":
		return fmt.Errorf("peft_type is %q; want \"LORA\"", c.PEFTType)
	case c.R < 1:
		return fmt.Errorf("lora_r is %d; want at least 1", c.R)
	case c.Dropout < 0 || c.Dropout >= 1:
		return fmt.Errorf("lora_dropout is %v; want a number from 0 to below 1", c.Dropout)
	case c.Bias != "none":
		return fmt.Errorf("bias is %q; want \"none\", as llmhost trains no biases beside adapters", c.Bias)
	case c.FanInFanOut:
		return errors.New("fan_in_fan_out is true; want false, as no model of llmhost stores its weights that way")
	case c.Targets.Pattern != "" && len(c.Layers) > 0:
		return fmt.Errorf("layers_to_transform is set, and target_modules is the text %q; PEFT takes layers with a list of names alone", c.Targets.Pattern)
	case c.Targets.Empty():
		return errors.New("target_modules names nothing; want names of modules or \"all-linear\"")
	}
	return nil
}

// foreign are keys of PEFT's that change what an adapter computes, and that
// this package does not know. Others only change how one is initialized.
var foreign = []string{"lora_bias", "layer_replication", "layers_pattern", "trainable_token_indices", "target_parameters", "megatron_config",
	"use_qalora", "alora_invocation_tokens", "use_bdlora", "arrow_config", "monteclora_config", "velora_config", "kasa_config"}

// ReadConfig reads an adapter_config.json, a LoraConfig that someone wrote by
// hand, or one wrapped in {"type": "lora", "config": {…}}.
func ReadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Config{}, fmt.Errorf("%s: no such file; want the config of an adapter in PEFT's format, as a run with lora_r leaves it", path)
	}
	if err != nil {
		return Config{}, err
	}
	c, err := parseConfig(text)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func parseConfig(text []byte) (Config, error) {
	var wrapped struct {
		Type   string
		Config json.RawMessage
	}
	if err := json.Unmarshal(text, &wrapped); err != nil {
		return Config{}, err
	}
	if wrapped.Config != nil {
		if !strings.EqualFold(wrapped.Type, "lora") {
			return Config{}, fmt.Errorf("type is %q; want \"lora\"", wrapped.Type)
		}
		text = wrapped.Config
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return Config{}, err
	}
	for _, name := range foreign {
		switch string(keys[name]) {
		case "", "null", "false", "[]", "{}":
		default:
			return Config{}, fmt.Errorf(
				"%s is %s, which llmhost does not know; want it to be absent",
				name,
				keys[name],
			)
		}
	}
	c := Default()
	if err := json.Unmarshal(text, &c); err != nil {
		return Config{}, err
	}
	return c, c.Check()
}

// json is the text of adapter_config.json.
func (c Config) json() []byte {
	c.InferenceMode = true
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		panic(err) // a struct of plain fields
	}
	return append(text, '\n')
}
