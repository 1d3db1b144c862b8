package host_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
)

// unevenRecords is a run over 40 records of uneven lengths, each a prompt and an answer.
func unevenRecords(t *testing.T) config.Settings {
	t.Helper()
	s := lesson(t, "sft", promptAnswer(nil), nil)
	var lines strings.Builder
	for i := range 40 {
		text, err := json.Marshal(map[string]any{"prompt": strings.Repeat("a ", i%7), "answer": strings.Repeat("b ", 1+i%11)})
		require.NoError(t, err)
		fmt.Fprintln(&lines, string(text))
	}
	s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "short.jsonl"), lines.String())}
	s.LoggingStrategy, s.LoggingSteps, s.LearningRate = "steps", 1, 1e-3
	s.TrainBatchSize, s.AccumulationSteps, s.NumTrainEpochs = 2, 1, 2
	return s
}

// However records are grouped, a run says so, makes as many steps as its plan, and goes
// on after an interruption as if there had been none.
func TestGroupedRunsResume(t *testing.T) {
	for _, c := range []struct {
		name, plan string
		change     func(*config.Settings)
	}{
		{"bfd", "plan   12 steps of 2 packs of up to 64 tokens (40 records in 12 packs, 99.2% full), 6 an epoch;", func(s *config.Settings) { s.Packing = "bfd" }},
		{"true", "plan   12 steps of 2 packs of up to 64 tokens (40 records in 12 packs, 99.2% full), 6 an epoch;", func(s *config.Settings) { s.Packing = "true" }},
		{"wrapped", "plan   8 steps of 4 blocks of up to 48 tokens (40 records in 16 blocks, 99.2% full), 4 an epoch;", func(s *config.Settings) { s.Packing, s.MaxLength, s.TrainBatchSize = "wrapped", 48, 4 }},
		{"tokens", "plan   12 steps of 1 batch of up to 128 tokens (40 records in 6 batches, 99.2% full), 6 an epoch;", func(s *config.Settings) { s.MaxTokens = 128 }},
		{"packs by tokens", "plan   8 steps of 3 packs of up to 64 tokens (40 records in 12 packs, 99.2% full), 4 an epoch;", func(s *config.Settings) { s.MaxTokens, s.Packing = 200, "bfd" }},
		{"by length", "plan   40 steps of 2 records, 20 an epoch;", func(s *config.Settings) { s.Sampling = "group_by_length" }},
		{"sequential", "plan   40 steps of 2 records, 20 an epoch;", func(s *config.Settings) { s.Sampling = "sequential" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := unevenRecords(t)
			c.change(&s)
			s.SaveStrategy, s.SaveSteps = "steps", 3
			lines := mustTrain(t, s)
			require.Contains(t, lines, c.plan)
			want := s.OutputDir
			s.OutputDir, s.Resume = branch(t, want, "3"), "auto"
			mustTrain(t, s)
			require.Equal(t, weights(t, want), weights(t, s.OutputDir))
			require.Equal(t, entries(t, want), entries(t, s.OutputDir))
		})
	}
}

