package task_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"llmhost/builtin"
	"llmhost/builtin/reward"
	"llmhost/builtin/sft"
	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/plugin"
	"llmhost/host/task"
	"llmhost/sdk"

	"github.com/stretchr/testify/require"
)

// odd are tasks that a run cannot have as they are.
var odd = sdk.Plugin{
	Name: "odd",
	Losses: []sdk.LossSpec{
		sdk.NewLoss("ranks", "a loss of rewards", reward.Loss{}),
		sdk.NewLoss("learns", "a loss of tokens", sft.Loss{}),
	},
	Tasks: []sdk.Task{
		{Name: "poolless", Doc: "has no pooling", Formatter: "builtin:preference", Loss: "ranks"},
		{Name: "headless", Doc: "names a head that its loss does not read", Formatter: "builtin:promptanswer", Head: sdk.ScoreHead, Loss: "learns"},
		{Name: "unread", Doc: "has no formatter", Head: sdk.LMHead, Loss: "learns"},
	},
}

// load reads settings from flags, as a run does, and says where plugins are.
func load(t *testing.T, flags ...string) (config.Settings, task.Options) {
	t.Helper()
	s, _, err := config.Load("", flags)
	require.NoError(t, err)
	return s, task.Options{
		Plugins:    plugin.Options{Builtin: append(builtin.All(), odd), Cache: t.TempDir()},
		LockFolder: t.TempDir(),
	}
}

func open(t *testing.T, flags ...string) (*task.Task, error) {
	t.Helper()
	s, o := load(t, flags...)
	return task.Open(context.Background(), s, o)
}

// mustOpen opens a task until the test ends.
func mustOpen(t *testing.T, flags ...string) *task.Task {
	t.Helper()
	opened, err := open(t, flags...)
	require.NoError(t, err)
	t.Cleanup(opened.Close)
	return opened
}

func TestOpenFails(t *testing.T) {
	for _, c := range []struct {
		name, want string
		flags      []string
	}{
		{"an unknown task", `no builtin task is called "rrfh"`, []string{"--task", "rrfh"}},
		{"an unknown formatter", "formatter: ", []string{"--task", "rrhf", "--formatter", "prefernce"}},
		{"an unknown pooling", "pooling_type: ", []string{"--task", "reward", "--pooling_type", "lsat"}},
		{"a pooling that nothing reads", `pooling_type is "max", and the loss of task sft reads no head that pools; remove it`, []string{"--task", "sft", "--pooling_type", "max"}},
		{"no pooling", "task poolless has no pooling, and its loss reads a head that needs one vector a sequence; give pooling_type", []string{"--task", "poolless"}},
		{"another head", `task headless: head is "score", and its loss reads log-probabilities of tokens (policy.logps); want head "lm"`, []string{"--task", "headless"}},
		{"no formatter", "task unread has no formatter; a run needs one to read its data", []string{"--task", "unread"}},
		{"a digest of no file", "task_sha256 is set, but task sft is part of llmhost and has no file; remove it, or give a plugin's file as task",
			[]string{"--task", "sft", "--task_sha256", "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"}},
		{"a misspelt parameter", "flag --params.dpo_bta: task dpo has no parameter dpo_bta; did you mean dpo_beta?", []string{"--task", "dpo", "--params.dpo_bta", "0.5"}},
		{"a value of another kind", `flag --dpo_beta: dpo_beta is `, []string{"--task", "dpo", "--dpo_beta", "much"}},
		{"a batch that is too large", "raise plugin_program_mb", []string{"--task", "sft", "--kl_coef", "0.1", "--token_level", "--max_length", "100000000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := open(t, c.flags...)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestParameters(t *testing.T) {
	dpo := mustOpen(t, "--task", "dpo", "--dpo_beta", "0.25", "--params.label_smoothing", "0.125", "--margin", "0.5")
	require.Equal(t, 0.25, dpo.Params["dpo_beta"])
	require.Equal(t, 0.125, dpo.Params["label_smoothing"])
	require.Equal(t, "sigmoid", dpo.Params["dpo_loss_type"], "the default of one that nobody gives")
	require.NotContains(t, dpo.Params, "margin", "a parameter of another task")
	s, _ := load(t, "--task", "dpo")
	_, notes, err := dpo.ApplyDefaults(s)
	require.NoError(t, err)
	require.Equal(t, []string{"margin is a parameter of loss reward, which task dpo does not use; it has no effect"}, notes)
}

// What a column's role and padding are comes from formatter and loss.
func TestColumns(t *testing.T) {
	for _, c := range []struct {
		task, score string
		padding     map[string]float32
	}{
		{"reward", "score", map[string]float32{"score": -100}},
		{"rrhf", "score", map[string]float32{"score": -100}},
		{"sft", "", map[string]float32{}},
		{"classification", "", map[string]float32{}},
	} {
		t.Run(c.task, func(t *testing.T) {
			opened := mustOpen(t, "--task", c.task)
			require.Equal(t, c.score, opened.ScoreColumn())
			require.Equal(t, c.padding, opened.Padding())
			f := opened.DataFormatter()
			require.Equal(t, opened.Formatter.Name, f.Name)
			require.NotEmpty(t, f.Columns)
			opened.CloseFormatter()
		})
	}
}

func TestPooling(t *testing.T) {
	own := mustOpen(t, "--task", "reward")
	require.NotNil(t, own.PoolingProgram)
	require.Equal(t, "eos", own.Pooling.Name)
	require.True(t, own.PoolsLastToken)
	mean := mustOpen(t, "--task", "reward", "--pooling_type", "average")
	require.Equal(t, "average", mean.Pooling.Name)
	require.False(t, mean.PoolsLastToken)
	given := mustOpen(t, "--task", "poolless", "--pooling_type", "max")
	require.Equal(t, "max", given.Pooling.Name)
	require.Nil(t, mustOpen(t, "--task", "sft").PoolingProgram)
}

func TestCheckBatch(t *testing.T) {
	opened := mustOpen(t, "--task", "sft", "--kl_coef", "0.1", "--token_level")
	survey := data.Survey{Examples: 8, MostCandidates: 2, MostLabels: 64}
	require.NoError(t, opened.CheckBatch(64, survey, 4))
	survey.MostLabels = 10_000_000
	err := opened.CheckBatch(64, survey, 4)
	require.ErrorContains(t, err, "task sft: its loss ")
	require.ErrorContains(t, err, "take smaller batches or a smaller max_length, or raise plugin_program_mb")
	require.NoError(t, opened.CheckBatch(1<<20, survey, 4))
}

// A lock that cannot be read ends a run before a plugin is opened.
func TestBrokenLock(t *testing.T) {
	s, o := load(t, "--task", "sft")
	require.NoError(t, os.WriteFile(filepath.Join(o.LockFolder, plugin.LockName), []byte("no lock"), 0o644))
	_, err := task.Open(context.Background(), s, o)
	require.ErrorContains(t, err, plugin.LockName)
}
