package host_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host"
	"llmhost/host/config"
)

// TestRankedChatsAreTheirTextsByHand: a task that TRL has no trainer for learns of chats
// what it learns of the same texts, laid out by hand.
func TestRankedChatsAreTheirTextsByHand(t *testing.T) {
	const (
		template = "{{ bos_token }}{% for m in messages %}{{ '[' + m.role + '] ' }}{{ m.content }}{{ eos_token if m.role == 'assistant' else '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '[assistant] ' }}{% endif %}"
		byHand   = `{"prompt": "[user] 2 + 2?\n[assistant] ", "chosen": "4", "rejected": "5"}
{"prompt": "[system] Be short.\n[user] a\n[assistant] ", "chosen": "\n\nb", "rejected": "c d"}
`
	)
	from, err := small()
	require.NoError(t, err)
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(from)))
	written(t, filepath.Join(folder, "chat_template.jinja"), template)
	run := func(records, formatter string) config.Settings {
		s := config.Default()
		s.Task, s.Model, s.OutputDir, s.Formatter = "rrhf", folder, filepath.Join(t.TempDir(), "run"), formatter
		s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "data.jsonl"), records)}
		s.MaxLength, s.MaxSteps, s.LoggingSteps, s.LearningRate = 256, 1, 1, 1e-6
		s.Device, s.Threads, s.TrainBatchSize = "cpu", 1, 2
		s.AddSpecialTokens = config.On
		return s
	}
	chats, texts := run(chosenChats, "chat_pairs"), run(byHand, "chosen_rejected")
	env := host.Env{Builtins: builtin.All(), Lines: io.Discard}
	got, _, err := host.LoadExamples(context.Background(), chats, env)
	require.NoError(t, err)
	want, _, err := host.LoadExamples(context.Background(), texts, env)
	require.NoError(t, err)
	require.Len(t, got, 2)
	for i := range want {
		for k := range want[i].Sequences {
			require.Equal(t, want[i].Sequences[k].IDs, got[i].Sequences[k].IDs)
			require.Equal(t, want[i].Sequences[k].Labels, got[i].Sequences[k].Labels)
		}
	}
	mustTrain(t, chats)
	mustTrain(t, texts)
	require.Equal(t, last(t, texts.OutputDir, "loss"), last(t, chats.OutputDir, "loss"))
}
