package model_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmhost/host/model"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// stale are keys that an earlier training or its software left in config.json.
const stale = `{"num_labels": 5, "id2label": {"0": "old"}, "label2id": {"old": 0}, "problem_type": "multi_label_classification",
 "auto_map": {"AutoConfig": "configuration_x.X"}, "_name_or_path": "/home/someone/x", "cls_info": {"tone": {"labels": ["a"], "coeff": 1}},
 "architectures": ["SomeClassifer"], "my_own": 1, `

// savedWith saves a model that has heads, begun from a config with stale keys.
func savedWith(t *testing.T, kind string, heads model.Heads) (folder string, config map[string]any) {
	t.Helper()
	text := strings.Replace(strings.Replace(configs[kind], `"architectures"`, `"_was"`, 1), "{", stale, 1)
	m, err := model.Create([]byte(text), 5, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32, Heads: heads})
	require.NoError(t, err)
	defer m.Free()
	folder = t.TempDir()
	require.NoError(t, m.Save(folder))
	written, err := os.ReadFile(filepath.Join(folder, model.ConfigName))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(written, &config))
	return folder, config
}

// What is saved says what it is, whatever config.json said before.
func TestStaleKeysAreSettled(t *testing.T) {
	named := model.ClassHead{Name: "tone", Labels: []string{"x", "y"}, Coefficient: 1}
	for _, c := range []struct {
		name  string
		heads model.Heads
		want  map[string]any // nil: no such key
	}{
		{"a head of tokens", model.Heads{LM: true}, map[string]any{"architectures": []any{"LlamaForCausalLM"}, "cls_info": nil}},
		{"a score", model.Heads{Score: true}, map[string]any{"architectures": []any{"LlamaForSequenceClassification"}, "num_labels": nil, "problem_type": nil,
			"id2label": map[string]any{"0": "LABEL_0"}, "label2id": map[string]any{"LABEL_0": 0.0}, "cls_info": nil}},
		{"classes", model.Heads{Classes: []model.ClassHead{{Labels: []string{"a", "b", "c"}}}}, map[string]any{"architectures": []any{"LlamaForSequenceClassification"},
			"num_labels": nil, "problem_type": "single_label_classification", "id2label": map[string]any{"0": "a", "1": "b", "2": "c"},
			"label2id": map[string]any{"a": 0.0, "b": 1.0, "c": 2.0}, "cls_info": nil}},
		{"named heads", model.Heads{Classes: []model.ClassHead{named}}, map[string]any{"architectures": []any{"LlamaClassifer"},
			"cls_info": map[string]any{"tone": map[string]any{"labels": []any{"x", "y"}, "coeff": 1.0}}}},
		{"a score of another pooling", model.Heads{Score: true, Codebase: true}, map[string]any{"architectures": []any{"LlamaRewardModel"}, "cls_info": nil}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, config := savedWith(t, "llama", c.heads)
			c.want["auto_map"], c.want["_name_or_path"], c.want["my_own"], c.want["dtype"] = nil, nil, 1.0, "float32"
			for key, want := range c.want {
				if want == nil {
					require.NotContains(t, config, key)
					continue
				}
				require.Equal(t, want, config[key], key)
			}
		})
	}
}

// A score that is no probability stays one.
func TestRegressionStays(t *testing.T) {
	text := strings.Replace(configs["llama"], "{", `{"problem_type": "regression", `, 1)
	m, err := model.Create([]byte(text), 5, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32, Heads: model.Heads{Score: true}})
	require.NoError(t, err)
	defer m.Free()
	folder := t.TempDir()
	require.NoError(t, m.Save(folder))
	written, err := os.ReadFile(filepath.Join(folder, model.ConfigName))
	require.NoError(t, err)
	require.Contains(t, string(written), `"problem_type": "regression"`)
}

// transformers reads every family with every head that it has a class for, finds
// every tensor and no other, and has the labels.
func TestPeerReadsSavedHeads(t *testing.T) {
	type job struct {
		Kind   string
		Labels []string
	}
	jobs := map[string]job{}
	for _, kind := range slices.Sorted(maps.Keys(configs)) {
		score, _ := savedWith(t, kind, model.Heads{Score: true})
		jobs[score] = job{kind, model.Unnamed(1)}
		labels := []string{"no", "yes", "perhaps"}
		classes, _ := savedWith(t, kind, model.Heads{Classes: []model.ClassHead{{Labels: labels}}})
		jobs[classes] = job{kind, labels}
	}
	printed := runPeer(t, `
import json, sys, torch
from transformers import AutoModelForSequenceClassification
for folder, job in json.loads(sys.argv[1]).items():
    model, report = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not any(report[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), (job, report)
    labels, config = job["Labels"], model.config
    assert [config.id2label[i] for i in range(config.num_labels)] == labels, (job, config)
    assert config.label2id == {name: i for i, name in enumerate(labels)}, (job, config)
    assert config.problem_type == (None if len(labels) == 1 else "single_label_classification"), (job, config)
    assert config.architectures == [type(model).__name__], (job, config)
    config.pad_token_id = 0
    assert model(torch.tensor([[1, 7, 5]]), labels=torch.tensor([0])).loss.isfinite(), job
print("read")
`, jobs)
	require.Equal(t, "read\n", string(printed))
}
