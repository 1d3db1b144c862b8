package train_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/tensor"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// peerSmoothing prints what transformers' Trainer makes of padded sequences: the
// loss with label_smoothing_factor, the norm of its gradient, eval_loss, and the loss
// without smoothing.
const peerSmoothing = `
import json, sys, tempfile, torch
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments, default_data_collator
torch.set_num_threads(1)
job = json.loads(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(job["folder"], dtype=torch.float32, attn_implementation="eager")
width = max(len(ids) for ids, _ in job["sequences"])
rows = [{"input_ids": ids + [0] * (width - len(ids)), "attention_mask": [1] * len(ids) + [0] * (width - len(ids)),
         "labels": labels + [-100] * (width - len(ids))} for ids, labels in job["sequences"]]
def trainer(epsilon):
    arguments = TrainingArguments(output_dir=tempfile.mkdtemp(), label_smoothing_factor=epsilon, use_cpu=True, report_to="none",
                                  per_device_eval_batch_size=len(rows), remove_unused_columns=False, disable_tqdm=True)
    return Trainer(model, args=arguments, eval_dataset=rows, data_collator=default_data_collator)
smooth = trainer(job["epsilon"])
loss = smooth.compute_loss(model, default_data_collator(rows))
loss.backward()
norm = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
print("\n" + json.dumps({"loss": loss.item(), "norm": norm.item(), "eval": smooth.evaluate()["eval_loss"],
                         "plain": trainer(0.0).evaluate()["eval_loss"]}))`

// smoothed is what the peer prints.
type smoothed struct{ Loss, Norm, Eval, Plain float64 }

func askSmoothing(t *testing.T, folder string, epsilon float64, examples []data.Example) (out smoothed) {
	t.Helper()
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON does not name a Python with transformers")
	}
	var sequences [][2][]int64
	for _, e := range examples {
		for _, s := range e.Sequences {
			sequences = append(sequences, [2][]int64{s.IDs, s.Labels})
		}
	}
	job, err := json.Marshal(map[string]any{"folder": folder, "epsilon": epsilon, "sequences": sequences})
	require.NoError(t, err)
	cmd := exec.Command(python, "-c", peerSmoothing, string(job))
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1")
	printed, err := cmd.Output()
	require.NoError(t, err, "%v", err)
	lines := strings.Split(strings.TrimSpace(string(printed)), "\n")
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &out))
	return out
}

// Label smoothing is that of transformers' Trainer, in training and evaluation,
// however sequences are packed, prefixes shared and steps cut; perplexity is that of
// the labels alone.
func TestLabelSmoothingIsThatOfThePeer(t *testing.T) {
	for name, c := range map[string]struct {
		config  string
		epsilon float64
	}{
		"llama":  {configs["llama"], 0.1},
		"capped": {`{"model_type": "gemma2", "vocab_size": 24, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "initializer_range": 0.4, "final_logit_softcapping": 2.0, "query_pre_attn_scalar": 8, "pad_token_id": null, "max_position_embeddings": 64}`, 0.4},
	} {
		t.Run(name, func(t *testing.T) {
			created, err := model.Create([]byte(c.config), 1, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32})
			require.NoError(t, err)
			t.Cleanup(created.Free)
			folder := t.TempDir()
			require.NoError(t, created.Save(folder))
			examples := uneven(3, true)
			want := askSmoothing(t, folder, c.epsilon, examples)
			require.InDelta(t, want.Loss, want.Eval, float32Limit, "the peer smooths its evaluations too")
			require.Greater(t, math.Abs(want.Loss-want.Plain), noticed)

			p := loss(t, "sft", map[string]any{"label_smoothing_factor": c.epsilon})
			for _, size := range []int{1, 3, 8} {
				for _, share := range []bool{false, true} {
					what := fmt.Sprintf("micro-batches of %d, shared prefixes %v", size, share)
					o := train.Options{SharePrefix: share, Checkpointing: share}
					got, report := measure(t, created, p, o, cut(examples, size))
					require.InEpsilon(t, want.Loss, got.loss, float32Limit, what)
					require.InEpsilon(t, want.Norm, report.GradNorm, 10*float32Limit, what)
					e, err := newTrainer(t, created, p, 0, o).Evaluate(cut(examples, size), nil)
					require.NoError(t, err)
					require.InEpsilon(t, want.Eval, e.Loss(), float32Limit, what)
					e.Values(func(name string, v float64) {
						require.Equal(t, "perplexity", name)
						require.InEpsilon(t, math.Exp(want.Plain), v, 10*float32Limit, what)
					})
				}
			}
			half, err := model.Load(folder, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.BFloat16})
			require.NoError(t, err)
			t.Cleanup(half.Free)
			got, report := measure(t, half, p, train.Options{SharePrefix: true}, cut(examples, 8))
			require.InEpsilon(t, want.Loss, got.loss, 2e-2, "bfloat16")
			require.InEpsilon(t, want.Norm, report.GradNorm, 5e-2, "bfloat16")
		})
	}
}
