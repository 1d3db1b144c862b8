package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
)

// TestBadFiles compares the errors of each testdata/NAME.bad.toml with
// NAME.bad.txt.
func TestBadFiles(t *testing.T) {
	t.Chdir("testdata")
	files, err := filepath.Glob("*.bad.toml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(file, "toml") + "txt")
			require.NoError(t, err)
			_, _, err = config.Load(file, nil)
			require.EqualError(t, err, strings.TrimSuffix(string(want), "\n"))
		})
	}
}

// TestGoodFiles loads each testdata/NAME.good.toml, with the notices in
// NAME.good.txt, and reads what TOML writes back to the same settings.
func TestGoodFiles(t *testing.T) {
	t.Chdir("testdata")
	files, err := filepath.Glob("*.good.toml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			s, notices, err := config.Load(file, nil)
			require.NoError(t, err)
			want, _ := os.ReadFile(strings.TrimSuffix(file, "toml") + "txt")
			require.Equal(t, string(want), lines(notices))
			requireRoundTrip(t, s)
		})
	}
}

func lines(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return strings.Join(texts, "\n") + "\n"
}

// requireRoundTrip checks that what TOML writes for s reads back to s; only the
// places of parameters may change.
func requireRoundTrip(t *testing.T, s config.Settings) {
	t.Helper()
	again, notices, err := config.Parse("again", s.TOML())
	require.NoError(t, err, s.TOML())
	require.Empty(t, withoutHints(notices))
	require.Equal(t, s.Map(), again.Map())
	require.Equal(t, s.TOML(), again.TOML())
	for _, p := range again.Params {
		require.True(t, strings.HasPrefix(p.Where, "again:"), p.Where)
	}
}

// withoutHints drops the notices on settings that do nothing together.
func withoutHints(notices []string) (left []string) {
	for _, n := range notices {
		if !strings.Contains(n, "warmup_steps is set") && !strings.Contains(n, "no warm-up") && !strings.Contains(n, "has no effect without load_best") {
			left = append(left, n)
		}
	}
	return left
}

func TestEveryKindOfValue(t *testing.T) {
	s, _, err := config.Load("testdata/rrhf.good.toml", nil)
	require.NoError(t, err)
	want := config.Default()
	want.Task = "plugins/rrhf.wasm"
	want.Model = "models/stories"
	want.OutputDir = "runs/rrhf"
	want.DataPaths = []string{"data/a.jsonl", "data/b.jsonl"}
	want.EvalDataDir = "data/eval"
	want.EvalStrategy = "epoch"
	want.LearningRate = 1e-4
	want.NumTrainEpochs = 2
	want.MaxLength = 256
	want.BF16 = true
	want.SchedulerType = "polynomial"
	want.SchedulerKwargs = map[string]any{"power": 2.0, "lr_end": 1e-6}
	want.ReportTo = nil
	at := "testdata/rrhf.good.toml:"
	want.Params = map[string]config.Param{
		"rrhf_weight":    {Value: 1.0, Where: at + "20:1"},
		"length_penalty": {Value: int64(1), Where: at + "21:1"},
		"mode":           {Value: "two\nlines", Where: at + "22:1"},
		"odd name":       {Value: true, Where: at + "25:1"},
	}
	require.EqualExportedValues(t, want, s)
}

func TestDefault(t *testing.T) {
	s := config.Default()
	require.Equal(t, 512, s.MaxLength)
	require.Equal(t, 5e-5, s.LearningRate)
	require.Equal(t, []string{"tensorboard"}, s.ReportTo)
	require.Equal(t, -1, s.MaxSteps)
	require.True(t, s.EvaluateAtBeginning)
	empty, notices, err := config.Load("", nil)
	require.NoError(t, err)
	require.Empty(t, notices)
	require.Equal(t, s, empty)
	requireRoundTrip(t, s)
}

func TestMissingFile(t *testing.T) {
	_, _, err := config.Load("no.toml", []string{"--seed", "x"})
	require.EqualError(t, err, "no.toml: no such file; give the path of a TOML file\n"+
		`flag --seed: seed is the string "x"; want a whole number`)
	_, _, err = config.Load(t.TempDir(), nil)
	require.ErrorContains(t, err, "is a directory")
}

func TestSettingsOfTheBest(t *testing.T) {
	for _, c := range []struct{ text, want, note string }{
		{"load_best_model_at_end = true", `x:1:1: load_best_model_at_end is true, but there are no evaluations during training; set eval_strategy to "steps" or "epoch"`, ""},
		{"early_stopping_patience = 3", `x:1:1: early_stopping_patience is 3, but there are no evaluations during training; set eval_strategy to "steps" or "epoch"`, ""},
		{`save_strategy = "best"`, `x:1:1: save_strategy is "best", but there are no evaluations during training; set eval_strategy to "steps" or "epoch"`, ""},
		{"eval_data_paths = [\"e\"]\neval_strategy = \"epoch\"\nload_best_model_at_end = true\nsave_strategy = \"no\"", `x:3:1: load_best_model_at_end is true, but save_strategy is "no", so no checkpoint would hold the best model; write "best", "steps" or "epoch"`, ""},
		{"early_stopping_threshold = 0.5", "x:1:1: early_stopping_threshold is 0.5, but early_stopping_patience is not set", ""},
		{"greater_is_better = true", "", `x:1:1: greater_is_better has no effect without load_best_model_at_end, early_stopping_patience or save_strategy "best"`},
	} {
		_, notices, err := config.Parse("x", c.text)
		if c.want != "" {
			require.EqualError(t, err, c.want)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, []string{c.note}, notices)
	}
	for text, want := range map[string]bool{`metric_for_best_model = "accuracy"`: true, "": false, "greater_is_better = true": true, `greater_is_better = "False"`: false} {
		s, _, err := config.Parse("x", text)
		require.NoError(t, err)
		require.Equal(t, want, s.BestIsGreater(), text)
	}
}

