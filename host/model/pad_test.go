package model_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"llmhost/host/model"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// The pad token is the one that transformers' configuration class would have.
func TestPadOfConfig(t *testing.T) {
	for _, c := range []struct {
		name, modelType, keys string
		want                  string // saved, "" for no key
	}{
		{"named", "llama", `, "pad_token_id": 3`, `"pad_token_id":3`},
		{"absent", "llama", ``, ""},
		{"null", "gemma2", `, "pad_token_id": null`, `"pad_token_id":null`},
		{"the class's own", "gemma2", ``, `"pad_token_id":0`},
		{"of old models", "llama", `, "pad_token_id": -1`, `"pad_token_id":-1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := t.TempDir()
			text := fmt.Sprintf(`{"model_type": %q, "vocab_size": 24, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 1, "num_attention_heads": 2,
"num_key_value_heads": 2, "head_dim": 8, "query_pre_attn_scalar": 8, "max_position_embeddings": 16, "bos_token_id": 1, "eos_token_id": 2%s}`, c.modelType, c.keys)
			o := model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32}
			base, err := model.Create([]byte(text), 1, o)
			require.NoError(t, err)
			defer base.Free()
			require.NoError(t, base.Save(folder))
			o.Heads.Score = true
			m, err := model.Load(folder, o)
			require.NoError(t, err)
			defer m.Free()
			require.NoError(t, m.Save(folder))
			config, err := os.ReadFile(filepath.Join(folder, model.ConfigName))
			require.NoError(t, err)
			if c.want == "" {
				require.NotContains(t, string(config), "pad_token_id")
				return
			}
			require.Regexp(t, `"pad_token_id": ?`+c.want[len(`"pad_token_id":`):], string(config))
		})
	}
}

func TestPadThatIsNoID(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, model.ConfigName)
	require.NoError(t, os.WriteFile(path, []byte(`{"model_type": "llama", "vocab_size": 8, "pad_token_id": "<pad>"}`), 0o644))
	_, err := model.ReadConfig(folder)
	require.EqualError(t, err, path+`: pad_token_id is "<pad>"; want a whole number or null`)
}
