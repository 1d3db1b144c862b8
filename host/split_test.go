package host_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host"
	"llmhost/host/config"
)

// splitting is a run that holds records out of its training file.
func splitting(t *testing.T) config.Settings {
	t.Helper()
	s := ranking(t)
	s.EvalDataPaths, s.EvalSplit = nil, 0.25
	return s
}

// splitByHand writes the two sides of a run's split into files of their own.
func splitByHand(t *testing.T, s config.Settings) (train, held string, count int) {
	t.Helper()
	examples, err := host.LoadHeldOut(context.Background(), s, host.Env{Builtins: builtin.All()})
	require.NoError(t, err)
	isHeld := map[int]bool{}
	for _, e := range examples {
		isHeld[e.Source.Line] = true
	}
	var files [2]strings.Builder
	line := 0
	for text := range strings.Lines(contents(t, s.DataPaths[0])) {
		line++
		side := 0
		if isHeld[line] {
			side = 1
		}
		files[side].WriteString(text)
	}
	folder := t.TempDir()
	return written(t, filepath.Join(folder, "train.jsonl"), files[0].String()), written(t, filepath.Join(folder, "held.jsonl"), files[1].String()), len(examples)
}

// A run that holds records out trains and evaluates as one whose files were cut at the
// same records by hand, and goes on after an interruption.
func TestRunsThatHoldRecordsOut(t *testing.T) {
	s := splitting(t)
	lines := mustTrain(t, s)
	require.Contains(t, lines, "\ntrain  20 records, ")
	require.Contains(t, lines, "\neval   4 of 24 records, held out by eval_split, ")
	require.Contains(t, lines, "eval_loss")
	record := readRecord(t, s.OutputDir)
	require.Equal(t, 0.25, record.Settings["eval_split"])
	require.Empty(t, record.EvalData)
	require.Equal(t, []int{4, 24}, []int{record.HeldOut.Records, record.HeldOut.Of})
	require.Regexp(t, "^[0-9a-f]{64}$", record.HeldOut.SHA256)

	cut := s
	cut.OutputDir, cut.EvalSplit = filepath.Join(t.TempDir(), "run"), 0
	asBefore := s
	asBefore.OutputDir = cut.OutputDir
	train, held, count := splitByHand(t, asBefore)
	require.Equal(t, 4, count)
	cut.DataPaths, cut.EvalDataPaths = []string{train}, []string{held}
	mustTrain(t, cut)
	require.Equal(t, weights(t, cut.OutputDir), weights(t, s.OutputDir))
	require.Equal(t, entries(t, cut.OutputDir), entries(t, s.OutputDir))

	again := s
	again.OutputDir, again.Resume = branch(t, s.OutputDir, "2"), "auto"
	mustTrain(t, again)
	require.Equal(t, weights(t, s.OutputDir), weights(t, again.OutputDir))
	require.Equal(t, entries(t, s.OutputDir), entries(t, again.OutputDir))
}

// A run does not resume with other records held out, though they be as many.
func TestResumeWithOtherRecordsHeldOut(t *testing.T) {
	s := splitting(t)
	s.EvalSplit, s.MaxSteps = 5, 4
	mustTrain(t, s)
	s.Resume = filepath.Join(s.OutputDir, "checkpoint-2")
	for name, change := range map[string]func(*config.Settings){
		"seed":  func(s *config.Settings) { s.DataSeed = 7 },
		"share": func(s *config.Settings) { s.EvalSplit = 0.5 },
		"none":  func(s *config.Settings) { s.EvalSplit, s.EvalStrategy = 0, "no" },
	} {
		t.Run(name, func(t *testing.T) {
			s := s
			s.OutputDir = filepath.Join(t.TempDir(), "run")
			change(&s)
			_, err := trained(s)
			require.ErrorContains(t, err, s.Resume+" was trained with records of sha256 ")
			require.ErrorContains(t, err, "held out by eval_split, this run holds out ")
		})
	}
}

func TestSplitsThatLeaveNothing(t *testing.T) {
	s := splitting(t)
	s.EvalSplit = 0.001
	_, err := trained(s)
	require.EqualError(t, err, "eval_split is 0.001, which holds out none of 24 records; raise it, or write how many records to hold out")
	s.EvalSplit = 30
	_, err = trained(s)
	require.EqualError(t, err, "eval_split is 30, which holds out all of 24 records and leaves none to train on; lower it")
}
