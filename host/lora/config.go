// Package lora trains adapters of low rank instead of a model's own weights, and
// reads and writes them in PEFT's format. The arithmetic is in nn.Adapter. Start
// at Attach; Config says what an adapter is, and fields.go what becomes of each of
// PEFT's settings.
package lora

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"llmhost/host/jsonerror"
	"llmhost/host/jsonobject"
)

// The files of an adapter.
const (
	ConfigName  = "adapter_config.json"
	WeightsName = "adapter_model.safetensors"
)

// Config says which maps get an adapter, and of which kind, in PEFT's terms.
type Config struct {
	PEFTType    string
	TaskType    string      // CAUSAL_LM or SEQ_CLS, "" where it is open
	AutoMapping autoMapping // the base's class where TaskType is open
	Base        string      // model_name_or_path of the base

	R       int
	Alpha   float64
	Dropout float64
	RSLoRA  bool // scale by alpha/√r (Kalajdzievski 2023, arXiv:2312.03732), not alpha/r
	DoRA    bool
	Init    Init

	Targets       Modules
	TargetsName   string // what errors call Targets: the key of the file, or the setting
	Exclude       Modules
	Layers        Layers
	LayersPattern Names
	RankPattern   Patterns[int]
	AlphaPattern  Patterns[float64]
	ModulesToSave []string // trained and saved whole
	TieWeights    bool     // what is saved stays tied

	bias string
	kept jsonobject.Object // what has no effect and is written as it was read
}

// Default returns PEFT's defaults.
func Default() Config {
	return Config{PEFTType: "LORA", R: 8, Alpha: 8, bias: "none", TargetsName: "target_modules"}
}

// autoMapping names the class of a base whose task PEFT was not told.
type autoMapping struct {
	Class   string `json:"base_model_class"`
	Library string `json:"parent_library"`
}

// MarshalJSON writes null where nothing is named.
func (m autoMapping) MarshalJSON() ([]byte, error) {
	if m == (autoMapping{}) {
		return []byte("null"), nil
	}
	type plain autoMapping
	return json.Marshal(plain(m))
}

// classifies tells whether the adapter's base gives a sequence a score or classes.
func (c Config) classifies() bool {
	return c.TaskType == "SEQ_CLS" || c.TaskType == "" && strings.HasSuffix(c.AutoMapping.Class, "ForSequenceClassification")
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
	case c.TaskType != "" && c.TaskType != "CAUSAL_LM" && c.TaskType != "SEQ_CLS":
		return fmt.Errorf("task_type is %q; want \"CAUSAL_LM\", \"SEQ_CLS\" or null", c.TaskType)
	case c.R < 1:
		return fmt.Errorf("r is %d; want at least 1", c.R)
	case c.Dropout < 0 || c.Dropout >= 1:
		return fmt.Errorf("lora_dropout is %v; want a number from 0 to below 1", c.Dropout)
	case c.bias != "none":
		return fmt.Errorf("bias is %q; want \"none\", as llmhost trains no biases beside adapters", c.bias)
	case c.Targets.Pattern != "" && len(c.Layers) > 0:
		return fmt.Errorf("layers_to_transform is set, and target_modules is the text %q; PEFT takes layers with a list of names alone", c.Targets.Pattern)
	case c.Targets.Pattern != "" && len(c.LayersPattern) > 0:
		return fmt.Errorf("layers_pattern is set, and target_modules is the text %q; PEFT takes layers with a list of names alone", c.Targets.Pattern)
	case len(c.LayersPattern) > 0 && len(c.Layers) == 0:
		return errors.New("layers_pattern is set without layers_to_transform; want the numbers of the layers too")
	}
	for _, p := range c.RankPattern {
		if p.Value < 1 {
			return fmt.Errorf("rank_pattern gives %q the rank %d; want at least 1", p.Key, p.Value)
		}
	}
	return c.checkInit()
}

// ReadConfig reads an adapter_config.json, a LoraConfig that someone wrote by
// hand, or one wrapped in {"type": "lora", "config": {…}}.
func ReadConfig(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Config{}, fmt.Errorf("%s: no such file; want the config of an adapter in PEFT's format, as a run with lora_r leaves it%s", path, below(filepath.Dir(path)))
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
	o, err := jsonobject.Parse(text)
	if err != nil {
		return Config{}, fmt.Errorf("%w; want a LoraConfig of PEFT's", jsonerror.Explain(text, err))
	}
	if inner := o.Get("config"); inner != nil {
		if o, err = unwrap(o); err != nil {
			return Config{}, err
		}
	}
	c := Default()
	if err := c.read(o); err != nil {
		return Config{}, err
	}
	return c, c.Check()
}

// unwrap takes a LoraConfig out of {"type": "lora", "config": {…}}.
func unwrap(o jsonobject.Object) (jsonobject.Object, error) {
	var kind string
	for _, m := range o {
		switch m.Key {
		case "type":
			if err := json.Unmarshal(m.Value, &kind); err != nil || !strings.EqualFold(kind, "lora") {
				return nil, fmt.Errorf("type is %s; want \"lora\"", m.Value)
			}
		case "config":
		default:
			return nil, fmt.Errorf("%q stands beside \"config\"; want \"type\" and \"config\" alone", m.Key)
		}
	}
	if kind == "" {
		return nil, errors.New("\"config\" has no \"type\" beside it; want \"type\": \"lora\"")
	}
	return jsonobject.Parse(o.Get("config"))
}
