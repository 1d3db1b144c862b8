package model_test

import (
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"llmhost/host/model"
	"llmhost/host/model/hfconfig"
	"llmhost/host/nn"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the tables of config classes into CONFIG.md")

const tables = "<!-- tables -->\n"

// CONFIG.md shows the tables that config.json is read by.
func TestTheTablesOfThePage(t *testing.T) {
	page, err := os.ReadFile("CONFIG.md")
	require.NoError(t, err)
	text, _, found := strings.Cut(string(page), tables)
	require.True(t, found)
	var b strings.Builder
	b.WriteString(text + tables + "\n## Keys of every class\n\n" + hfconfig.Markdown(hfconfig.Shared))
	for _, c := range model.Classes() {
		b.WriteString("\n## " + c.ModelType + " (" + c.Name + ")\n\n" + hfconfig.Markdown(c.Fields))
	}
	if *update {
		require.NoError(t, os.WriteFile("CONFIG.md", []byte(b.String()), 0o644))
		return
	}
	require.Equal(t, b.String(), string(page), "run go test ./host/model -run TestTheTablesOfThePage -update")
}

// No key is in a class twice, and every default is a value that the key takes.
func TestClassesAreWhole(t *testing.T) {
	for _, c := range model.Classes() {
		seen := map[string]bool{}
		for _, f := range c.All() {
			require.False(t, seen[f.Name], "%s has %s twice", c.Name, f.Name)
			seen[f.Name] = true
			require.True(t, f.Default == "" || json.Valid([]byte(f.Default)), "%s: %s", c.Name, f.Name)
			if f.Default != "" {
				text := `{"` + f.Name + `": ` + f.Default + `}`
				require.NoError(t, c.Decode([]byte(text), &struct{}{}), "%s: %s", c.Name, text)
			}
		}
	}
}

// A value that transformers does not take is refused by name, and so is one whose
// effect is not implemented.
func TestValuesThatAreRefused(t *testing.T) {
	for _, c := range []struct{ config, want string }{
		{`"model_type": "llama", "hidden_size": null`, `hidden_size is null; want a whole number`},
		{`"model_type": "llama", "hidden_size": 64.0`, `hidden_size is 64.0; want a whole number`},
		{`"model_type": "llama", "rms_norm_eps": 1`, `rms_norm_eps is 1; want a number with a decimal point`},
		{`"model_type": "llama", "attention_bias": 0`, `attention_bias is 0; want true or false`},
		{`"model_type": "llama", "attention_dropout": "0.1"`, `attention_dropout is "0.1"; want a number or null`},
		{`"model_type": "qwen3", "head_dim": null`, `head_dim is null; want a whole number`},
		{`"model_type": "mistral", "num_key_value_heads": null`, `num_key_value_heads is null; want a whole number`},
		{`"model_type": "mistral", "layer_types": ["full_attention"]`, `layer_types is ["full_attention"]; want no such key, as transformers then reads the model as a ministral, which is not implemented`},
		{`"model_type": "qwen2", "quantization_config": {"quant_method": "bitsandbytes", "bnb_4bit_quant_type": "nf4"}`,
			`quantization_config is {"quant_method": "bitsandbytes", "bnb_4bit_quant_type": "nf4…; want null, as quantized weights are not read: take the folder with the weights as they were trained; load_in_4bit = true rounds them here`},
		{`"model_type": "llama", "per_layer_config": {"0": {"head_dim": 4}}`, `per_layer_config is {"0": {"head_dim": 4}}; want null or {}, as layers that differ are not implemented`},
		{`"model_type": "llama", "is_encoder_decoder": true`, `is_encoder_decoder is true; want false, as none of these models is one`},
		{`"model_type": "phi3", "vocab_size": 40`, `pad_token_id is 32000; want less than vocab_size, 40, or null (without the key it is transformers' default)`},
	} {
		_, err := model.Create([]byte("{"+c.config+"}"), 1, cpu)
		require.EqualError(t, err, "config of the new model: "+c.want, c.config)
	}
}

// A key that a class does not know is no error and has no effect.
func TestUnknownKeysAreKept(t *testing.T) {
	text := strings.Replace(configs["qwen2"], "{", `{"mlp_bias": true, "my_own": {"a": [1]}, `, 1)
	m := create(t, text, cpu)
	folder := t.TempDir()
	require.NoError(t, m.Save(folder))
	again := load(t, folder, cpu)
	require.Equal(t, text, string(again.ConfigText))
	require.False(t, slices.ContainsFunc(again.Params().All(), func(p nn.Param) bool {
		return strings.HasSuffix(p.Name, "_proj.bias") && strings.Contains(p.Name, "mlp")
	}))
}
