package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host"
	"llmhost/host/config"
)

// streaming is long, streamed: half of its records are in the buffer at a time.
func streaming(t *testing.T) config.Settings {
	t.Helper()
	s := long(t)
	s.Streaming, s.ShuffleBuffer, s.MaxSteps, s.SaveTotalLimit = config.On, 12, 12, 0
	return s
}

// A streamed run that is interrupted ends with the bytes of one that is not, in the
// middle of a pass and in another one.
func TestStreamedRunsResumeToTheByte(t *testing.T) {
	for _, kind := range []string{"train.jsonl", "train.parquet", "train.jsonl.gz"} {
		t.Run(kind, func(t *testing.T) {
			s := streaming(t)
			out := filepath.Join(t.TempDir(), kind)
			if kind != "train.jsonl" {
				_, err := convert(t, host.Conversion{Out: out}, "--data_paths", s.DataPaths[0])
				require.NoError(t, err)
				s.DataPaths = []string{out}
			}
			lines := mustTrain(t, s)
			require.Contains(t, lines, "streamed shuffled through a buffer of 12 (streaming = true); known by size, time and both ends, not by sha256; of the first 24 records:")
			require.Contains(t, lines, "plan   12 steps of 8 records, streamed;")
			record := readRecord(t, s.OutputDir)
			require.Empty(t, record.Data[0].SHA256)
			require.NotEmpty(t, record.Data[0].Identity.Ends)
			require.InDelta(t, 4, *record.Epoch, 1e-9)
			for _, step := range []string{"2", "8"} {
				resumed := s
				resumed.OutputDir, resumed.Resume = branch(t, s.OutputDir, step), "auto"
				require.Contains(t, mustTrain(t, resumed), "checkpoint-"+step+", after step "+step)
				requireSameEnd(t, s.OutputDir, resumed.OutputDir)
			}
		})
	}
}

// Packs, blocks and batches of a stream are made of windows of it, and a run that resumes
// goes on at the same unit, and at the same token of a text.
func TestStreamedUnitsResumeToTheByte(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*config.Settings)
		says   string
	}{
		{"tokens", func(s *config.Settings) { s.MaxTokens = 200 }, "batches of up to 200 tokens (the first 24 records in "},
		{"length", func(s *config.Settings) { s.Sampling = "group_by_length" }, "plan   12 steps of 8 records, streamed;"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := streaming(t)
			c.change(&s)
			require.Contains(t, mustTrain(t, s), c.says)
			requireResumes(t, s, "2", "8")
		})
	}
	for packing, says := range map[string]string{"auto": "blocks", "bfd": "packs"} {
		t.Run(packing, func(t *testing.T) { streamedTexts(t, packing, says) })
	}
}

// streamedTexts packs texts, which are wrapped where nothing says otherwise, as without
// streaming.
func streamedTexts(t *testing.T, packing, units string) {
	t.Helper()
	var text strings.Builder
	for i := range 30 {
		fmt.Fprintf(&text, "{\"text\": %q}\n", strings.Repeat("we see it. ", 1+i*i%7))
	}
	s := streaming(t)
	s.Task, s.MaxLength, s.Packing = "sft", 16, packing
	s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "train.jsonl"), text.String())}
	s.EvalDataPaths = nil
	require.Contains(t, mustTrain(t, s), units+" of up to 16 tokens (the first 30 records in ")
	requireResumes(t, s, "2", "8")
}

// requireResumes holds that runs which resume after steps of that of s end as it did.
func requireResumes(t *testing.T, s config.Settings, steps ...string) {
	t.Helper()
	for _, step := range steps {
		resumed := s
		resumed.OutputDir, resumed.Resume = branch(t, s.OutputDir, step), "auto"
		require.Contains(t, mustTrain(t, resumed), "checkpoint-"+step+", after step "+step)
		requireSameEnd(t, s.OutputDir, resumed.OutputDir)
	}
}

