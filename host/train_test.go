package host_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"llmhost/builtin"
	"llmhost/builtin/rrhf"
	"llmhost/host"
	"llmhost/host/config"
	"llmhost/host/metrics"
	"llmhost/host/model"
	"llmhost/host/plugin/worker"
	"llmhost/host/rundir"
	"llmhost/host/tensor"
	"llmhost/sdk"

	"github.com/stretchr/testify/require"
)

// childRun names, in the environment of a child, the TOML file of the run that
// the child is to make instead of testing.
const childRun = "LLMHOST_TEST_RUN"

// scratch is a folder for what all tests share.
var scratch string

func TestMain(m *testing.M) {
	if worker.Asked(os.Args) {
		os.Exit(worker.Main())
	}
	if file := os.Getenv(childRun); file != "" {
		os.Exit(trainAsChild(file))
	}
	var err error
	if scratch, err = os.MkdirTemp("", "llmhost-runs-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

func trainAsChild(file string) int {
	s, _, err := config.Load(file, nil)
	if err == nil {
		err = host.Train(context.Background(), s, host.Env{Builtins: builtin.All(), Version: "child", Lines: os.Stdout})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// small is a random model, and ranked the first of the quickstart's records.
// Both are made once.
var small = sync.OnceValues(func() (string, error) {
	folder := filepath.Join(scratch, "model")
	_, err := host.Init(smallModel(folder))
	return folder, err
})

func smallModel(folder string) host.NewModel {
	return host.NewModel{OutputDir: folder, HiddenSize: 32, NumHiddenLayers: 2, NumAttentionHeads: 4,
		MaxPositionEmbeddings: 256, TieWordEmbeddings: true, InitializerRange: 0.05, Seed: 7}
}

// quickstart copies count records of a file of the quickstart, from one on.
func quickstart(t *testing.T, name string, from, count int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "examples", "quickstart", name))
	require.NoError(t, err)
	lines := strings.SplitAfter(string(text), "\n")[from : from+count]
	return written(t, filepath.Join(t.TempDir(), name), strings.Join(lines, ""))
}

// written puts text at path, and returns path.
func written(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

// ranking is a run over 24 records in steps of 8, three an epoch for two
// epochs, that saves every second step and evaluates every third.
func ranking(t *testing.T) config.Settings {
	t.Helper()
	folder, err := small()
	require.NoError(t, err)
	s := config.Default()
	s.Task, s.Model, s.OutputDir = "rrhf", folder, filepath.Join(t.TempDir(), "run")
	s.DataPaths, s.EvalDataPaths = []string{quickstart(t, "train.jsonl", 0, 24)}, []string{quickstart(t, "eval.jsonl", 0, 8)}
	s.MaxLength, s.Device, s.Threads = 128, "cpu", 2
	s.NumTrainEpochs, s.TrainBatchSize, s.AccumulationSteps = 2, 4, 2
	s.LearningRate, s.SchedulerType, s.WarmupRatio, s.WeightDecay = 1e-2, "cosine", 0.1, 0.01
	s.EvalStrategy, s.EvalSteps, s.LoggingSteps = "steps", 3, 1
	s.SaveSteps = 2
	return s
}

// trained makes a run and returns the lines that it printed.
func trained(s config.Settings) (lines string, err error) {
	return trainedUntil(context.Background(), s, nil)
}

// trainedUntil calls seen with each line of the run.
func trainedUntil(ctx context.Context, s config.Settings, seen func(line string)) (string, error) {
	var lines bytes.Buffer
	err := host.Train(ctx, s, host.Env{Builtins: builtin.All(), Version: "test", Lines: writer(func(p []byte) {
		lines.Write(p)
		if seen != nil {
			seen(string(p))
		}
	})})
	return lines.String(), err
}

type writer func(p []byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

// mustTrain is trained for a run that must not fail.
func mustTrain(t *testing.T, s config.Settings) string {
	t.Helper()
	lines, err := trained(s)
	require.NoError(t, err, lines)
	return lines
}

// contents reads a file, by the parts of its path.
func contents(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(text)
}

// weights is the sha256 of a folder's model.
func weights(t *testing.T, folder string) string {
	t.Helper()
	return digest(t, folder, "model.safetensors")
}

// entries are what a run measured, except for its speed.
func entries(t *testing.T, folder string) []metrics.Entry {
	t.Helper()
	all, err := metrics.ReadJSONL(filepath.Join(folder, "metrics.jsonl"))
	require.NoError(t, err)
	for i, e := range all {
		all[i].Values = nil
		for _, v := range e.Values {
			if v.Name != "tokens_per_second" {
				all[i].Values = append(all[i].Values, v)
			}
		}
	}
	return all
}

// last is the last measured value of a metric.
func last(t *testing.T, folder, name string) float64 {
	t.Helper()
	all := entries(t, folder)
	for i := len(all) - 1; i >= 0; i-- {
		if v, ok := all[i].Get(name); ok {
			return v
		}
	}
	require.Fail(t, "no such metric", name)
	return 0
}

// names are what the metrics of a run are called.
func names(t *testing.T, folder string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, e := range entries(t, folder) {
		for _, v := range e.Values {
			found[v.Name] = true
		}
	}
	return found
}

func readRecord(t *testing.T, folder string) (r rundir.Record) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(contents(t, folder, "run.json")), &r))
	return r
}

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// digest is the sha256 of a file.
func digest(t *testing.T, path ...string) string { t.Helper(); return sha(contents(t, path...)) }

// A run learns, prints what it does, and leaves a folder that records its inputs.
func TestTrain(t *testing.T) {
	s := ranking(t)
	s.NumTrainEpochs = 6
	lines := mustTrain(t, s)
	first, _ := entries(t, s.OutputDir)[0].Get("eval_loss")
	require.Equal(t, 0, entries(t, s.OutputDir)[0].Step, "evaluate_at_beginning")
	require.Less(t, last(t, s.OutputDir, "eval_loss"), 0.8*first)
	for _, want := range []string{
		"task   rrhf: align a model with scored candidates by ranking (builtin)\n",
		"train  24 records, 96 sequences, ", "eval   8 records, 32 sequences, ", "plan   18 steps of 8 records, 3 an epoch; learning rate 0.01, cosine\n",
		"saved " + filepath.Join(s.OutputDir, "checkpoint-18") + "\n", "before", "eval_rank_accuracy",
		"picture  " + filepath.Join(s.OutputDir, "curve.svg") + "\n",
	} {
		require.Contains(t, lines, want)
	}
	require.Contains(t, contents(t, s.OutputDir, "curve.svg"), "<svg")
	for _, name := range []string{"config.json", "tokenizer.json"} {
		require.FileExists(t, filepath.Join(s.OutputDir, name))
	}
	found, err := filepath.Glob(filepath.Join(s.OutputDir, "events.out.tfevents.*"))
	require.NoError(t, err)
	require.Len(t, found, 1)

	again := s
	again.Model, again.OutputDir = s.OutputDir, filepath.Join(t.TempDir(), "more")
	mustTrain(t, again)
	began, _ := entries(t, again.OutputDir)[0].Get("eval_loss")
	require.InDelta(t, last(t, s.OutputDir, "eval_loss"), began, 1e-6, "the model saved is the model trained")
}

// dataRecord is a data file as run.json lists it.
func dataRecord(t *testing.T, path string) rundir.SourceRecord {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return rundir.SourceRecord{Path: path, SHA256: digest(t, path), Bytes: info.Size()}
}

func TestRecord(t *testing.T) {
	s := ranking(t)
	s.Params = map[string]config.Param{"rrhf_weight": {Value: int64(2), Where: "x"}}
	mustTrain(t, s)
	r := readRecord(t, s.OutputDir)
	require.True(t, r.Finished)
	require.Equal(t, []int{6, 6}, []int{r.GlobalStep, r.TotalSteps})
	require.Equal(t, digest(t, s.OutputDir, "model.safetensors"), r.FinalSHA256)
	require.Equal(t, rundir.SourceRecord{Path: s.Model, SHA256: digest(t, s.Model, "model.safetensors")}, r.Model)
	require.Equal(t, rundir.SourceRecord{Path: s.Model, SHA256: digest(t, s.Model, "tokenizer.json")}, r.Tokenizer)
	require.Equal(t, []rundir.SourceRecord{dataRecord(t, s.DataPaths[0])}, r.Data)
	require.Equal(t, []rundir.SourceRecord{dataRecord(t, s.EvalDataPaths[0])}, r.EvalData)
	binary, err := os.Executable()
	require.NoError(t, err)
	require.Equal(t, digest(t, binary), r.Binary)
	require.Equal(t, rundir.DTypes{Param: "float32", Compute: "float32", Loss: "float32"}, r.DTypes)
	require.Equal(t, []any{"cpu", 2, "test", tensor.Version()}, []any{r.Device, r.Threads, r.Versions.LLMHost, r.Versions.Torch})
	require.Equal(t, []string{"rrhf", "builtin", "formatter preference of plugin preference"}, []string{r.Task.Name, r.Task.Transport, r.Task.Formatter})
	require.Equal(t, 2.0, r.Task.Params["rrhf_weight"])
	require.Equal(t, "mean", r.Task.Params["rrhf_reduction"], "a parameter that nobody set")
	require.Equal(t, 1e-2, r.Settings["learning_rate"])
	require.Positive(t, r.TrainSeconds)
}

// The settings that a run wrote make the same run.
func TestWrittenSettingsRepeatTheRun(t *testing.T) {
	s := ranking(t)
	mustTrain(t, s)
	again, notices, err := config.Load(filepath.Join(s.OutputDir, "config.toml"), []string{"--output_dir", filepath.Join(t.TempDir(), "again")})
	require.NoError(t, err)
	require.Empty(t, notices)
	mustTrain(t, again)
	require.Equal(t, weights(t, s.OutputDir), weights(t, again.OutputDir))
	require.Equal(t, entries(t, s.OutputDir), entries(t, again.OutputDir))
	again.OutputDir = s.OutputDir
	require.Equal(t, s.Map(), again.Map())
}

func TestEvaluationSets(t *testing.T) {
	other := t.TempDir()
	files := []string{quickstart(t, "eval.jsonl", 0, 8), quickstart(t, "train.jsonl", 30, 3), filepath.Join(other, "eval.json")}
	written(t, files[2], "["+strings.ReplaceAll(strings.TrimSpace(contents(t, quickstart(t, "eval.jsonl", 8, 5))), "\n", ",")+"]")
	apart := []string{"eval_eval_loss", "eval_train_loss", "eval_eval_2_loss", "eval_train_rank_accuracy"}
	for _, c := range []struct {
		mode          string
		files         []string
		want, without []string
	}{
		{"separate", files, apart, []string{"eval_loss", "eval_all_loss"}},
		{"merge", files, []string{"eval_loss", "eval_rank_accuracy"}, append(apart, "eval_all_loss")},
		{"both", files, append(apart, "eval_all_loss", "eval_all_rank_accuracy"), []string{"eval_loss"}},
		{"both", files[:1], []string{"eval_loss"}, []string{"eval_eval_loss", "eval_all_loss"}},
	} {
		t.Run(fmt.Sprintf("%s of %d", c.mode, len(c.files)), func(t *testing.T) {
			s := ranking(t)
			s.EvalDataPaths, s.EvalDatasetMergeMode, s.MaxSteps = c.files, c.mode, 1
			mustTrain(t, s)
			found := names(t, s.OutputDir)
			for _, name := range c.want {
				require.True(t, found[name], "%s among %v", name, found)
			}
			for _, name := range c.without {
				require.False(t, found[name], "%s among %v", name, found)
			}
			require.Len(t, readRecord(t, s.OutputDir).EvalData, len(c.files))
		})
	}
}

// All evaluation records together have the mean of the sets, by their pairs.
func TestMergedSetsAreWeighedByRecords(t *testing.T) {
	s := ranking(t)
	s.EvalDataPaths = []string{quickstart(t, "eval.jsonl", 0, 6), quickstart(t, "train.jsonl", 30, 2)}
	s.EvalDatasetMergeMode, s.MaxSteps, s.EvalBatchSize = "both", 1, 3
	mustTrain(t, s)
	apart := 6*last(t, s.OutputDir, "eval_eval_loss") + 2*last(t, s.OutputDir, "eval_train_loss")
	require.InEpsilon(t, apart/8, last(t, s.OutputDir, "eval_all_loss"), 1e-6)
}

func TestEvaluationIsMadeWhenItIsAskedFor(t *testing.T) {
	evaluated := func(change func(*config.Settings)) (steps []int) {
		s := ranking(t)
		s.SaveStrategy = "no"
		change(&s)
		mustTrain(t, s)
		for _, e := range entries(t, s.OutputDir) {
			if _, ok := e.Get("eval_loss"); ok {
				steps = append(steps, e.Step)
			}
		}
		return steps
	}
	require.Equal(t, []int{0, 3, 6}, evaluated(func(*config.Settings) {}))
	require.Equal(t, []int{4, 6}, evaluated(func(s *config.Settings) { s.EvaluateAtBeginning, s.EvalSteps = false, 4 }))
	require.Equal(t, []int{0, 6}, evaluated(func(s *config.Settings) { s.EvalStrategy = "no" }), "held-out files and no strategy: before and after")
	require.Empty(t, evaluated(func(s *config.Settings) { s.EvalStrategy, s.EvalDataPaths = "no", nil }))
}

func TestDebugModeTakesTheFirstRecords(t *testing.T) {
	s := ranking(t)
	s.DataPaths, s.EvalDataPaths = []string{quickstart(t, "train.jsonl", 0, 104), quickstart(t, "train.jsonl", 104, 3)}, []string{quickstart(t, "train.jsonl", 110, 103)}
	s.DebugMode, s.MaxSteps, s.EvalBatchSize = true, 1, 50
	lines := mustTrain(t, s)
	require.Contains(t, lines, "train  103 records, ")
	require.Contains(t, lines, "eval   100 records, ")
}

// The first records are those of the files in their order; evaluation files are
// cut one by one.
func TestMostSamples(t *testing.T) {
	s := ranking(t)
	s.DataPaths = []string{quickstart(t, "train.jsonl", 0, 5), quickstart(t, "train.jsonl", 5, 9)}
	s.EvalDataPaths = []string{quickstart(t, "eval.jsonl", 0, 6), quickstart(t, "eval.jsonl", 6, 2)}
	s.MaxTrainSamples, s.MaxEvalSamples, s.MaxSteps = 7, 3, 1
	lines := mustTrain(t, s)
	require.Contains(t, lines, "train  7 records, ")
	require.Contains(t, lines, "eval   3 records, ")
	require.Contains(t, lines, "eval   2 records, ")

	same := s
	same.DataPaths, same.MaxTrainSamples = []string{quickstart(t, "train.jsonl", 0, 7)}, 0
	same.OutputDir = filepath.Join(t.TempDir(), "same")
	mustTrain(t, same)
	require.Equal(t, weights(t, s.OutputDir), weights(t, same.OutputDir))
}

func TestBFloat16RunsAndLearns(t *testing.T) {
	s := ranking(t)
	s.BF16, s.NumTrainEpochs = true, 6
	lines := mustTrain(t, s)
	require.Contains(t, lines, "float32 weights, bfloat16 products")
	first, _ := entries(t, s.OutputDir)[0].Get("eval_loss")
	require.Less(t, last(t, s.OutputDir, "eval_loss"), 0.8*first)
	require.Equal(t, rundir.DTypes{Param: "float32", Compute: "bfloat16", Loss: "float32"}, readRecord(t, s.OutputDir).DTypes)
}

func TestCheckpointedActivationsGiveTheSameLoss(t *testing.T) {
	s := ranking(t)
	mustTrain(t, s)
	saving := ranking(t)
	saving.DataPaths, saving.Checkpointing = s.DataPaths, true
	mustTrain(t, saving)
	require.InDelta(t, last(t, s.OutputDir, "eval_loss"), last(t, saving.OutputDir, "eval_loss"), 1e-5)
	require.InDelta(t, last(t, s.OutputDir, "loss"), last(t, saving.OutputDir, "loss"), 1e-5)
}

// Results on the CPU depend on the alignment of weights in the last bit, so
// they are never used in place in the mapped file.
func TestWeightsAreAligned(t *testing.T) {
	folder, err := small()
	require.NoError(t, err)
	for _, compute := range []tensor.DType{tensor.Float32, tensor.BFloat16} {
		m, err := model.Load(folder, model.Options{Device: tensor.CPU, Param: tensor.Float32, Compute: compute})
		require.NoError(t, err)
		require.NotEmpty(t, m.Params().All())
		for _, p := range m.Params().All() {
			require.Zero(t, p.Tensor.Address()%64, p.Name)
		}
		m.Free()
	}
}

// Each of these settings reaches what it is about: it changes the weights. The
// seed alone does not, where the order of the records has its own.
func TestSettingsTakeEffect(t *testing.T) {
	base := ranking(t)
	base.MaxSteps, base.SaveStrategy, base.EvalStrategy, base.EvalDataPaths = 3, "no", "no", nil
	mustTrain(t, base)
	for name, change := range map[string]func(*config.Settings){
		"accumulation mean": func(s *config.Settings) { s.AccumulationMean, s.TrainBatchSize = "micro_batch", 3 },
		"data seed":         func(s *config.Settings) { s.DataSeed = 1 },
		"weight decay":      func(s *config.Settings) { s.WeightDecay = 0.5 },
		"noise":             func(s *config.Settings) { s.NoiseAlpha = 5 },
		"clipping":          func(s *config.Settings) { s.MaxGradNorm = 0.01 },
		"schedule":          func(s *config.Settings) { s.SchedulerType = "constant" },
		"answer alone":      func(s *config.Settings) { s.OnlyPredictAnswer = false },
		"special tokens":    func(s *config.Settings) { s.AddSpecialTokens = config.Off },
		"length":            func(s *config.Settings) { s.MaxLength = 16 },
	} {
		t.Run(name, func(t *testing.T) {
			s := base
			s.OutputDir = filepath.Join(t.TempDir(), "run")
			change(&s)
			mustTrain(t, s)
			require.NotEqual(t, weights(t, base.OutputDir), weights(t, s.OutputDir))
		})
	}
	s := base
	s.OutputDir, s.Seed, s.DataSeed, s.LoggingSteps = filepath.Join(t.TempDir(), "run"), 3, 42, 2
	mustTrain(t, s)
	require.Equal(t, weights(t, base.OutputDir), weights(t, s.OutputDir), "nothing random is left but the order")
}

// A task has defaults for settings, which hold where the user chose nothing.
func TestDefaultsOfATask(t *testing.T) {
	train := func(s config.Settings, defaults map[string]any) (string, error) {
		plugin := sdk.Plugin{Name: "test", Losses: []sdk.LossSpec{sdk.NewLoss("test", "a loss", rrhf.Loss{})},
			Tasks: []sdk.Task{{Name: "gentle", Formatter: "builtin:preference", Head: sdk.LMHead, Loss: "test", Defaults: defaults}}}
		var lines bytes.Buffer
		err := host.Train(context.Background(), s, host.Env{Builtins: append(builtin.All(), plugin), Lines: &lines})
		return lines.String(), err
	}
	s := ranking(t)
	s.Task, s.MaxSteps = "gentle", 1
	_, err := train(s, map[string]any{"max_lenght": 64})
	require.EqualError(t, err, "task gentle has a default for max_lenght, which is neither one of its parameters nor a setting; did you mean max_length?")
	require.NoDirExists(t, s.OutputDir)

	lines, err := train(s, map[string]any{"weight_decay": 0.5, "max_grad_norm": 0.25, "prompt_split": "sep", "rrhf_weight": 3.0})
	require.NoError(t, err)
	require.Contains(t, lines, "note: max_grad_norm = 0.25, the default of task gentle\n")
	require.NotContains(t, lines, "note: weight_decay")
	r := readRecord(t, s.OutputDir)
	require.Equal(t, []any{0.01, 0.25}, []any{r.Settings["weight_decay"], r.Settings["max_grad_norm"]})
	require.Equal(t, []any{"sep", 3.0}, []any{r.Task.Params["prompt_split"], r.Task.Params["rrhf_weight"]})
	require.Contains(t, contents(t, s.OutputDir, "config.toml"), "max_grad_norm = 0.25\n")
}
