package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
)

func TestFlags(t *testing.T) {
	tests := []struct {
		name  string
		flags []string
		want  func(*config.Settings)
	}{
		{"value apart", []string{"--learning_rate", "1e-5"}, func(s *config.Settings) { s.LearningRate = 1e-5 }},
		{"value behind =", []string{"--learning_rate=1e-5"}, func(s *config.Settings) { s.LearningRate = 1e-5 }},
		{"value with =", []string{"--pad_token=a=b"}, func(s *config.Settings) { s.PadToken = "a=b" }},
		{"empty value", []string{"--pad_token="}, func(s *config.Settings) { s.PadToken = "" }},
		{"negative value", []string{"--max_steps", "-1", "--seed", "7"}, func(s *config.Settings) { s.Seed = 7 }},
		{"hyphens", []string{"--max-length", "9"}, func(s *config.Settings) { s.MaxLength = 9 }},
		{"set", []string{"--set", "max_length=9", "--set=seed=3"}, func(s *config.Settings) { s.MaxLength, s.Seed = 9, 3 }},
		{"the last holds", []string{"--seed", "1", "--set", "seed=2", "--seed", "3"}, func(s *config.Settings) { s.Seed = 3 }},
		{"bool alone", []string{"--bf16", "--seed", "1"}, func(s *config.Settings) { s.BF16, s.Seed = true, 1 }},
		{"bool at the end", []string{"--bf16"}, func(s *config.Settings) { s.BF16 = true }},
		{"bool false as in Python", []string{"--share_prefix", "False"}, func(s *config.Settings) { s.SharePrefix = false }},
		{"bool by number", []string{"--share_prefix=0"}, func(s *config.Settings) { s.SharePrefix = false }},
		{"list of several", []string{"--data_paths", "a", "b", "--seed", "1"}, func(s *config.Settings) { s.DataPaths, s.Seed = []string{"a", "b"}, 1 }},
		{"list of one", []string{"--data_paths=a,b"}, func(s *config.Settings) { s.DataPaths = []string{"a,b"} }},
		{"list as TOML", []string{"--set", `data_paths=["a", "b"]`}, func(s *config.Settings) { s.DataPaths = []string{"a", "b"} }},
		{"list of none", []string{"--report_to"}, func(s *config.Settings) { s.ReportTo = nil }},
		{"entry of a table", []string{"--lr_scheduler_type", "cosine", "--lr_scheduler_kwargs.num_cycles", "2"}, func(s *config.Settings) {
			s.SchedulerType, s.SchedulerKwargs = "cosine", map[string]any{"num_cycles": 2.0}
		}},
		{"table as TOML", []string{"--lr_scheduler_type", "cosine", "--lr_scheduler_kwargs", "{num_cycles=2}"}, func(s *config.Settings) {
			s.SchedulerType, s.SchedulerKwargs = "cosine", map[string]any{"num_cycles": 2.0}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, notices, err := config.Load("", test.flags)
			require.NoError(t, err)
			require.Empty(t, notices)
			want := config.Default()
			test.want(&want)
			require.EqualExportedValues(t, want, s)
		})
	}
}

func TestFlagsForParameters(t *testing.T) {
	s, _, err := config.Load("", []string{"--params.margin", "0.5", "--length-penalty", "2", "--verbose", "--set", "params.mode=fast", "--params", `{top = 1}`})
	require.NoError(t, err)
	require.Equal(t, map[string]config.Param{
		"margin":         {Value: config.FlagText("0.5"), Where: "flag --params.margin"},
		"length_penalty": {Value: config.FlagText("2"), Where: "flag --length-penalty"},
		"verbose":        {Value: config.FlagText("true"), Where: "flag --verbose"},
		"mode":           {Value: config.FlagText("fast"), Where: "flag --set params.mode"},
		"top":            {Value: int64(1), Where: "flag --params"},
	}, s.Params)
	require.Contains(t, s.TOML(), "[params]\nlength_penalty = 2\nmargin = 0.5\nmode = \"fast\"\ntop = 1\nverbose = true\n")
}

