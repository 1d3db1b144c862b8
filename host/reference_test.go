package host_test

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
	"llmhost/host/lora"
)

// begun are kinds of adapters that a DPO run goes on from.
var begun = []struct {
	name string
	set  func(t *testing.T, s *config.Settings)
}{
	{"lora", func(*testing.T, *config.Settings) {}},
	{"dora", func(_ *testing.T, s *config.Settings) { s.UseDoRA = true }},
	{"modules saved whole", func(_ *testing.T, s *config.Settings) { s.ModulesToSave = []string{"embed_tokens"} }},
	{"4 bits", func(_ *testing.T, s *config.Settings) { s.LoadIn4Bit = true }},
	{"pissa", func(t *testing.T, s *config.Settings) {
		s.LoraR, s.PEFTConfigPath = 0, written(t, filepath.Join(t.TempDir(), "peft.json"), `{"r": 2, "target_modules": ["q_proj", "v_proj"], "init_lora_weights": "pissa"}`)
	}},
}

// tuned is the folder of an adapter that was trained on answers.
func tuned(t *testing.T, set func(*testing.T, *config.Settings)) string {
	t.Helper()
	s := lesson(t, "sft", promptAnswer(nil), nil)
	s.LoraR, s.LoraDropout, s.NumTrainEpochs, s.EvalDataPaths = 4, 0.1, 1, nil
	set(t, &s)
	mustTrain(t, s)
	return s.OutputDir
}

// goesOn is a DPO run that goes on from an adapter.
func goesOn(t *testing.T, adapter string, set func(*testing.T, *config.Settings)) config.Settings {
	t.Helper()
	s := lesson(t, "dpo", pair, nil)
	set(t, &s)
	s.LoraR, s.LoraDropout, s.UseDoRA, s.ModulesToSave, s.PEFTConfigPath = 0, config.Default().LoraDropout, false, nil, ""
	s.Adapter, s.MaxSteps, s.SaveStrategy, s.SaveSteps = adapter, 4, "steps", 2
	s.LoggingStrategy, s.LoggingSteps = "steps", 1
	return s
}

// A loss with a reference holds an adapter that it goes on from against a frozen copy of
// it, as TRL does: the loss begins at ln 2, and a resumed run still compares with
// the adapter that the first one began with.
func TestReferenceIsTheModelAsTheRunFoundIt(t *testing.T) {
	for _, c := range begun {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			adapter := tuned(t, c.set)
			s := goesOn(t, adapter, c.set)
			lines := mustTrain(t, s)
			require.Contains(t, lines, "reference: the model with its adapter as it is in "+adapter+"\n")
			off := "note: the adapter's dropout of 0.1 is off, as in TRL where answers are compared; disable_dropout = false turns it on\n"
			require.Equal(t, c.name != "pissa", strings.Contains(lines, off), "pissa's file asks for none")
			first := entries(t, s.OutputDir)[1]
			require.Equal(t, "loss", first.Values[0].Name)
			require.InDelta(t, math.Ln2, first.Values[0].Value, 1e-6, "dropout is off, as in TRL")
			before, after := measured(t, s.OutputDir, "eval_loss")
			require.InDelta(t, math.Ln2, before, 1e-6)
			require.Less(t, after, before)

			again := goesOn(t, adapter, c.set)
			again.MaxSteps = 2
			mustTrain(t, again)
			again.MaxSteps, again.Resume = 4, "auto"
			require.Contains(t, mustTrain(t, again), "reference: the model with its adapter as it is in "+adapter+"\n")
			require.Equal(t, adapterBytes(t, s.OutputDir), adapterBytes(t, again.OutputDir))

			ahead := goesOn(t, adapter, c.set)
			ahead.PrecomputeRefLogProbs, ahead.MaxSteps = true, 1
			require.Contains(t, mustTrain(t, ahead), "reference: the model with its adapter as it is in "+adapter+", precomputed\n")
			begins, _ := measured(t, ahead.OutputDir, "eval_loss")
			require.InDelta(t, math.Ln2, begins, 1e-4)
		})
	}
}

