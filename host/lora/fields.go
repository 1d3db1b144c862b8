package lora

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"llmhost/host/jsonobject"
	"llmhost/host/nearest"
)

// rule is what becomes of a field of PEFT's LoraConfig.
type rule string

const (
	applied rule = "applied" // read, checked, acted upon and written
	written rule = "written" // without effect here, and written as it was read
	ignored rule = "ignored" // without effect, and not written
	refused rule = "refused" // an error unless it is null, false or empty
)

// field is one field of PEFT's LoraConfig.
type field struct {
	name string
	rule rule
	why  string // for PEFT.md, and after "refused" for the error

	value func(c *Config) any // of an applied one: where it goes
	want  string              // of an applied one: its type in words
	null  string              // of an applied one: what null means, "default" or a value; "" where it is an error
}

// fields are those of PEFT 0.21's LoraConfig and of the classes that it inherits
// from, in the order in which they are written. PEFT.md is made of them.
var fields = []field{
	{name: "peft_type", rule: applied, want: `"LORA"`, why: "`LORA`; other kinds are refused", value: func(c *Config) any { return &c.PEFTType }},
	{name: "task_type", rule: applied, want: "a string or null", null: "default", why: "`CAUSAL_LM`, `SEQ_CLS` or null; a new adapter gets the one of its task", value: func(c *Config) any { return (*nullable)(&c.TaskType) }},
	{name: "auto_mapping", rule: applied, want: "an object or null", null: "default", why: "its `base_model_class` tells a classifier where `task_type` is null", value: func(c *Config) any { return &c.AutoMapping }},
	{name: "base_model_name_or_path", rule: applied, want: "a string or null", null: "default", why: "the base that `llmhost merge` takes by default", value: func(c *Config) any { return (*nullable)(&c.Base) }},
	{name: "revision", rule: written, why: "a folder has one revision"},
	{name: "peft_version", rule: ignored, why: "PEFT writes its own"},
	{name: "inference_mode", rule: ignored, why: "written as true, as PEFT does; llmhost trains what it opens for training"},

	{name: "r", rule: applied, want: "a whole number", why: "at least 1", value: func(c *Config) any { return &c.R }},
	{name: "lora_alpha", rule: applied, want: "a number", why: "", value: func(c *Config) any { return &c.Alpha }},
	{name: "lora_dropout", rule: applied, want: "a number", why: "from 0 to below 1", value: func(c *Config) any { return &c.Dropout }},
	{name: "use_rslora", rule: applied, want: "true or false", null: "default", why: "", value: func(c *Config) any { return &c.RSLoRA }},
	{name: "use_dora", rule: applied, want: "true or false", null: "default", why: "", value: func(c *Config) any { return &c.DoRA }},
	{name: "init_lora_weights", rule: applied, want: "true, false or one of " + strings.Join(initNames(), ", "), null: "false", why: "see the table below", value: func(c *Config) any { return &c.Init }},
	{name: "target_modules", rule: applied, want: "a list of names, a regular expression, \"all-linear\" or null", null: "default", why: "by PEFT's rule; one name must fit, those that fit nothing are noted; null is PEFT's choice for the family; embeddings and heads are refused", value: func(c *Config) any { return &c.Targets }},
	{name: "exclude_modules", rule: applied, want: "a list of names, a regular expression or null", null: "default", why: "by PEFT's rule", value: func(c *Config) any { return &c.Exclude }},
	{name: "layers_to_transform", rule: applied, want: "a whole number, a list of them or null", null: "default", why: "by PEFT's rule: a whole module name in `target_modules` is not bound to them", value: func(c *Config) any { return &c.Layers }},
	{name: "layers_pattern", rule: applied, want: "a string, a list of strings or null", null: "default", why: "with `layers_to_transform`", value: func(c *Config) any { return &c.LayersPattern }},
	{name: "rank_pattern", rule: applied, want: "an object of whole numbers", null: "default", why: "the first pattern of the file that fits; patterns that fit nothing are noted", value: func(c *Config) any { return &c.RankPattern }},
	{name: "alpha_pattern", rule: applied, want: "an object of numbers", null: "default", why: "as `rank_pattern`", value: func(c *Config) any { return &c.AlphaPattern }},
	{name: "modules_to_save", rule: applied, want: "a list of names or null", null: "default", why: "by the end of a module's name, with all weights below it; names that fit nothing are noted, except that of `classifier` and `score` one is enough", value: func(c *Config) any { return &c.ModulesToSave }},
	{name: "ensure_weight_tying", rule: applied, want: "true or false", null: "default", why: "a tied matrix that is trained here stays one, saved under both names; where an adapter of PEFT's took it apart it is opened as two", value: func(c *Config) any { return &c.TieWeights }},
	{name: "bias", rule: applied, want: `"none"`, why: "`none`; `all` and `lora_only` are refused", value: func(c *Config) any { return &c.bias }},

	{name: "fan_in_fan_out", rule: ignored, why: "PEFT sets it to false for linear maps as all families here have them"},
	{name: "megatron_core", rule: ignored, why: "without `megatron_config` it has no effect"},
	{name: "qalora_group_size", rule: ignored, why: "without `use_qalora` it has no effect"},
	{name: "loftq_config", rule: ignored, why: "PEFT drops it unless `init_lora_weights` is `loftq`, which is refused"},
	{name: "corda_config", rule: ignored, why: "without effect unless `init_lora_weights` is `corda`, which is refused"},
	{name: "lora_ga_config", rule: ignored, why: "without effect unless `init_lora_weights` is `lora_ga`, which is refused"},
	{name: "eva_config", rule: written, why: "without effect once the adapter is made"},
	{name: "runtime_config", rule: ignored, why: "never saved by PEFT, and dropped where a file has it"},

	{name: "alora_invocation_tokens", rule: refused, why: "an activated LoRA acts from certain tokens on, which llmhost does not know"},
	{name: "arrow_config", rule: refused, why: "Arrow routes between several adapters, and llmhost has one"},
	{name: "kasa_config", rule: refused, why: "KaSA cuts singular values off the base's weights, which llmhost does not do"},
	{name: "layer_replication", rule: refused, why: "llmhost builds no model of repeated layers"},
	{name: "lora_bias", rule: refused, why: "an adapter of llmhost has no bias"},
	{name: "megatron_config", rule: refused, why: "llmhost has no layers of Megatron's"},
	{name: "monteclora_config", rule: refused, why: "llmhost draws no samples of adapters"},
	{name: "target_parameters", rule: refused, why: "llmhost puts adapters on linear maps, by target_modules"},
	{name: "trainable_token_indices", rule: refused, why: "llmhost trains an embedding whole, by modules_to_save"},
	{name: "use_bdlora", rule: refused, why: "llmhost has no adapters of blocks"},
	{name: "use_qalora", rule: refused, why: "llmhost has no weights of GPTQ's"},
	{name: "velora_config", rule: refused, why: "llmhost trains with the whole inputs of adapters"},

	{name: "enable_lora", rule: refused, why: "a field of PEFT before 0.4, for maps that hold several"},
	{name: "merge_weights", rule: ignored, why: "a field of PEFT before 0.4, without effect on a saved adapter"},
}

