package config_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
)

// Every row of SETTINGS.md says what holds.
func TestSettingsPage(t *testing.T) {
	ours := config.Default().Map()
	seen := map[string]bool{}
	require.Greater(t, len(config.Foreigners()), 1000)
	for _, f := range config.Foreigners() {
		require.False(t, seen[f.Name], "%s stands in two rows", f.Name)
		seen[f.Name] = true
		name, value, isValue := strings.Cut(f.Name, "=")
		_, isOurs := ours[name]
		require.Equal(t, isValue || f.Here == "the same", isOurs, "%s: %q", f.Name, f.Here)
		switch f.Here {
		case "":
			if isValue {
				require.NotContains(t, loads(t, "--"+name, f.Ours), f.Ours)
				require.NotEqual(t, f.Ours, value)
				break
			}
			require.Contains(t, ours, f.Ours, f.Name)
		case "the same", "parameter", "parameter or no":
			require.Equal(t, f.Here == "parameter or no", config.MustHold(f.Name), f.Name)
			require.Empty(t, f.Why, f.Name)
		case "no", "no effect", "only":
			require.NotEmpty(t, f.Why, f.Name)
			require.Equal(t, f.Here == "only", f.Only != nil, f.Name)
		default:
			t.Errorf("%s: the second column is %q", f.Name, f.Here)
		}
	}
}

// loads returns the notices on flags that must be right.
func loads(t *testing.T, flags ...string) string {
	t.Helper()
	_, notices, err := config.Load("", flags)
	require.NoError(t, err)
	return strings.Join(notices, "\n")
}

// Names and values of other programs mean ours.
func TestForeignNames(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags []string
		notes string
		want  func(*config.Settings)
	}{
		{"transformers 4", []string{"--evaluation_strategy", "no"}, "flag --evaluation_strategy: evaluation_strategy is called eval_strategy here", func(*config.Settings) {}},
		{"short", []string{"--lr", "1e-4"}, "flag --lr: lr is called learning_rate here", func(s *config.Settings) { s.LearningRate = 1e-4 }},
		{"LLaMA-Factory", []string{"--lora_target", "all"}, "flag --lora_target: lora_target is called lora_target_modules here\nflag --lora_target: lora_target_modules \"all\" is called \"all-linear\" here",
			func(s *config.Settings) { s.LoraTargetModules = []string{"all-linear"} }},
		{"axolotl", []string{"--micro_batch_size", "2", "--optimizer", "adamw_torch"},
			"flag --micro_batch_size: micro_batch_size is called per_device_train_batch_size here\nflag --optimizer: optimizer is called optim here", func(s *config.Settings) { s.TrainBatchSize, s.Optim = 2, "adamw_torch" }},
		{"value", []string{"--optim", "paged_adamw_32bit"}, `flag --optim: optim "paged_adamw_32bit" is called "adamw_torch_fused" here`, func(*config.Settings) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, notices, err := config.Load("", c.flags)
			require.NoError(t, err)
			require.Equal(t, c.notes, strings.Join(notices, "\n"))
			want := config.Default()
			c.want(&want)
			require.EqualExportedValues(t, want, s)
		})
	}
}

// What is left to the task, which may have a parameter of the name, is answered
// where it has none.
func TestForeignParameters(t *testing.T) {
	for _, c := range []struct{ name, value, note, err string }{
		{"beta", "0.1", "", ""},
		{"mode", "fast", "", ""},
		{"fp16", "True", "", "here: llmhost has no such setting: fp16; write bf16 = true, or leave it out for float32"},
		{"fp16", "False", "here: llmhost has no such setting: fp16; fp16 = false is what it does in any case", ""},
		{"dataset_name", "None", "here: llmhost has no such setting: dataset_name; dataset_name = none is what it does in any case", ""},
		{"eval_packing", "true", "here: llmhost has no such setting: eval_packing; it has no effect: it changes no number of an evaluation: sequences never see each other", ""},
		{"packing_strategy", "wrapped", "", "here: llmhost has no such setting: packing_strategy; write packing = \"wrapped\"; no record is split for \"bfd_split\""},
	} {
		note, err := config.Param{Value: config.FlagText(c.value), Where: "here"}.Answer(c.name)
		require.Equal(t, c.note, note, c.name)
		if c.err == "" {
			require.NoError(t, err, c.name)
			continue
		}
		require.EqualError(t, err, c.err)
	}
}

