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
	s.Streaming, s.ShuffleBuffer, s.MaxSteps, s.SaveTotalLimit = true, 12, 12, 0
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
			require.Contains(t, lines, "streamed shuffled through a buffer of 12; known by size, time and both ends, not by sha256; of the first 24 records:")
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

func TestStreamedRunsThatCannotResume(t *testing.T) {
	s := streaming(t)
	mustTrain(t, s)
	for _, c := range []struct {
		name   string
		change func(*config.Settings)
		err    string
	}{
		{"buffer", func(s *config.Settings) { s.ShuffleBuffer = 5 }, "was trained on records streamed through a buffer of 12, this run on records streamed through a buffer of 5, and the place in the data would mean other records; give streaming and shuffle_buffer_size as they were"},
		{"no stream", func(s *config.Settings) { s.Streaming = false }, "this run on records at random, and the place in the data would mean other records; give streaming"},
		{"seed", func(s *config.Settings) { s.DataSeed = 9 }, "is in the middle of a stream that data_seed 42 shuffles; give --data_seed 42"},
		{"file", func(s *config.Settings) {
			now := time.Now().Add(time.Hour)
			require.NoError(t, os.Chtimes(s.DataPaths[0], now, now))
		}, "was trained on other data: a file has another size, time of writing, beginning or end"},
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
	s.Streaming, s.ShuffleBuffer, s.MaxSteps, s.TrainBatchSize, s.AccumulationSteps, s.MaxLength = true, 0, 30, 50, 1, 16
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