func TestFlagErrors(t *testing.T) {
	tests := []struct {
		name  string
		flags []string
		want  string
	}{
		{"not a number", []string{"--learning_rate", "fast"}, `flag --learning_rate: learning_rate is the string "fast"; want a number`},
		{"not whole", []string{"--seed=1.5"}, `flag --seed: seed is the string "1.5"; want a whole number`},
		{"not a bool", []string{"--bf16=maybe"}, `flag --bf16: bf16 is the string "maybe"; want true or false`},
		{"no value", []string{"--learning_rate", "--bf16"}, `flag --learning_rate: has no value; write --learning_rate value`},
		{"out of range", []string{"--max-length", "0"}, `flag --max-length: max_length is 0; want at least 1`},
		{"stray word", []string{"run.toml", "--bf16", "x"}, "unexpected argument \"run.toml\"; settings are given as --name value\nunexpected argument \"x\"; settings are given as --name value"},
		{"one hyphen", []string{"-seed=3"}, `unexpected argument "-seed=3"; settings are given as --name value`},
		{"two hyphens", []string{"--"}, `unexpected argument "--"; settings are given as --name value`},
		{"not UTF-8", []string{"--s\xff=1"}, `argument "--s\xff=1" is not UTF-8`},
		{"value not UTF-8", []string{"--task", "a\xff"}, `flag --task: ["a\xff"] is not UTF-8`},
		{"foreign beside another fault", []string{"--seed", "x", "--batch_size", "4"}, `flag --seed: seed is the string "x"; want a whole number
flag --batch_size: llmhost has no such setting: batch_size; write per_device_train_batch_size, the records of a micro-batch, and gradient_accumulation_steps, how many of those make a step`},
		{"foreign value", []string{"--optim", "sgd"}, `flag --optim: optim is "sgd", and llmhost has no such setting: write adamw_torch_fused`},
		{"foreign entry", []string{"--fsdp.offload", "true"}, "flag --fsdp.offload: llmhost has no such setting: fsdp; it has no effect: one process trains, so there is nothing to shard; load_in_4bit with lora_r, gradient_checkpointing and bf16 save memory"},
		{"set unknown", []string{"--set", "lerning_rate=1"}, `flag --set lerning_rate: unknown setting "lerning_rate"; did you mean learning_rate?`},
		{"set a parameter", []string{"--set", "rrhf_weight=1"}, `flag --set rrhf_weight: unknown setting "rrhf_weight"; a parameter of a plugin is given as --rrhf_weight`},
		{"set without =", []string{"--set", "seed"}, `flag --set: is "seed"; want name=value`},
		{"entry of no table", []string{"--seed.x", "1"}, `flag --seed.x: seed has no entries; give --seed`},
		{"entry of an unknown table", []string{"--sede.x", "1"}, `flag --sede.x: unknown setting "sede"; did you mean seed?`},
		{"unknown entry", []string{"--lr_scheduler_kwargs.x", "1"}, `flag --lr_scheduler_kwargs.x: lr_scheduler_kwargs.x is not known; want one of num_cycles, power, lr_end, timescale, min_lr, min_lr_rate, warmup_lr_rate, num_decay_steps, num_stable_steps, min_lr_ratio, warmup_type, decay_type`},
		{"table not a table", []string{"--lr_scheduler_kwargs", "1"}, `flag --lr_scheduler_kwargs: lr_scheduler_kwargs is 1; want a table`},
		{"two spellings", []string{"--max_length", "1", "--model_max_length", "2"}, `flag --model_max_length: model_max_length is the same setting as max_length (flag --max_length); keep max_length`},
		{"two sources of data", []string{"--data_paths", "a", "--data_dir", "b"}, `flag --data_dir: data_dir is set, and so is data_paths (flag --data_paths); keep one`},
		{"no file", []string{"--config"}, `flag --config: has no value; want the path of a TOML file`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := config.Load("", test.flags)
			require.EqualError(t, err, test.want)
		})
	}
}

func TestFlagsOverFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.toml")
	require.NoError(t, os.WriteFile(path, []byte("model_max_length = 7\nseed = 1\n[params]\na = 1\nb = 2\n"), 0o666))
	s, notices, err := config.Load("", []string{"--config", path, "--max_length", "8", "--b", "3"})
	require.NoError(t, err)
	require.Equal(t, []string{path + ":1:1: model_max_length is called max_length here"}, notices)
	require.Equal(t, 8, s.MaxLength)
	require.Equal(t, 1, s.Seed)
	require.Equal(t, int64(1), s.Params["a"].Value)
	require.Equal(t, config.FlagText("3"), s.Params["b"].Value)

	_, _, err = config.Load(path, []string{"--config", "other.toml"})
	require.ErrorContains(t, err, "flag --config: names other.toml, but the TOML file is already "+path+"; keep one")
	require.NoError(t, os.WriteFile(path, []byte("seed = \"x\"\n"), 0o666))
	_, _, err = config.Load(path, []string{"--seed", "1"})
	require.EqualError(t, err, path+":1:1: seed is the string \"x\"; want a whole number", "a wrong value is one though a flag replaces it")
}

// A list that is given twice is most likely meant to be one list of both.
func TestListTwice(t *testing.T) {
	s, notices, err := config.Load("", []string{"--data_paths", "a", "--data_paths", "b"})
	require.NoError(t, err)
	require.Equal(t, []string{"b"}, s.DataPaths)
	require.Equal(t, []string{"flag --data_paths is given twice, and the last wins; write --data_paths A B for a list"}, notices)
}

// A switch is written as a bool is, or as auto.
func TestSwitches(t *testing.T) {
	for _, c := range []struct {
		file  string
		flags []string
		want  config.Switch
	}{
		{"", nil, config.Auto},
		{"add_bos_token = true", nil, config.On},
		{"add_bos_token = false", nil, config.Off},
		{`add_bos_token = "auto"`, nil, config.Auto},
		{"add_bos_token = true", []string{"--add_bos_token", "auto"}, config.Auto},
		{"", []string{"--add_bos_token"}, config.On},
		{"", []string{"--add_bos_token", "--add_eos_token", "False"}, config.On},
		{"", []string{"--add-bos-token=True"}, config.On},
		{"", []string{"--add_bos_token", "0"}, config.Off},
	} {
		path := filepath.Join(t.TempDir(), "run.toml")
		require.NoError(t, os.WriteFile(path, []byte(c.file), 0o644))
		s, _, err := config.Load(path, c.flags)
		require.NoError(t, err, "%q %q", c.file, c.flags)
		require.Equal(t, c.want, s.AddBOS, "%q %q", c.file, c.flags)
		require.NoError(t, os.WriteFile(path, []byte(s.TOML()), 0o644))
		again, _, err := config.Load(path, nil)
		require.NoError(t, err)
		require.Equal(t, c.want, again.AddBOS, "written and read back")
	}
	_, _, err := config.Load("", []string{"--add_bos_token", "maybe"})
	require.EqualError(t, err, `flag --add_bos_token: add_bos_token is "maybe"; want one of auto, true, false`)
	path := filepath.Join(t.TempDir(), "run.toml")
	require.NoError(t, os.WriteFile(path, []byte("add_eos_token = 3"), 0o644))
	_, _, err = config.Load(path, nil)
	require.EqualError(t, err, path+":1:1: add_eos_token is 3; want true, false or auto")
}
