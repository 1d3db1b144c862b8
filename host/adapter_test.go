package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"llmhost/host"
	"llmhost/host/config"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// adapted is a DPO run of adapters whose reference is the model without them.
func adapted(t *testing.T) config.Settings {
	t.Helper()
	s := lesson(t, "dpo", pair, nil)
	s.LoraR, s.LoraDropout, s.NumTrainEpochs, s.SaveStrategy, s.SaveSteps = 4, 0.1, 2, "steps", 5
	return s
}

func adapterBytes(t *testing.T, folder string) string {
	t.Helper()
	return contents(t, folder, lora.WeightsName)
}

// A run of adapters leaves an adapter behind; a run that was stopped
// and resumed ends with the same bytes, including dropout.
func TestAdapterRunsResume(t *testing.T) {
	s := adapted(t)
	lines := mustTrain(t, s)
	require.Contains(t, lines, "weights with an adapter, of which")
	require.NoFileExists(t, filepath.Join(s.OutputDir, "model.safetensors"))
	require.FileExists(t, filepath.Join(s.OutputDir, lora.ConfigName))
	want := adapterBytes(t, s.OutputDir)

	again := adapted(t)
	again.MaxSteps = 5
	mustTrain(t, again)
	again.MaxSteps, again.Resume = -1, "auto"
	lines = mustTrain(t, again)
	require.Contains(t, lines, "resume ")
	require.Equal(t, want, adapterBytes(t, again.OutputDir))
}

// Precomputed log-probabilities of the reference change nothing,
// and the next run finds them on disk.
func TestPrecomputedReferenceTrainsAlike(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	s := lesson(t, "dpo", pair, nil)
	mustTrain(t, s)
	ahead := s
	ahead.OutputDir, ahead.PrecomputeRefLogProbs = filepath.Join(t.TempDir(), "run"), true
	require.NotContains(t, mustTrain(t, ahead), "log-probabilities of the reference model are those of")
	_, want := measured(t, s.OutputDir, "eval_loss")
	_, got := measured(t, ahead.OutputDir, "eval_loss")
	require.InDelta(t, want, got, 1e-4)
	ahead.OutputDir = filepath.Join(t.TempDir(), "run")
	require.Contains(t, mustTrain(t, ahead), "log-probabilities of the reference model are those of")
}

// A merged model computes the same as with its adapter; too tight a bound is an error.
func TestMerge(t *testing.T) {
	for _, task := range []struct {
		name   string
		record record
	}{{"sft", promptAnswer(nil)}, {"reward", scored}, {"classification", tone}} {
		t.Run(task.name, func(t *testing.T) {
			s := lesson(t, task.name, task.record, nil)
			s.LoraR, s.UseDoRA, s.NumTrainEpochs = 4, true, 1
			mustTrain(t, s)
			out := filepath.Join(t.TempDir(), "merged")
			merged, err := host.Merge(host.MergeOptions{Adapter: s.OutputDir, OutputDir: out, Tolerance: 1e-4})
			require.NoError(t, err)
			require.Equal(t, 2*7, merged.Maps)
			require.FileExists(t, filepath.Join(out, "model.safetensors"))
			require.FileExists(t, filepath.Join(out, "tokenizer.json"))
			_, err = host.Merge(host.MergeOptions{Adapter: s.OutputDir, OutputDir: out, Tolerance: 1e-4})
			require.EqualError(t, err, "output_dir "+out+" is not empty; name another folder or empty this one")
			require.NoError(t, os.RemoveAll(out))
			_, err = host.Merge(host.MergeOptions{Adapter: s.OutputDir, OutputDir: out, Tolerance: -1})
			require.ErrorContains(t, err, "do not use it")
		})
	}
}

// An adapter on a model that already has the head holds the head as it was
// trained further, and so does the merged model.
func TestAdapterOnAModelWithItsHead(t *testing.T) {
	s := lesson(t, "reward", scored, nil)
	s.Model, s.LoraR, s.NumTrainEpochs = rewardModel(t), 4, 1
	mustTrain(t, s)
	heads, err := lora.Heads(s.OutputDir)
	require.NoError(t, err)
	require.True(t, heads.Score)
	out := filepath.Join(t.TempDir(), "merged")
	_, err = host.Merge(host.MergeOptions{Adapter: s.OutputDir, OutputDir: out, Tolerance: 1e-4})
	require.NoError(t, err)
	merged, err := model.Load(out, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: tensor.Float32, Heads: heads})
	require.NoError(t, err)
	defer merged.Free()
	require.Empty(t, merged.Fresh)
}

// rewardModel is the folder of a trained one.
func rewardModel(t *testing.T) string {
	s := lesson(t, "reward", scored, nil)
	s.NumTrainEpochs = 1
	mustTrain(t, s)
	return s.OutputDir
}

