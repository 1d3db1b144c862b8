package lora_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"llmhost/host/lora"

	"github.com/stretchr/testify/require"
)

// PEFT.md is the table of the code.
func TestPageIsTheTable(t *testing.T) {
	text, err := os.ReadFile("PEFT.md")
	require.NoError(t, err)
	if want := lora.Page(); want != string(text) {
		made := filepath.Join(t.TempDir(), "PEFT.md")
		require.NoError(t, os.WriteFile(made, []byte(want), 0o644))
		require.Equal(t, want, string(text), "PEFT.md is not the table of fields.go and initial.go")
	}
}

func TestBadConfigs(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"other kind", `{"peft_type": "IA3"}`, `peft_type is "IA3"; want "LORA"`},
		{"no object", `[]`, `is not a JSON object; want a LoraConfig of PEFT's`},
		{"prompt tuning", `{"type": "p-tuning", "config": {}}`, `type is "p-tuning"; want "lora"`},
		{"no type", `{"config": {}}`, `"config" has no "type" beside it; want "type": "lora"`},
		{"beside a config", `{"type": "lora", "config": {}, "r": 4}`, `"r" stands beside "config"; want "type" and "config" alone`},
		{"a slip of the pen", `{"lora_aplha": 64}`, `lora_aplha is no field of PEFT's LoraConfig; did you mean lora_alpha?`},
		{"a setting's name", `{"lora_r": 4}`, `lora_r is no field of PEFT's LoraConfig; did you mean r?`},
		{"LLaMA-Factory's name", `{"lora_target": ["q_proj"]}`, `lora_target is no field of PEFT's LoraConfig; did you mean target_modules?`},
		{"capitals", `{"R": 4}`, `R is no field of PEFT's LoraConfig; did you mean r?`},
		{"nothing near", `{"colour": "red"}`, `colour is no field of PEFT's LoraConfig`},
		{"another task", `{"task_type": "TOKEN_CLS"}`, `task_type is "TOKEN_CLS"; want "CAUSAL_LM", "SEQ_CLS" or null`},
		{"rank", `{"r": 0}`, `r is 0; want at least 1`},
		{"rank as text", `{"r": "8"}`, `r is "8"; want a whole number`},
		{"a broken rank", `{"r": 8.5}`, `r is 8.5; want a whole number`},
		{"no rank", `{"r": null}`, `r is null; want a whole number`},
		{"no alpha", `{"lora_alpha": null}`, `lora_alpha is null; want a number`},
		{"dropout", `{"lora_dropout": 1}`, `lora_dropout is 1; want a number from 0 to below 1`},
		{"a flag as text", `{"use_dora": "yes"}`, `use_dora is "yes"; want true or false`},
		{"biases", `{"bias": "all"}`, `bias is "all"; want "none", as llmhost trains no biases beside adapters`},
		{"a refused field", `{"lora_bias": true}`, `lora_bias is true; want it null or absent: an adapter of llmhost has no bias`},
		{"a long value", `{"trainable_token_indices": [1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010]}`,
			`trainable_token_indices is [1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009,…; want it null or absent: llmhost trains an embedding whole, by modules_to_save`},
		{"layers of a pattern", `{"target_modules": "all-linear", "layers_to_transform": [1]}`, `layers_to_transform is set, and target_modules is the text "all-linear"; PEFT takes layers with a list of names alone`},
		{"a list of a pattern", `{"target_modules": ".*q", "layers_pattern": "h"}`, `layers_pattern is set, and target_modules is the text ".*q"; PEFT takes layers with a list of names alone`},
		{"a list of no layers", `{"layers_pattern": "h"}`, `layers_pattern is set without layers_to_transform; want the numbers of the layers too`},
		{"a rank of 0", `{"rank_pattern": {"q_proj": 0}}`, `rank_pattern gives "q_proj" the rank 0; want at least 1`},
		{"a rank with a fraction", `{"rank_pattern": {"q_proj": 2.5}}`, `rank_pattern is {"q_proj": 2.5}; want an object of whole numbers`},
		{"a module's letters", `{"modules_to_save": "lm_head"}`, `modules_to_save is "lm_head"; want a list of names or null`},
		{"init", `{"init_lora_weights": "nonsense"}`, `init_lora_weights is "nonsense"; want true, false or one of gaussian, orthogonal, pissa, olora, mica, eva, pissa_niter_[number of iters], corda, loftq, lora_ga`},
		{"init true as text", `{"init_lora_weights": "true"}`, `init_lora_weights is "true"; want true, false or one of gaussian, orthogonal, pissa, olora, mica, eva, pissa_niter_[number of iters], corda, loftq, lora_ga`},
		{"PEFT's own words", `{"init_lora_weights": "pissa_niter_[number of iters]"}`, `init_lora_weights is "pissa_niter_[number of iters]"; want true, false or one of gaussian, orthogonal, pissa, olora, mica, eva, pissa_niter_[number of iters], corda, loftq, lora_ga`},
		{"init by numbers", `{"init_lora_weights": "pissa_niter_4"}`, `init_lora_weights is "pissa_niter_4", which llmhost does not do: PEFT finds the singular values with random numbers, so that no second model fits the adapter exactly; in PEFT, save_pretrained(FOLDER, path_initial_model_for_weight_conversion=…) makes a plain adapter of it`},
		{"init by covariances", `{"init_lora_weights": "corda"}`, `init_lora_weights is "corda", which llmhost does not do: the weights below it changed by a pass over data that no file holds; in PEFT, save_pretrained(FOLDER, path_initial_model_for_weight_conversion=…) makes a plain adapter of it`},
		{"init by rounding", `{"init_lora_weights": "loftq"}`, `init_lora_weights is "loftq", which llmhost does not do: the weights below it are rounded as LoftQ does, which llmhost does not do`},
		{"two variants", `{"init_lora_weights": "mica", "use_dora": true}`, `init_lora_weights is "mica" and use_dora is true, which PEFT does not combine; want one of them`},
		{"a root below 0", `{"init_lora_weights": "pissa", "alpha_pattern": {"q_proj": -1}}`, `init_lora_weights is "pissa" and lora_alpha is -1 somewhere; want it above 0, as its root is taken`},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), lora.ConfigName)
			require.NoError(t, os.WriteFile(path, []byte(c.text), 0o644))
			_, err := lora.ReadConfig(path)
			require.EqualError(t, err, path+": "+c.want)
		})
	}
}