// The base is the reference where a setting names it.
func TestReferenceIsTheBaseWhereAsked(t *testing.T) {
	for _, c := range begun {
		t.Run(c.name, func(t *testing.T) {
			s := goesOn(t, tuned(t, c.set), c.set)
			s.RefModel, s.MaxSteps = s.Model, 1
			lines := mustTrain(t, s)
			before, _ := measured(t, s.OutputDir, "eval_loss")
			require.Greater(t, math.Abs(before-math.Ln2), 1e-3, "the adapter is not part of the reference")
			whole := c.name == "modules saved whole" || c.name == "pissa"
			require.Equal(t, !whole, strings.Contains(lines, "reference: the model without its adapter\n"), lines)
			require.Equal(t, whole, strings.Contains(lines, "reference: "+s.Model+"\n"), lines)
		})
	}
}

// A new adapter is held against the model without it, whatever else it trains.
func TestReferenceOfANewAdapter(t *testing.T) {
	for _, c := range begun {
		t.Run(c.name, func(t *testing.T) {
			s := adapted(t)
			c.set(t, &s)
			s.MaxSteps = 1
			mustTrain(t, s)
			before, _ := measured(t, s.OutputDir, "eval_loss")
			want := 1e-6
			if c.name == "pissa" {
				want = 1e-4 // what is taken off a weight and put on again is rounded
			}
			require.InDelta(t, math.Ln2, before, want)
		})
	}
}

// A resumed run says so where the adapter that it began with is gone.
func TestReferenceThatIsGone(t *testing.T) {
	adapter := tuned(t, func(*testing.T, *config.Settings) {})
	s := goesOn(t, adapter, func(*testing.T, *config.Settings) {})
	s.MaxSteps = 2
	mustTrain(t, s)
	require.NoError(t, os.Remove(filepath.Join(adapter, lora.WeightsName)))
	s.MaxSteps, s.Resume = 4, "auto"
	_, err := trained(s)
	require.ErrorContains(t, err, "reference model, which has the adapter that the run began with: "+filepath.Join(adapter, lora.WeightsName)+": no such file")
}

// trlGoesOn trains an adapter further with TRL's DPOTrainer and prints its losses.
const trlGoesOn = `
import json, os, sys, tempfile
os.environ["WANDB_DISABLED"] = "true"
import torch
from datasets import Dataset
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer
job = json.loads(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(job["model"])
model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(job["model"]), job["adapter"], is_trainable=True)
rows = [json.loads(line) for line in open(job["data"])]
args = DPOConfig(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=len(rows), max_steps=3, learning_rate=1e-2, lr_scheduler_type="constant",
                 max_grad_norm=0, logging_steps=1, report_to="none", use_cpu=True, save_strategy="no", bf16=False, gradient_checkpointing=False, disable_tqdm=True)
trainer = DPOTrainer(model=model, args=args, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
trainer.train()
print(json.dumps([entry["loss"] for entry in trainer.state.log_history if "loss" in entry]))
`

// TRL's losses are ours, step for step.
func TestReferenceWithAnAdapterPeer(t *testing.T) {
	peer := os.Getenv("LLMHOST_PEER_PYTHON")
	if peer == "" {
		t.Skip("LLMHOST_PEER_PYTHON names no Python with TRL")
	}
	for _, c := range begun[:3] {
		t.Run(c.name, func(t *testing.T) {
			adapter := tuned(t, c.set)
			s := goesOn(t, adapter, c.set)
			s.EvalDataPaths, s.MaxSteps, s.MaxGradNorm, s.AccumulationSteps, s.SaveStrategy = nil, 3, 0, 1, "no"
			s.TrainBatchSize, s.LoggingStrategy, s.LoggingSteps = strings.Count(contents(t, s.DataPaths[0]), "\n"), "steps", 1
			mustTrain(t, s)
			job, err := json.Marshal(map[string]string{"model": s.Model, "adapter": adapter, "data": s.DataPaths[0]})
			require.NoError(t, err)
			command := exec.Command(peer, "-W", "ignore", "-c", trlGoesOn, string(job))
			command.Env = append(os.Environ(), "TRANSFORMERS_VERBOSITY=error", "HF_HUB_OFFLINE=1")
			printed, err := command.Output()
			require.NoError(t, err)
			var want []float64
			lines := strings.Split(strings.TrimSpace(string(printed)), "\n")
			require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &want), "%s", printed)
			require.InDelta(t, math.Ln2, want[0], 1e-5)
			var got []float64
			for _, e := range entries(t, s.OutputDir) {
				for _, v := range e.Values {
					if v.Name == "loss" {
						got = append(got, v.Value)
					}
				}
			}
			require.InDeltaSlice(t, want, got, 2e-4) // TRL prints four digits
		})
	}
}