func TestAdapterSettings(t *testing.T) {
	s := adapted(t)
	s.LoraTargetModules = []string{"q_prj"}
	_, err := trained(s)
	require.ErrorContains(t, err, "did you mean q_proj?")
	s = adapted(t)
	s.LoraR, s.PEFTConfigPath = 0, written(t, filepath.Join(t.TempDir(), "peft.json"), `{"type": "lora", "config": {"r": 2, "target_modules": ["q_proj"]}}`)
	s.SaveStrategy = "no"
	mustTrain(t, s)
	c, err := lora.ReadConfig(filepath.Join(s.OutputDir, lora.ConfigName))
	require.NoError(t, err)
	require.Equal(t, 2, c.R)
}

// An adapter without the head of the next task is trained on with a new one, which is saved with it.
func TestAdapterGetsTheHeadOfTheNextTask(t *testing.T) {
	first := lesson(t, "sft", promptAnswer(nil), nil)
	first.LoraR, first.MaxSteps = 4, 2
	mustTrain(t, first)
	next := lesson(t, "classification", tone, nil)
	next.Adapter, next.NumTrainEpochs = first.OutputDir, 1
	require.Contains(t, mustTrain(t, next), "starts with random weights")
	c, err := lora.ReadConfig(filepath.Join(next.OutputDir, lora.ConfigName))
	require.NoError(t, err)
	require.Equal(t, []any{"SEQ_CLS", []string{"score"}}, []any{c.TaskType, c.ModulesToSave})
	_, after := measured(t, next.OutputDir, "eval_loss")
	again := next
	again.Adapter, again.OutputDir = next.OutputDir, filepath.Join(t.TempDir(), "run")
	require.NotContains(t, mustTrain(t, again), "starts with random weights")
	before, _ := measured(t, again.OutputDir, "eval_loss")
	require.InDelta(t, after, before, 1e-6)
}

// An adapter that holds the head of another task is trained on without it, which is said.
func TestAdapterWithTheHeadOfAnotherTask(t *testing.T) {
	const note = "note: the adapter is that of another task: its %s has no use here, and what is saved is without it\n"
	first := lesson(t, "sft", promptAnswer(nil), nil)
	first.LoraR, first.MaxSteps, first.ModulesToSave = 4, 2, []string{"lm_head"}
	first.Model = untied(t)
	mustTrain(t, first)

	classes := lesson(t, "classification", tone, nil)
	classes.Model, classes.Adapter, classes.MaxSteps = first.Model, first.OutputDir, 2
	require.Contains(t, mustTrain(t, classes), fmt.Sprintf(note, "lm_head"))
	c, err := lora.ReadConfig(filepath.Join(classes.OutputDir, lora.ConfigName))
	require.NoError(t, err)
	require.Equal(t, []any{"SEQ_CLS", []string{"score"}}, []any{c.TaskType, c.ModulesToSave})

	back := first
	back.Adapter, back.LoraR, back.ModulesToSave = classes.OutputDir, 0, nil
	back.OutputDir = filepath.Join(t.TempDir(), "run")
	require.Contains(t, mustTrain(t, back), fmt.Sprintf(note, "score"))
	c, err = lora.ReadConfig(filepath.Join(back.OutputDir, lora.ConfigName))
	require.NoError(t, err)
	require.Equal(t, "CAUSAL_LM", c.TaskType)
	require.Empty(t, c.ModulesToSave)
}

// Settings of adapters that have no effect are named, with the reason.
func TestAdapterSettingsWithoutEffect(t *testing.T) {
	first := adapted(t)
	first.SaveStrategy = "no"
	mustTrain(t, first)
	peft := written(t, filepath.Join(t.TempDir(), "peft.json"), `{"r": 2, "target_modules": ["q_proj"]}`)
	for _, c := range []struct {
		name string
		set  func(s *config.Settings)
		want string
	}{
		{"none", func(*config.Settings) {}, ""},
		{"beside an adapter", func(s *config.Settings) { s.Adapter, s.LoraAlpha, s.PEFTConfigPath = first.OutputDir, 8, peft },
			"note: lora_r, lora_alpha, lora_dropout, peft_config_path have no effect: adapter_name_or_path brings its own"},
		{"beside a file", func(s *config.Settings) { s.LoraDropout, s.PEFTConfigPath = 0.05, peft },
			"note: lora_r has no effect: peft_config_path has them all"},
		{"without an adapter", func(s *config.Settings) { s.LoraR = 0 },
			"note: lora_dropout has no effect: no adapter is trained; set lora_r to train one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := adapted(t)
			s.SaveStrategy, s.MaxSteps = "no", 1
			c.set(&s)
			lines := mustTrain(t, s)
			if c.want == "" {
				require.NotContains(t, lines, "no effect")
			}
			require.Contains(t, lines, c.want)
		})
	}
}