// Each refused field is an error by its name, and none where it is empty.
func TestRefusedFields(t *testing.T) {
	for _, name := range lora.Refused() {
		for _, value := range []string{`[1]`, `{"a": 1}`, `true`, `"x"`, `3`} {
			_, err := lora.Parse(`{"` + name + `": ` + value + `}`)
			require.ErrorContains(t, err, name+" is ", value)
		}
		for _, value := range []string{`null`, `false`, `[ ]`, `{}`} {
			_, err := lora.Parse(`{"` + name + `": ` + value + `}`)
			require.NoError(t, err, "%s %s", name, value)
		}
	}
}

// What is read is written: in the order of the file, as PEFT wrote it, with what has no effect here.
func TestConfigsAreWrittenAsTheyWereRead(t *testing.T) {
	text := `{"peft_type": "LORA", "task_type": null, "auto_mapping": {"base_model_class": "LlamaForSequenceClassification", "parent_library": "transformers.models.llama"},
"base_model_name_or_path": null, "revision": "main", "r": 4, "lora_alpha": 8.5, "lora_dropout": 0.25, "use_rslora": true, "use_dora": true,
"init_lora_weights": "eva", "target_modules": ["z", "a"], "exclude_modules": ".*x", "layers_to_transform": [3, 1], "layers_pattern": ["h"],
"rank_pattern": {"z.q": 2, "q": 1, "a": 3}, "alpha_pattern": {"z": 1.5, "a": 2}, "modules_to_save": ["norm"], "ensure_weight_tying": true, "bias": "none",
"eva_config": {"rho": 1.5, "tau": 0.5}}`
	c, err := lora.Parse(text)
	require.NoError(t, err)
	var want, got map[string]any
	require.NoError(t, json.Unmarshal([]byte(text), &want))
	require.NoError(t, json.Unmarshal([]byte(c.Text()), &got))
	want["inference_mode"] = true
	require.Equal(t, want, got)
	require.Regexp(t, `(?s)"z.q": 2.*"q": 1.*"a": 3`, c.Text())
	again, err := lora.Parse(c.Text())
	require.NoError(t, err)
	require.Equal(t, c, again)
}

func TestValuesOfInit(t *testing.T) {
	for text, want := range map[string]string{"true": "true", "false": "false", "null": "false", `"Gaussian"`: `"gaussian"`, `"OLoRA"`: `"olora"`, `"mica"`: `"mica"`} {
		c, err := lora.Parse(`{"init_lora_weights": ` + text + `}`)
		require.NoError(t, err, text)
		require.Contains(t, c.Text(), `"init_lora_weights": `+want, text)
	}
}

// llm_codebase's file, bare and wrapped.
func TestConfigsOfTheReference(t *testing.T) {
	for _, text := range []string{
		`{"r": 16, "lora_alpha": 32, "lora_dropout": 0.05, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}`,
		`{"type": "lora", "config": {"r": 16, "lora_alpha": 32, "lora_dropout": 0.05, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}}`,
	} {
		c, err := lora.Parse(text)
		require.NoError(t, err)
		require.Equal(t, []any{16, 32.0, 0.05, []string{"q_proj", "v_proj"}}, []any{c.R, c.Alpha, c.Dropout, c.Targets.Names})
	}
}
