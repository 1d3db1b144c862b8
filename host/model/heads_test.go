package model_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/safetensors"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// folderOf saves a plain model and returns its folder.
func folderOf(t *testing.T, family string) string {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, create(t, configs[family], cpu).Save(folder))
	return folder
}

func withHeads(t *testing.T, folder string, h model.Heads) *model.Model {
	t.Helper()
	o := cpu
	o.Heads = h
	tensor.ManualSeed(3)
	return load(t, folder, o)
}

var sorts = []model.ClassHead{{Labels: []string{"good", "bad", "ugly"}, Coefficient: 1}}

var several = []model.ClassHead{
	{Name: "source", Labels: []string{"web", "book"}, Coefficient: 1},
	{Name: "rank", Labels: []string{"best", "worst", "middle"}, Coefficient: 0.5},
}

// Heads that a file lacks are initialized and listed; once saved, they are read.
func TestHeadsAreKept(t *testing.T) {
	for _, c := range []struct {
		name  string
		heads model.Heads
		fresh []string
	}{
		{"reward", model.Heads{Score: true}, []string{"score.weight"}},
		{"reward and tokens", model.Heads{Score: true, LM: true, Codebase: true}, []string{"rm_head.weight"}},
		{"classes", model.Heads{Classes: sorts}, []string{"score.weight"}},
		{"several", model.Heads{Classes: several}, []string{"cls_heads.source.weight", "cls_heads.source.bias", "cls_heads.rank.weight", "cls_heads.rank.bias"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := withHeads(t, folderOf(t, "llama"), c.heads)
			require.Equal(t, c.fresh, m.Fresh)
			require.Empty(t, m.Unused)
			require.Equal(t, c.heads.LM, m.Head().Defined())
			saved := t.TempDir()
			require.NoError(t, m.Save(saved))
			again := withHeads(t, saved, c.heads)
			require.Empty(t, again.Fresh)
			require.Empty(t, again.Unused)
			require.NotEmpty(t, m.Params().All())
			for i, p := range m.Params().All() {
				require.Equal(t, p.Tensor.Bytes(), again.Params().All()[i].Tensor.Bytes(), p.Name)
			}
			heads, _, err := model.ReadClassHeads(saved)
			require.NoError(t, err)
			if len(c.heads.Classes) > 0 {
				require.Equal(t, c.heads.Classes, heads)
			}
		})
	}
}

// A score head is found under each of its names.
func TestNamesOfTheScoreHead(t *testing.T) {
	m := withHeads(t, folderOf(t, "llama"), model.Heads{Score: true})
	want := m.Score.Weight.Floats()
	saved := t.TempDir()
	require.NoError(t, m.Save(saved))
	file, err := safetensors.Open(saved)
	require.NoError(t, err)
	defer file.Close()
	for _, name := range []string{"score.weight", "rm_head.weight", "reward_head.weight"} {
		folder := t.TempDir()
		var sources []safetensors.Source
		for _, stored := range file.Names() {
			x, err := file.Get(stored)
			require.NoError(t, err)
			if stored == "score.weight" {
				stored = name
			}
			sources = append(sources, safetensors.Source{Name: stored, DType: x.DType, Shape: x.Shape, Data: x.Data})
		}
		require.NoError(t, safetensors.Write(filepath.Join(folder, "model.safetensors"), sources, nil))
		text, err := os.ReadFile(filepath.Join(saved, model.ConfigName))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(folder, model.ConfigName), text, 0o644))
		for _, reference := range []bool{false, true} {
			got := withHeads(t, folder, model.Heads{Score: true, Codebase: reference})
			require.Empty(t, got.Fresh, name)
			require.Empty(t, got.Unused, name)
			require.Equal(t, want, got.Score.Weight.Floats())
		}
	}
}

// BERT has one pooling, so transformers reads its reward model whatever the run's
// pooling.
func TestEncodersHaveOneLayout(t *testing.T) {
	saved := t.TempDir()
	m := withHeads(t, folderOf(t, "bert"), model.Heads{Score: true, Codebase: true})
	require.Equal(t, []string{"classifier.weight", "classifier.bias"}, m.Fresh)
	require.NoError(t, m.Save(saved))
	heads, _, err := model.ReadClassHeads(saved)
	require.NoError(t, err)
	require.Equal(t, []model.ClassHead{{Labels: []string{"LABEL_0"}, Coefficient: 1}}, heads)
}

// A head of other classes is an error that names it.
func TestHeadOfOtherClasses(t *testing.T) {
	saved := t.TempDir()
	require.NoError(t, withHeads(t, folderOf(t, "llama"), model.Heads{Classes: sorts}).Save(saved))
	o := cpu
	o.Heads = model.Heads{Score: true}
	_, err := model.Load(saved, o)
	require.ErrorContains(t, err, "score.weight")
}

// last runs a sequence through the body and a head at its last token.
func last(m *model.Model, head *nn.Linear, ids []int64) (out []float64) {
	tensor.Scoped(func() {
		tensor.NoGrad(func() {
			positions := make([]int64, len(ids))
			for i := range positions {
				positions[i] = int64(i)
			}
			pack := nn.Pack{IDs: tensor.Of(tensor.CPU, ids), Positions: tensor.Of(tensor.CPU, positions), MaxPosition: int64(len(ids)) - 1}
			pack.Segments.Add(0, len(ids), -1)
			out = head.Forward(m.Forward(&nn.Pass{Pack: pack}).Narrow(0, int64(len(ids))-1, 1)).Floats()
		})
	})
	return out
}

// transformers reads reward models and classifiers as …ForSequenceClassification,
// with the same logits.
func TestPeerReadsHeads(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with torch and transformers")
	}
	var folders []string
	var want [][]float64
	for _, family := range []string{"llama", "mistral", "qwen2"} {
		for _, h := range []model.Heads{{Score: true}, {Classes: sorts}} {
			m := withHeads(t, folderOf(t, family), h)
			head := m.Score
			if head == nil {
				head = m.Classes[""]
			}
			m.PadID = 3
			folder := t.TempDir()
			require.NoError(t, m.Save(folder))
			folders, want = append(folders, folder), append(want, last(m, head, someIDs))
		}
	}
	out := filepath.Join(t.TempDir(), "out.json")
	job, err := json.Marshal(map[string]any{"folders": folders, "ids": someIDs, "out": out})
	require.NoError(t, err)
	cmd := exec.Command(peer, "-c", `
import json, sys, torch
from transformers import AutoModelForSequenceClassification
job, all = json.loads(sys.argv[1]), []
for folder in job["folders"]:
    model, report = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not any(report[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), (folder, report)
    ids = torch.tensor([job["ids"] + [3, 3], job["ids"] + [3, 3]])
    with torch.no_grad():
        all.append([model.float().eval()(ids, attention_mask=(ids != 3).long()).logits[1].tolist(), model.config.id2label])
json.dump(all, open(job["out"], "w"))
`, string(job))
	cmd.Env = append(os.Environ(), "TRANSFORMERS_VERBOSITY=error", "HF_HUB_OFFLINE=1")
	printed, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	var all [][]json.RawMessage
	require.NoError(t, json.Unmarshal(text, &all))
	for i, one := range all {
		var logits []float64
		require.NoError(t, json.Unmarshal(one[0], &logits))
		require.InDeltaSlice(t, want[i], logits, peerTolerance, folders[i])
		if len(logits) == 3 {
			require.JSONEq(t, `{"0": "good", "1": "bad", "2": "ugly"}`, string(one[1]))
		}
	}
}