// An adapter that stands on a changed weight is trained, resumed, gone on from and merged
// alike.
func TestAdaptersThatChangeTheBase(t *testing.T) {
	for _, init := range []string{"pissa", "olora"} {
		t.Run(init, func(t *testing.T) {
			peft := written(t, filepath.Join(t.TempDir(), "peft.json"), `{"r": 2, "target_modules": ["q_proj", "v_proj"], "init_lora_weights": "`+init+`"}`)
			of := func(task string, r record) config.Settings {
				s := lesson(t, task, r, nil)
				s.PEFTConfigPath, s.NumTrainEpochs, s.SaveStrategy, s.SaveSteps = peft, 2, "steps", 5
				return s
			}
			s := of("sft", promptAnswer(nil))
			mustTrain(t, s)
			plain := lesson(t, "sft", promptAnswer(nil), nil)
			plain.MaxSteps, plain.LearningRate = 1, 0
			mustTrain(t, plain)
			before, after := measured(t, s.OutputDir, "eval_loss")
			untouched, _ := measured(t, plain.OutputDir, "eval_loss")
			require.InDelta(t, untouched, before, 1e-5, "a new adapter changes nothing")
			require.NotEqual(t, before, after)

			again := of("sft", promptAnswer(nil))
			again.MaxSteps = 5
			mustTrain(t, again)
			again.MaxSteps, again.Resume = -1, "auto"
			mustTrain(t, again)
			require.Equal(t, adapterBytes(t, s.OutputDir), adapterBytes(t, again.OutputDir))

			merged := filepath.Join(t.TempDir(), "merged")
			_, err := host.Merge(host.MergeOptions{Adapter: s.OutputDir, OutputDir: merged, Tolerance: 1e-4})
			require.NoError(t, err)
			for _, on := range []func(s *config.Settings){
				func(g *config.Settings) { g.Adapter = s.OutputDir },
				func(g *config.Settings) { g.Model = merged },
			} {
				g := lesson(t, "sft", promptAnswer(nil), nil)
				g.MaxSteps, g.LearningRate = 1, 0
				on(&g)
				mustTrain(t, g)
				begins, _ := measured(t, g.OutputDir, "eval_loss")
				require.InDelta(t, after, begins, 1e-5)
			}
		})
	}
}

// QLoRA: the weights below adapters are in four bits. A run learns, a resumed one
// ends with the same bytes, and merging gives the rounded model with its adapter.
func TestAdaptersOnFourBits(t *testing.T) {
	four := func() config.Settings {
		s := adapted(t)
		s.LoadIn4Bit, s.UseDoRA, s.LearningRate = true, true, 2e-2
		return s
	}
	s := four()
	s.NumTrainEpochs = 6
	lines := mustTrain(t, s)
	require.Contains(t, lines, "nf4 weights, float32 products")
	before, after := measured(t, s.OutputDir, "eval_rewards/accuracies")
	require.Greater(t, after, before)
	require.GreaterOrEqual(t, after, 0.9)

	straight, stopped := four(), four()
	mustTrain(t, straight)
	stopped.MaxSteps = 5
	mustTrain(t, stopped)
	stopped.MaxSteps, stopped.Resume = -1, "auto"
	mustTrain(t, stopped)
	require.Equal(t, adapterBytes(t, straight.OutputDir), adapterBytes(t, stopped.OutputDir))

	out := filepath.Join(t.TempDir(), "merged")
	_, err := host.Merge(host.MergeOptions{Adapter: s.OutputDir, OutputDir: out, Tolerance: 1e-4})
	require.NoError(t, err)
	merged := four()
	merged.Model, merged.RefModel, merged.LoadIn4Bit, merged.LoraR = out, out, false, 0
	merged.DataPaths, merged.EvalDataPaths, merged.MaxSteps, merged.LearningRate = s.DataPaths, s.EvalDataPaths, 1, 0
	mustTrain(t, merged)
	want, _ := measured(t, merged.OutputDir, "eval_logps/chosen")
	_, got := measured(t, s.OutputDir, "eval_logps/chosen")
	require.InDelta(t, want, got, 1e-3)

	on := four()
	on.Adapter, on.LoadIn4Bit, on.MaxSteps = s.OutputDir, false, 1
	require.Contains(t, mustTrain(t, on), "was trained with load_in_4bit = true")
}

// Where the user has no cache folder nothing is kept, nothing is written into the working
// folder, and the run says so.
func TestPrecomputedReferenceWithoutACache(t *testing.T) {
	s := lesson(t, "dpo", pair, nil)
	s.MaxSteps, s.PrecomputeRefLogProbs = 1, true
	for name, c := range map[string]struct{ home, cache, want string }{
		"none":         {"", "", "there is no cache folder; set HOME or XDG_CACHE_HOME"},
		"not writable": {t.TempDir(), "/dev/null/cache", "mkdir /dev/null: not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			work := t.TempDir()
			t.Chdir(work)
			t.Setenv("HOME", c.home)
			t.Setenv("XDG_CACHE_HOME", c.cache)
			s := s
			s.OutputDir = filepath.Join(t.TempDir(), "run")
			require.Contains(t, mustTrain(t, s), "note: log-probabilities of the reference model are not kept for the next run: "+c.want+"\n")
			left, err := os.ReadDir(work)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}
