package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
)

func TestDefaultsOfATask(t *testing.T) {
	defaults := map[string]any{"learning_rate": 1e-6, "max_length": 256.0, "warmup_steps": 3, "lr_scheduler_type": "cosine", "share_prefix": false}
	s, _, err := config.Load("", []string{"--learning_rate", "5e-5", "--evaluation_strategy", "no"})
	require.NoError(t, err)
	s.WarmupSteps = 7
	out, notices, err := s.WithDefaults("task x", defaults)
	require.NoError(t, err)
	require.Equal(t, 5e-5, out.LearningRate, "given, though it is the default")
	require.Equal(t, 7, out.WarmupSteps, "chosen by the program")
	require.Equal(t, 256, out.MaxLength)
	require.Equal(t, "cosine", out.SchedulerType)
	require.False(t, out.SharePrefix)
	require.Equal(t, []string{`lr_scheduler_type = "cosine", the default of task x`, `max_length = 256, the default of task x`, `share_prefix = false, the default of task x`}, notices)
	require.Equal(t, 512, s.MaxLength, "the settings given stay as they are")

	again, _, err := config.Parse("config.toml", out.TOML())
	require.NoError(t, err)
	again, notices, err = again.WithDefaults("task x", map[string]any{"max_length": 64.0})
	require.NoError(t, err)
	require.Empty(t, notices, "what a run wrote down holds")
	require.Equal(t, 256, again.MaxLength)
}

func TestDefaultsThatNoTaskMayHave(t *testing.T) {
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"learning_rte", 1.0, "task x has a default for learning_rte, which is neither one of its parameters nor a setting; did you mean learning_rate?"},
		{"colour", "red", "task x has a default for colour, which is neither one of its parameters nor a setting"},
		{"output_dir", "/", "task x has a default for output_dir, which only the user may choose; remove it from the plugin"},
		{"lr_scheduler_kwargs", "x", "task x has a default for lr_scheduler_kwargs, which only the user may choose; remove it from the plugin"},
		{"max_length", 1.5, "task x has a default for max_length that is 1.5; want a whole number"},
		{"learning_rate", -1.0, "task x has a default for learning_rate that is -1; want at least 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := config.Default().WithDefaults("task x", map[string]any{test.name: test.value})
			require.EqualError(t, err, test.want)
		})
	}
}

func TestIsSet(t *testing.T) {
	s, _, err := config.Parse("x", "evaluation_strategy = \"no\"\n")
	require.NoError(t, err)
	require.True(t, s.IsSet("eval_strategy"))
	require.True(t, s.IsSet("evaluation_strategy"))
	require.False(t, s.IsSet("seed"))
	require.False(t, s.IsSet("no_such"))
	s.Seed = 1
	require.True(t, s.IsSet("seed"))
}
