package model_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"llmhost/host/model"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// peerTolerance is of logits, absolute.
const peerTolerance = 2e-5

// peerLogits runs rows of ids through the models of folders with transformers:
// [folder][row][token][vocab], or the states [hidden] of an encoder.
func peerLogits(t *testing.T, folders []string, rows [][]int64) [][][][]float64 {
	t.Helper()
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with torch and transformers")
	}
	out := filepath.Join(t.TempDir(), "logits.json")
	job, err := json.Marshal(map[string]any{"folders": folders, "rows": rows, "out": out})
	require.NoError(t, err)
	cmd := exec.Command(peer, "-c", `
import json, sys, torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM
torch.set_num_threads(1)
job, logits = json.loads(sys.argv[1]), []
for folder in job["folders"]:
    encoder = AutoConfig.from_pretrained(folder).model_type == "bert"
    model, report = (AutoModel if encoder else AutoModelForCausalLM).from_pretrained(
        folder, output_loading_info=True, attn_implementation="eager", dtype=torch.float32)
    assert not any(report[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), (folder, report)
    model.eval()
    with torch.no_grad():
        outs = [model(torch.tensor([row])) for row in job["rows"]]
    logits.append([(out.last_hidden_state if encoder else out.logits)[0].tolist() for out in outs])
json.dump(logits, open(job["out"], "w"))
`, string(job))
	cmd.Env = append(os.Environ(), "TRANSFORMERS_VERBOSITY=error", "HF_HUB_OFFLINE=1")
	printed, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", printed)
	written, err := os.ReadFile(out)
	require.NoError(t, err)
	var logits [][][][]float64
	require.NoError(t, json.Unmarshal(written, &logits))
	return logits
}

// transformers loads what we save, with every key and no other, and gives the
// same logits: every family, both layouts, whole and half width.
func TestPeerGivesTheSameLogits(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 0))
	var rows [][]int64
	for _, n := range []int{1, 6, 23} {
		row := make([]int64, n)
		for i := range row {
			row[i] = rng.Int64N(40)
		}
		rows = append(rows, row)
	}
	var names, folders []string
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		for _, param := range []tensor.DType{tensor.Float32, tensor.BFloat16} {
			folder := t.TempDir()
			require.NoError(t, create(t, configs[name], model.Options{Device: tensor.CPU, Param: param, Compute: param}).Save(folder))
			names, folders = append(names, name+"/"+param.String()), append(folders, folder)
		}
	}
	for i, peers := range peerLogits(t, folders, rows) {
		t.Run(names[i], func(t *testing.T) {
			ours := load(t, folders[i], cpu)
			for r, want := range peers {
				for at, got := range logits(ours, rows[r]) {
					require.InDeltaSlice(t, want[at], got, peerTolerance, "sequence %d, token %d", r, at)
				}
			}
		})
	}
}