// Files above a bound are streamed by themselves, unless their tokens are kept or a
// setting asks for what a stream does not do; and a run that resumes does as it did,
// whatever the bound is then.
func TestStreamingByItself(t *testing.T) {
	s := streaming(t)
	s.Streaming, s.StreamingAboveGB = config.Auto, 1e-9
	require.Contains(t, mustTrain(t, s), "(since they are larger than streaming_above_gb = 1e-09; streaming = false tokenises all of them first)")
	resumed := s
	resumed.StreamingAboveGB = 4
	resumed.OutputDir, resumed.Resume = branch(t, s.OutputDir, "2"), "auto"
	require.Contains(t, mustTrain(t, resumed), "(as the run was before)")
	requireSameEnd(t, s.OutputDir, resumed.OutputDir)

	for name, change := range map[string]func(*config.Settings){
		"bound":    func(s *config.Settings) { s.StreamingAboveGB = 4 },
		"false":    func(s *config.Settings) { s.Streaming = config.Off },
		"epochs":   func(s *config.Settings) { s.MaxSteps, s.NumTrainEpochs = -1, 1 },
		"strategy": func(s *config.Settings) { s.SaveStrategy = "epoch" },
		"samples":  func(s *config.Settings) { s.MaxTrainSamples = 10 },
	} {
		t.Run(name, func(t *testing.T) {
			s := s
			s.OutputDir = filepath.Join(t.TempDir(), "run")
			s.TokenCacheGB = 0
			change(&s)
			lines := mustTrain(t, s)
			require.NotContains(t, lines, "streamed")
			says := "the training files have "
			if name == "bound" || name == "false" {
				require.NotContains(t, lines, says)
				return
			}
			require.Contains(t, lines, says)
			require.Contains(t, lines, "streaming would start at once: ")
		})
	}

	t.Run("kept tokens", func(t *testing.T) {
		s := s
		s.OutputDir = filepath.Join(t.TempDir(), "whole")
		s.Streaming = config.Off
		mustTrain(t, s)
		s.Streaming = config.Auto
		resumed := s
		resumed.OutputDir, resumed.Resume = branch(t, s.OutputDir, "2"), "auto"
		require.NotContains(t, mustTrain(t, resumed), "streamed", "the run was not streamed before")
		requireSameEnd(t, s.OutputDir, resumed.OutputDir)
		s.OutputDir = filepath.Join(t.TempDir(), "again")
		require.Contains(t, mustTrain(t, s), "tokenised by an earlier run")
	})
}

// What became of a file is said where a run cannot go on because of it.
func TestRunsNameTheFileThatChanged(t *testing.T) {
	for _, how := range []config.Switch{config.On, config.Off} {
		t.Run(string(how), func(t *testing.T) {
			s := streaming(t)
			s.Streaming = how
			text, err := os.ReadFile(s.DataPaths[0])
			require.NoError(t, err)
			s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "train.jsonl"), string(text))}
			mustTrain(t, s)
			written(t, s.DataPaths[0], string(text)+string(text))
			resumed := s
			resumed.OutputDir, resumed.Resume = branch(t, s.OutputDir, "2"), "auto"
			_, err = trained(resumed)
			require.ErrorContains(t, err, fmt.Sprintf(": %s had %d bytes and has %d: something was appended, or it was written again; give the same data_paths", s.DataPaths[0], len(text), 2*len(text)))
		})
	}
}

func TestStreamedRunsThatCannotResume(t *testing.T) {
	s := streaming(t)
	mustTrain(t, s)
	for _, c := range []struct {
		name   string
		change func(*config.Settings)
		err    string
	}{
		{"buffer", func(s *config.Settings) { s.ShuffleBuffer = 5 }, "was trained on records streamed through a buffer of 12, this run on records streamed through a buffer of 5, and the place in the data would mean other records; give streaming and shuffle_buffer_size as they were"},
		{"no stream", func(s *config.Settings) { s.Streaming = config.Off }, "this run on records at random, and the place in the data would mean other records; give streaming"},
		{"seed", func(s *config.Settings) { s.DataSeed = 9 }, "is in the middle of a stream that data_seed 42 shuffles; give --data_seed 42"},
		{"file", func(s *config.Settings) {
			now := time.Now().Add(time.Hour)
			require.NoError(t, os.Chtimes(s.DataPaths[0], now, now))
		}, "was trained on other data: " + s.DataPaths[0] + " was written at "},
	} {
		t.Run(c.name, func(t *testing.T) {
			resumed := s
			resumed.OutputDir, resumed.Resume = branch(t, s.OutputDir, "2"), "auto"
			c.change(&resumed)
			_, err := trained(resumed)
			require.ErrorContains(t, err, c.err)
		})
	}
}

// What the first records promise of all is held in every batch, with file and line.
func TestStreamedRecordsAreChecked(t *testing.T) {
	var text strings.Builder
	for i := range 1001 {
		label := []string{"up", "down", "flat"}[max(i%2, i/1000*2)]
		fmt.Fprintf(&text, "{\"text\": \"we see %d\", \"label\": %q}\n", i%7, label)
	}
	s := lesson(t, "classification", tone, nil)
	s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "train.jsonl"), text.String())}
	s.Streaming, s.ShuffleBuffer, s.MaxSteps, s.TrainBatchSize, s.AccumulationSteps, s.MaxLength = config.On, 0, 30, 50, 1, 16
	_, err := trained(s)
	require.ErrorContains(t, err, s.DataPaths[0]+`:1001: the class "flat" of `)
	require.ErrorContains(t, err, "is not among those of the first 1000 records")
}

func TestStreamingWantsSteps(t *testing.T) {
	s := streaming(t)
	s.MaxSteps = -1
	_, err := trained(s)
	require.ErrorContains(t, err, "max_steps is not set, and streaming = true does not know how many steps num_train_epochs would be; set max_steps")
}