// otherNames are what settings elsewhere call a field.
var otherNames = map[string]string{
	"lora_r": "r", "rank": "r", "lora_rank": "r", "alpha": "lora_alpha", "dropout": "lora_dropout", "lora_target_modules": "target_modules",
	"lora_target": "target_modules", "additional_target": "modules_to_save", "lora_modules_to_save": "modules_to_save", "base_model": "base_model_name_or_path",
}

func fieldNames() (names []string) {
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}

// read takes the values of a LoraConfig.
func (c *Config) read(o jsonobject.Object) error {
	for _, m := range o {
		at := slices.IndexFunc(fields, func(f field) bool { return f.name == m.Key })
		if at < 0 {
			return unknownField(m.Key)
		}
		if err := fields[at].read(c, m); err != nil {
			return err
		}
	}
	return nil
}

func unknownField(name string) error {
	hint := nearest.Hint(name, fieldNames())
	if other := otherNames[strings.ToLower(name)]; other != "" {
		hint = "; did you mean " + other + "?"
	}
	return fmt.Errorf("%s is no field of PEFT's LoraConfig%s", name, hint)
}

func (f field) read(c *Config, m jsonobject.Member) error {
	null := string(m.Value) == "null"
	switch f.rule {
	case written:
		if !null {
			c.kept = c.kept.Set(f.name, m.Value)
		}
	case refused:
		if !empty(m.Value) {
			return fmt.Errorf("%s is %s; want it null or absent: %s", f.name, short(m.Value), f.why)
		}
	case applied:
		value := m.Value
		if null {
			value = json.RawMessage(f.null)
		}
		if null && f.null == "default" {
			return nil
		}
		if json.Unmarshal(value, f.value(c)) != nil {
			return fmt.Errorf("%s is %s; want %s", f.name, short(m.Value), f.want)
		}
	}
	return nil
}

// empty tells whether a value is one that Python counts as false.
func empty(value json.RawMessage) bool {
	switch strings.Join(strings.Fields(string(value)), "") {
	case "null", "false", "[]", "{}", `""`, "0":
		return true
	}
	return false
}

// short is a value on one line, cut where it is long.
func short(value json.RawMessage) string {
	const most = 60
	text := []rune(strings.Join(strings.Fields(string(value)), " "))
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}

// json is the text of adapter_config.json.
func (c Config) json() []byte {
	var o jsonobject.Object
	for _, f := range fields {
		switch kept := c.kept.Get(f.name); {
		case f.rule == applied:
			o = o.Set(f.name, f.value(&c))
		case kept != nil:
			o = append(o, jsonobject.Member{Key: f.name, Value: kept})
		}
	}
	return o.Set("inference_mode", true).Text()
}

// nullable is a string for which JSON has null where it is empty.
type nullable string

// MarshalJSON writes null for "".
func (s nullable) MarshalJSON() ([]byte, error) {
	if s == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(s))
}
