package host_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"llmhost/host/config"
	"llmhost/host/model"
	"llmhost/host/tensor"
	"llmhost/host/train"

	"github.com/stretchr/testify/require"
)

// dropping is ranking for a GPT-NeoX with dropout, with the tokenizer of small.
func dropping(t *testing.T) config.Settings {
	t.Helper()
	s := ranking(t)
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(s.Model)))
	vocab := regexp.MustCompile(`"vocab_size": \d+`).FindString(contents(t, s.Model, "config.json"))
	m, err := model.Create([]byte(`{"model_type": "gpt_neox", "architectures": ["GPTNeoXForCausalLM"], `+vocab+`, "hidden_size": 32,
 "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 256, "initializer_range": 0.05,
 "hidden_dropout": 0.1, "attention_dropout": 0.2, "eos_token_id": 2, "torch_dtype": "float32"}`), 7,
		model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32})
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.Save(folder))
	s.Model, s.DisableDropout = folder, config.Off // auto has it off where answers are compared
	return s
}

// Dropout is part of a run's state: a resumed run drops the same and ends with the
// same bytes.
func TestRunsThatDropOutEndAlike(t *testing.T) {
	s := dropping(t)
	mustTrain(t, s)
	want := s.OutputDir

	s.OutputDir = filepath.Join(t.TempDir(), "run")
	ctx, stop := context.WithCancel(context.Background())
	_, err := trainedUntil(ctx, s, func(line string) {
		if strings.Contains(line, "step 3/6") {
			stop()
		}
	})
	stop()
	var interrupted *train.Interrupted
	require.ErrorAs(t, err, &interrupted)
	s.Resume = "auto"
	mustTrain(t, s)
	require.Equal(t, weights(t, want), weights(t, s.OutputDir))
	require.Equal(t, entries(t, want), entries(t, s.OutputDir))
}

// Checkpointing drops the same, and evaluation drops nothing.
func TestCheckpointingDropsTheSame(t *testing.T) {
	s := dropping(t)
	mustTrain(t, s)
	again := s
	again.OutputDir, again.Checkpointing = filepath.Join(t.TempDir(), "again"), true
	mustTrain(t, again)
	still := s
	still.OutputDir, still.Model = filepath.Join(t.TempDir(), "still"), t.TempDir()
	require.NoError(t, os.CopyFS(still.Model, os.DirFS(s.Model)))
	config := filepath.Join(still.Model, "config.json")
	require.NoError(t, os.Remove(config))
	written(t, config, regexp.MustCompile(`_dropout": 0\.\d`).ReplaceAllString(contents(t, s.Model, "config.json"), `_dropout": 0`))
	mustTrain(t, still)

	compared := map[string]int{} // with dropout, after a step
	for i, e := range entries(t, s.OutputDir) {
		for _, name := range []string{"loss", "eval_loss"} {
			loss, has := e.Get(name)
			if !has {
				continue
			}
			same, _ := entries(t, again.OutputDir)[i].Get(name)
			require.InEpsilon(t, loss, same, 1e-4, "%s of step %d", name, e.Step)
			whole, _ := entries(t, still.OutputDir)[i].Get(name)
			if e.Step == 0 {
				require.Equal(t, whole, loss, "before a step, dropout or not")
				continue
			}
			require.NotEqual(t, whole, loss, "%s of step %d", name, e.Step)
			compared[name]++
		}
	}
	require.NotZero(t, compared["loss"])
	require.NotZero(t, compared["eval_loss"])
}