// What packing cannot do is an error that says what can.
func TestGroupingsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		name   string
		task   string
		change func(*config.Settings)
		want   string
	}{
		{"candidates in packs", "rrhf", func(s *config.Settings) { s.Packing = "bfd" }, `packing is "bfd", which packs sequences one by one, and these examples have up to 3 candidates, which a loss compares; write max_tokens_per_batch instead`},
		{"candidates in blocks", "rrhf", func(s *config.Settings) { s.Packing = "wrapped" }, `packing is "wrapped", which cuts texts anywhere, and the loss of task rrhf reads more than the next tokens of a text; write packing = "bfd", or max_tokens_per_batch`},
		{"an example beyond the bound", "rrhf", func(s *config.Settings) { s.MaxTokens = 20 }, `: the example has 25 tokens, and max_tokens_per_batch is 20; set it to 25 or more, or cut sequences with a smaller max_length`},
		{"packs beyond the bound", "sft", func(s *config.Settings) { s.Packing, s.MaxTokens = "bfd", 20 }, `max_tokens_per_batch is 20, which has no room for a pack of max_length 64; raise the one or lower the other`},
		{"packs by length", "sft", func(s *config.Settings) { s.Packing, s.Sampling = "bfd", "group_by_length" }, `train_sampling_strategy is "group_by_length", and packing "bfd" makes packs of one length; keep one of the two`},
		{"blocks with a kept reference", "sft", func(s *config.Settings) { s.Packing, s.PrecomputeRefLogProbs = "wrapped", true }, `precompute_ref_log_probs is true, and packing "wrapped" cuts texts at other places in each epoch; set packing = false, or let the reference compute in each step`},
		{"a pack of one with others' answers", "kto", func(s *config.Settings) {
			s.Packing, s.MaxLength, s.TrainBatchSize, s.AccumulationSteps = "bfd", 20, 1, 1
		}, `a step may be one pack of one record, and the loss of task kto puts behind each prompt the answer of another record of its step; raise gradient_accumulation_steps, or leave packing and max_tokens_per_batch out`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := lesson(t, c.task, ranked, nil)
			if c.task != "rrhf" {
				s = lesson(t, c.task, promptAnswer(func(i int) (string, any) { return "label", i%2 == 0 }), nil)
			}
			c.change(&s)
			_, err := trained(s)
			require.ErrorContains(t, err, c.want)
			require.NoDirExists(t, s.OutputDir)
		})
	}
}

// A place in an epoch of packs says nothing about an epoch of others.
func TestAnotherGroupingIsNotResumed(t *testing.T) {
	s := unevenRecords(t)
	s.Packing, s.MaxSteps = "bfd", 2
	s.SaveStrategy = "steps"
	mustTrain(t, s)
	at := filepath.Join(s.OutputDir, "checkpoint-2")
	s.Resume, s.MaxSteps = "auto", 4
	for name, c := range map[string]struct {
		change func(*config.Settings)
		now    string
	}{
		"none":   {func(s *config.Settings) { s.Packing = "false" }, "records at random"},
		"longer": {func(s *config.Settings) { s.MaxLength = 80 }, "packs of 80 tokens"},
		"others": {func(s *config.Settings) { s.Packing, s.MaxTokens = "false", 64 }, "batches of 64 tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s
			c.change(&s)
			_, err := trained(s)
			require.EqualError(t, err, at+" was trained on packs of 64 tokens, this run on "+c.now+", and the place in the epoch would mean other records; give packing, max_tokens_per_batch, train_sampling_strategy and max_length as they were")
		})
	}
	require.Contains(t, mustTrain(t, s), "after step 2, epoch 0.33; 2 steps left")
}

// Texts without a prompt are wrapped into blocks by themselves, and no token of a long
// one is cut off; with a prompt they are not.
func TestTextsAreWrapped(t *testing.T) {
	s := lesson(t, "sft", nil, nil)
	s.MaxLength, s.TrainBatchSize, s.AccumulationSteps, s.NumTrainEpochs = 32, 1, 1, 1
	s.EvalDataPaths, s.DropLast = nil, true
	texts := func(prompt string) string {
		var lines strings.Builder
		for i := range 3 {
			text, err := json.Marshal(map[string]any{"prompt": prompt, "answer": strings.Repeat("abcdefgh", 10*(i+1))})
			require.NoError(t, err)
			fmt.Fprintln(&lines, string(text))
		}
		return written(t, filepath.Join(t.TempDir(), "texts.jsonl"), lines.String())
	}
	s.DataPaths = []string{texts("")}
	s.EvalDataPaths = []string{texts("")}
	lines := mustTrain(t, s)
	require.Contains(t, lines, "train  3 records, 3 sequences, 486 tokens\n")
	require.Contains(t, lines, "of 1 block of up to 32 tokens (3 records in 16 blocks, 94.9% full), 16 an epoch")
	require.NotContains(t, lines, "cut from the left")
	require.Contains(t, lines, "eval   3 records, 3 sequences, 486 tokens\n")

	s.OutputDir, s.Packing = filepath.Join(t.TempDir(), "run"), "false"
	require.Contains(t, mustTrain(t, s), "3 sequences cut from the left to max_length 32")

	s.OutputDir, s.Packing, s.DataPaths = filepath.Join(t.TempDir(), "run"), "auto", []string{texts("x")}
	require.Contains(t, mustTrain(t, s), "plan   3 steps of 1 record, 3 an epoch")
}