// Values that no parameter could take are answered at once.
func TestForeignTables(t *testing.T) {
	_, notices, err := config.Parse("x", "label_names = [\"a\"]\n[fsdp_config]\nmin_num_params = 3\n")
	require.NoError(t, err)
	require.Len(t, notices, 2)
	require.Contains(t, notices[1], "x:2:2: llmhost has no such setting: fsdp_config; it has no effect: ")
	_, _, err = config.Parse("x", "[model_init_kwargs]\ndtype = \"float32\"\n")
	require.ErrorContains(t, err, "x:1:2: llmhost has no such setting: model_init_kwargs; each of its keys")
}

// listSettings prints the fields of every config of transformers and TRL, and the
// values of the choices that the table answers one by one.
const listSettings = `
import dataclasses, importlib, inspect, json, os, pkgutil
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
import transformers, trl, trl.experimental
from transformers.trainer_utils import SaveStrategy, SchedulerType
from transformers.training_args import OptimizerNames
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

def fields(module):
    for name, c in inspect.getmembers(module):
        if name.endswith(("Config", "Arguments")) and dataclasses.is_dataclass(c) and c.__module__.startswith("trl"):
            yield from (f.name for f in dataclasses.fields(c))

found = set(fields(trl))
for m in pkgutil.walk_packages(trl.experimental.__path__, "trl.experimental."):
    try:
        found |= set(fields(importlib.import_module(m.name)))
    except ImportError:
        pass  # it needs what is not installed
print(json.dumps({
    "transformers: TrainingArguments": sorted(
        [f.name for f in dataclasses.fields(transformers.TrainingArguments)]
        + ["optim=" + o.value for o in OptimizerNames]
        + ["lr_scheduler_type=" + s.value for s in SchedulerType]
        + ["save_strategy=" + s.value for s in SaveStrategy]
        + ["report_to=" + r for r in INTEGRATION_TO_CALLBACK]),
    "TRL": sorted(found)}))
`

// The table has every setting of transformers and TRL, and none that they lack.
func TestSettingsPageIsThatOfThePeers(t *testing.T) {
	python := os.Getenv("LLMHOST_PEER_PYTHON")
	if python == "" {
		t.Skip("LLMHOST_PEER_PYTHON does not name a Python with transformers and TRL")
	}
	out, err := exec.Command(python, "-W", "ignore", "-c", listSettings).Output()
	require.NoError(t, err)
	var peers map[string][]string
	require.NoError(t, json.Unmarshal(out[strings.LastIndex(strings.TrimSpace(string(out)), "\n")+1:], &peers))
	here := map[string]config.Foreign{}
	for _, f := range config.Foreigners() {
		here[f.Name] = f
	}
	for _, of := range slices.Sorted(maps.Keys(peers)) {
		for _, name := range peers[of] {
			requireAnswered(t, here, of, name)
		}
	}
	for _, f := range here {
		of, _, _ := strings.Cut(f.Of, ", online")
		theirs, isPeer := peers[of]
		require.True(t, !isPeer || slices.Contains(theirs, f.Name) || strings.HasSuffix(f.Name, "=all"), "%s: no %s has it any more", f.Name, f.Of)
	}
}

// requireAnswered checks that the table, or the choices of a setting, know a name.
func requireAnswered(t *testing.T, here map[string]config.Foreign, of, name string) {
	t.Helper()
	if _, known := here[name]; known {
		return
	}
	setting, value, isValue := strings.Cut(name, "=")
	require.True(t, isValue, "%s has the setting %s, which SETTINGS.md lacks", of, name)
	_, _, err := config.Load("", []string{"--" + setting, value})
	if err != nil { // the value may want another setting beside it
		require.NotContains(t, err.Error(), fmt.Sprintf("%s is %q; want one of ", setting, value), of)
	}
}