func TestSettingsOfASplit(t *testing.T) {
	for text, want := range map[string]string{
		"eval_split = 1.5": "x:1:1: eval_split is 1.5; want a share of the records below 1, or a whole number of them",
		"eval_split = 0.1\neval_data_paths = [\"e\"]": "x:2:1: eval_data_paths is set, and so is eval_split (x:1:1); keep one",
		"eval_data_dir = \"e\"\nval_set_size = 0.1":   "x:2:1: eval_split is set, and so is eval_data_dir (x:1:1); keep one",
		"eval_split = 5\nmax_eval_samples = 3":        "x:2:1: max_eval_samples is set, and so is eval_split (x:1:1); keep one",
	} {
		_, _, err := config.Parse("x", text)
		require.EqualError(t, err, want)
	}
	s, notices, err := config.Parse("x", "val_size = 50\neval_strategy = \"epoch\"\neval_dataset_merge_mode = \"merge\"")
	require.NoError(t, err)
	require.EqualValues(t, 50, s.EvalSplit)
	require.Contains(t, notices, "x:3:1: eval_dataset_merge_mode has no effect beside eval_split, which makes one set")
}

// TestRoundTripOfOddText writes strings that TOML must escape.
func TestRoundTripOfOddText(t *testing.T) {
	s := config.Default()
	s.Task = "a\"b\\c\n\t\x00\x7fé\u2028"
	s.DataPaths = []string{"", "[x]", "'"}
	s.LearningRate = 1e22
	s.Params = map[string]config.Param{"a.b": {Value: 2.0}, "-": {Value: int64(-1)}, "é": {Value: "true"}}
	requireRoundTrip(t, s)
}

func TestRequire(t *testing.T) {
	s := config.Default()
	s.DataDir = "x"
	require.NoError(t, s.Require("data_paths|data_dir", "device"))
	require.EqualError(t, s.Require("output_dir", "eval_data_paths|eval_data_dir"),
		"output_dir is not set; want the folder of the run: model, checkpoints, logs; write it into the TOML file or give --output_dir\n"+
			"eval_data_paths or eval_data_dir is not set; want the evaluation files; write it into the TOML file or give --eval_data_paths")
	require.Panics(t, func() { _ = s.Require("no_such") })
}

var groups = []config.Group{config.GroupTask, config.GroupModel, config.GroupAdapters, config.GroupData, config.GroupTokens, config.GroupChats, config.GroupRun,
	config.GroupPluginLimits, config.GroupOptimisation, config.GroupEvaluation, config.GroupLogging, config.GroupParameters}

func TestHelpShowsTheGroupsOfAVerb(t *testing.T) {
	for _, group := range groups {
		require.Equal(t, 1, strings.Count(config.Help(groups...), config.Help(group)), group)
		require.NotEmpty(t, config.Help(group), group)
	}
	require.NotContains(t, config.Help(config.GroupModel, config.GroupData), "--learning_rate")
	require.Contains(t, config.Help(config.GroupModel, config.GroupData), "Model\n  --model_name_or_path")
	require.Empty(t, config.Help())
}

func TestHelpNamesEverySetting(t *testing.T) {
	help := config.Help(groups...)
	for name := range config.Default().Map() {
		require.Contains(t, help, "  --"+name+" (")
	}
	require.Contains(t, help, "  --learning_rate (number; at least 0; default 5e-5)\n      peak learning rate\n")
	for _, line := range strings.Split(help, "\n") {
		require.LessOrEqual(t, len(line), 80, line)
	}
}

// TestTable checks that the tags of every field are complete.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Settings]()) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		name := f.Tag.Get("name")
		require.Regexp(t, `^[a-z0-9_]+$`, name, f.Name)
		require.NotEmpty(t, f.Tag.Get("help"), name)
		require.False(t, seen[name], "two settings are called %s", name)
		require.Empty(t, f.Tag.Get("alias"), "other names of %s belong into SETTINGS.md", name)
		seen[name] = true
	}
}

func TestNearest(t *testing.T) {
	require.Equal(t, "learning_rate", config.Nearest("learning_rte"))
	require.Equal(t, "eval_strategy", config.Nearest("evaluation_strateg"), "the name of now for an old spelling")
	require.Empty(t, config.Nearest("length_penalty"))
	require.Equal(t, "length_penalty", config.Nearest("lenght_penalty", "length_penalty"))
	require.Equal(t, "learning_rate", config.Nearest("learning_rte", "length_penalty"))
}

// FuzzParse checks that no text makes Parse panic, and that settings which
// it accepts survive a round trip.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.toml")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	taken := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(string(text))
		if _, _, err := config.Parse(file, string(text)); err == nil {
			taken++
		}
	}
	require.NotZero(f, taken, "a parser that refuses everything would pass below")
	f.Add("\ufeff[params]\n'a' = '''\n''' # x\r\nb.\"c\" = 1\n[ params . x ]")
	f.Fuzz(func(t *testing.T, text string) {
		s, _, err := config.Parse("x", text)
		if err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				require.NotContains(t, line, "x:0:0: ", "every problem has a place")
			}
			return
		}
		requireRoundTrip(t, s)
	})
}
