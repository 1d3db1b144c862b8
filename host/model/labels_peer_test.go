package model_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmhost/host/model"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// labelKeys are what config.json may say about classes, and whether it is read.
var labelKeys = []struct {
	keys  string
	reads bool
}{
	{`"a": 1`, true},
	{`"id2label": null`, true},
	{`"num_labels": 4`, true},
	{`"id2label": null, "num_labels": 3, "label2id": {"x": 0, "y": 1}`, true},
	{`"id2label": {"0": "x", "1": "y", "2": "z"}`, true},
	{`"id2label": {"2": "z", "0": "x", "1": "y"}, "num_labels": 3`, true},
	{`"id2label": {"0": "x", "1": "y"}, "num_labels": 3`, true},
	{`"id2label": {"0": "x", "1": "y", "2": "z"}, "num_labels": 2`, true},
	{`"id2label": {"0": 5, "1": 3}`, true},
	{`"id2label": {"0": "x"}`, true},
	{`"id2label": {"0": "x", "1": "y"}, "label2id": {"x": 1, "y": 0}`, true},
	{`"id2label": {"0": "x", "2": "y"}`, false}, // transformers has a class without a name
	{`"id2label": ["x", "y"]`, false},
	{`"num_labels": null`, false},
	{`"id2label": {"zero": "x"}`, false},
}

// The classes of a model are those that transformers reads.
func TestPeerLabels(t *testing.T) {
	folders := map[string]int{}
	var order []string
	for i, c := range labelKeys {
		folder := t.TempDir()
		text := `{"model_type": "llama", "architectures": ["LlamaForSequenceClassification"], ` + c.keys + `}`
		require.NoError(t, os.WriteFile(filepath.Join(folder, model.ConfigName), []byte(text), 0o644))
		folders[folder], order = i, append(order, folder)
	}
	var theirs [][]string
	require.NoError(t, json.Unmarshal(runPeer(t, `
import json, sys
from transformers import AutoConfig
out = []
for folder in json.loads(sys.argv[1]):
    try:
        config = AutoConfig.from_pretrained(folder)
        out.append([str(config.id2label[i]) for i in range(config.num_labels)])
    except Exception:
        out.append(None)
print(json.dumps(out))
`, order), &theirs))
	for i, folder := range order {
		c := labelKeys[folders[folder]]
		heads, _, err := model.ReadClassHeads(folder)
		require.Equal(t, c.reads, theirs[i] != nil, "transformers: %s", c.keys)
		if !c.reads {
			require.Error(t, err, c.keys)
			continue
		}
		require.NoError(t, err, c.keys)
		require.Equal(t, theirs[i], heads[0].Labels, c.keys)
	}
}

// The type that a saved model is opened in is the one that transformers opens it in.
func TestPeerOpensInTheSameType(t *testing.T) {
	var folders []string
	var ours []string
	for _, keys := range []string{`"a": 1`, `"dtype": null`, `"torch_dtype": "float16"`, `"dtype": "float32"`, `"torch_dtype": "float16", "dtype": "bfloat16"`} {
		folder := t.TempDir()
		require.NoError(t, create(t, configs["llama"], cpu).SaveAs(folder, tensor.BFloat16))
		text := strings.Replace(configs["llama"], `"dtype":   "float32"`, keys, 1)
		require.NoError(t, os.WriteFile(filepath.Join(folder, model.ConfigName), []byte(text), 0o644))
		opened, _, err := model.StoredTypes(folder)
		require.NoError(t, err)
		folders, ours = append(folders, folder), append(ours, "torch."+opened.String())
	}
	var theirs []string
	require.NoError(t, json.Unmarshal(runPeer(t, `
import json, sys
from transformers import AutoModelForCausalLM
print(json.dumps([str(AutoModelForCausalLM.from_pretrained(folder, dtype="auto").dtype) for folder in json.loads(sys.argv[1])]))
`, folders), &theirs))
	require.Equal(t, theirs, ours)
}
