package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host"
	"llmhost/host/config"
)

// threeKinds are 24 records as an alpaca JSON, a sharegpt JSONL and a Parquet file of
// messages.
func threeKinds(t *testing.T) (paths []string) {
	t.Helper()
	folder := t.TempDir()
	var alpaca []string
	var sharegpt, messages strings.Builder
	for i := range 12 {
		alpaca = append(alpaca, fmt.Sprintf(`{"instruction": "Add %d.", "input": "", "output": "is %d"}`, i, i+1))
	}
	for i := range 8 {
		fmt.Fprintf(&sharegpt, `{"talk": [{"from": "human", "value": "Say %d."}, {"from": "gpt", "value": "I say %d"}]}`+"\n", i, i)
	}
	for i := range 4 {
		fmt.Fprintf(&messages, `{"messages": [{"role": "user", "content": "Who %d?"}, {"role": "assistant", "content": "me"}]}`+"\n", i)
	}
	parquet := filepath.Join(folder, "messages.parquet")
	_, err := convert(t, host.Conversion{Out: parquet}, "--data_paths", written(t, filepath.Join(t.TempDir(), "m.jsonl"), messages.String()))
	require.NoError(t, err)
	return []string{
		written(t, filepath.Join(folder, "alpaca.json"), "["+strings.Join(alpaca, ",\n")+"]"),
		written(t, filepath.Join(folder, "sharegpt.jsonl"), sharegpt.String()),
		parquet,
	}
}

// mixed is a run of sft over three data sets of different kinds, with a checkpoint after
// each second step.
func mixed(t *testing.T) config.Settings {
	t.Helper()
	s, _ := chatting(t)
	paths := threeKinds(t)
	s.Formatter, s.DataPaths = "", nil
	s.Datasets = []config.Dataset{
		{Paths: paths[:1]},
		{Paths: paths[1:2], Columns: map[string]string{"conversations": "talk"}, Params: map[string]config.Param{"user_tag": {Value: "human"}}},
		{Paths: paths[2:]},
	}
	s.TrainBatchSize, s.SaveSteps, s.NumTrainEpochs, s.MaxLength = 4, 2, 2, 64
	return s
}

// Data sets of three kinds are one run, which goes on after an interruption to the byte.
func TestDataSetsOfDifferentKinds(t *testing.T) {
	s := mixed(t)
	lines := mustTrain(t, s)
	for _, line := range []string{
		"\nset 1  " + s.Datasets[0].Paths[0] + ": instruction + output, by its fields: formatter alpaca_chat\n",
		"\nset 2  " + s.Datasets[1].Paths[0] + ": conversations (from/value), by its fields: formatter sharegpt\n",
		"\nset 3  " + s.Datasets[2].Paths[0] + ": messages (role/content)",
		"\nset 1  12 records, 12 sequences, ",
		"\nset 2  8 records, 8 sequences, ",
		"\nset 3  4 records, 4 sequences, ",
		"\nplan   12 steps of 4 records, 6 an epoch;",
	} {
		require.Contains(t, lines, line)
	}
	record := readRecord(t, s.OutputDir)
	require.Len(t, record.Data, 3)
	var formatters []string
	for _, set := range record.Datasets {
		formatters = append(formatters, fmt.Sprint(set.Formatter, " ", set.Records, " ", set.Examples))
	}
	require.Equal(t, []string{"alpaca_chat 12 12", "sharegpt 8 8", "messages 4 4"}, formatters)
	require.Equal(t, "human", record.Datasets[1].Params["user_tag"])
	require.Contains(t, contents(t, s.OutputDir, "config.toml"), "[[datasets]]\npath = ["+fmt.Sprintf("%q", s.Datasets[1].Paths[0])+"]\nuser_tag = \"human\"\n\n[datasets.columns]\nconversations = \"talk\"\n")

	again := s
	again.OutputDir, again.Resume = branch(t, s.OutputDir, "2", "4"), "auto"
	mustTrain(t, again)
	requireSameEnd(t, s.OutputDir, again.OutputDir)
}

// Files of different kinds in data_paths are a set each where nothing says how they are
// read.
func TestFilesOfDifferentKindsAreSetsOfTheirOwn(t *testing.T) {
	s := mixed(t)
	want := s
	s.Datasets, s.DataPaths = nil, []string{s.Datasets[0].Paths[0], s.Datasets[2].Paths[0]}
	lines := mustTrain(t, s)
	require.Contains(t, lines, "\nset 1  "+s.DataPaths[0]+": instruction + output, by its fields: formatter alpaca_chat\n")
	want.OutputDir = filepath.Join(t.TempDir(), "run")
	want.Datasets = []config.Dataset{want.Datasets[0], want.Datasets[2]}
	mustTrain(t, want)
	require.Equal(t, weights(t, want.OutputDir), weights(t, s.OutputDir))
	again := s
	again.OutputDir, again.Resume = branch(t, s.OutputDir, "2"), "auto"
	mustTrain(t, again)
	require.Equal(t, weights(t, s.OutputDir), weights(t, again.OutputDir))
	require.Equal(t, entries(t, s.OutputDir), entries(t, again.OutputDir))

	s.OutputDir = filepath.Join(t.TempDir(), "run")
	s.DataPaths = []string{filepath.Dir(s.DataPaths[0])}
	_, err := trained(s)
	require.ErrorContains(t, err, "the file has records of another kind than")
	require.ErrorContains(t, err, "give the files of each kind an entry of their own, as in datasets = [{path = ")
}

// Another set leaves the tokens of the others as they are kept.
func TestASetMoreTokenisesNoOther(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	s := mixed(t)
	all := s.Datasets
	s.Datasets, s.MaxSteps, s.SaveStrategy = all[:1], 1, "no"
	require.NotContains(t, mustTrain(t, s), "tokenised by an earlier run")
	s.Datasets, s.OutputDir = all[:2], filepath.Join(t.TempDir(), "run")
	lines := mustTrain(t, s)
	require.Regexp(t, `\nset 1  .*; tokenised by an earlier run\n`, lines)
	require.NotRegexp(t, `\nset 2  .*; tokenised by an earlier run\n`, lines)
}

// weight is one of an entry.
func weight(w float64) *float64 { return &w }

// Weighted sets are drawn once for all epochs, and a run over them resumes to the byte.
func TestWeightedDataSets(t *testing.T) {
	for _, c := range []struct {
		strategy string
		want     string
	}{
		{"first_exhausted", `\nmix    an epoch draws 1\d examples: \d+ from the 12 of set 1 \(weight 3\), \d+ from the 8 of set 2 \(weight 0.5\), \d+ from the 4 of set 3 \(weight 1\); first_exhausted\n`},
		{"all_exhausted_without_replacement", `\nmix    an epoch draws 24 examples: 12 from the 12 of set 1 \(weight 3\), 8 from the 8 of set 2 \(weight 0.5\), 4 from the 4 of set 3`},
		{"all_exhausted", `\nmix    an epoch draws \d+ examples: .* 8 from the 8 of set 2`},
	} {
		t.Run(c.strategy, func(t *testing.T) {
			s := mixed(t)
			s.Stopping = c.strategy
			s.Datasets[0].Weight, s.Datasets[1].Weight, s.Datasets[2].Weight = weight(3), weight(0.5), weight(1)
			lines := mustTrain(t, s)
			require.Regexp(t, c.want, lines)
			again := s
			again.OutputDir, again.Resume = branch(t, s.OutputDir, "2"), "auto"
			mustTrain(t, again)
			require.Equal(t, weights(t, s.OutputDir), weights(t, again.OutputDir))
			require.Equal(t, entries(t, s.OutputDir), entries(t, again.OutputDir))

			again.OutputDir = branch(t, s.OutputDir, "2")
			again.Datasets[2].Weight = weight(2)
			_, err := trained(again)
			require.ErrorContains(t, err, "was trained on records at random, drawn by weights 3 0.5 1, "+c.strategy+", this run on records at random, drawn by weights 3 0.5 2")
		})
	}
}

// Streamed sets are drawn from by the same weights, and each goes on where it was,
// whatever is packed together.
func TestStreamedDataSets(t *testing.T) {
	for _, c := range []struct{ strategy, packing string }{
		{"", "false"},
		{"first_exhausted", "false"},
		{"all_exhausted_without_replacement", "false"},
		{"all_exhausted", "bfd"},
		{"", "wrapped"},
	} {
		t.Run(c.strategy+" "+c.packing, func(t *testing.T) {
			s := mixed(t)
			if c.packing == "wrapped" {
				s.Datasets, s.MaxLength = texts(t), 16
			}
			s.Streaming, s.ShuffleBuffer, s.MaxSteps, s.SaveTotalLimit, s.Packing = config.On, 3, 14, 0, c.packing
			if c.strategy != "" {
				s.Stopping = c.strategy
				for i := range s.Datasets {
					s.Datasets[i].Weight = weight(float64(3 - i))
				}
			}
			require.Contains(t, mustTrain(t, s), "\nmix    drawn by ")
			for _, step := range []string{"2", "10"} {
				again := s
				again.OutputDir, again.Resume = branch(t, s.OutputDir, step), "auto"
				mustTrain(t, again)
				requireSameEnd(t, s.OutputDir, again.OutputDir)
			}
		})
	}
}

// texts are two data sets of texts, of different kinds.
func texts(t *testing.T) []config.Dataset {
	t.Helper()
	var lines, plain strings.Builder
	for i := range 9 {
		fmt.Fprintf(&lines, "{\"text\": \"the number %d and more of it\"}\n", i)
		fmt.Fprintf(&plain, "a line %d\n", i)
	}
	return []config.Dataset{
		{Paths: []string{written(t, filepath.Join(t.TempDir(), "lines.jsonl"), lines.String())}},
		{Paths: []string{written(t, filepath.Join(t.TempDir(), "plain.txt"), plain.String())}},
	}
}

// What is held out of several sets is one evaluation set.
func TestRecordsAreHeldOutOfEachSet(t *testing.T) {
	s := mixed(t)
	s.EvalSplit, s.MaxSteps = 0.25, 2
	lines := mustTrain(t, s)
	require.Regexp(t, `\neval   \d+ of 24 records, held out by eval_split, `, lines)
}

// Evaluation files may be of another kind than the training files, which is found, or
// refused in words.
func TestEvaluationFilesOfAnotherKind(t *testing.T) {
	s := mixed(t)
	paths := []string{s.Datasets[0].Paths[0], s.Datasets[2].Paths[0]}
	s.Datasets, s.DataPaths, s.EvalDataPaths, s.MaxSteps = nil, paths[:1], paths[1:], 1
	lines := mustTrain(t, s)
	require.Regexp(t, `\neval   4 records, .*\n       format messages \(role/content\)`, lines)

	s.OutputDir = filepath.Join(t.TempDir(), "run")
	strange := written(t, filepath.Join(t.TempDir(), "strange.jsonl"), `{"x": 1}`+"\n")
	s.EvalDataPaths = []string{strange}
	_, err := trained(s)
	require.ErrorContains(t, err, strange+":1: ")
	require.ErrorContains(t, err, "(an evaluation file, of another kind than the training files)")
}

// Every set must have what the loss reads.
func TestWhatTheLossReadsComesFromEachSet(t *testing.T) {
	s := ranking(t)
	other := written(t, filepath.Join(t.TempDir(), "pairs.jsonl"), `{"prompt": "a", "completion": "b"}`+"\n")
	s.Datasets = []config.Dataset{{Paths: s.DataPaths}, {Paths: []string{other}, Formatter: "prompt_completion"}}
	s.DataPaths = nil
	_, err := trained(s)
	require.ErrorContains(t, err, "datasets 2 ("+other+")")
	require.NoDirExists(t, s.OutputDir)
}

// A key of an entry that nobody knows is an error with its place and the nearest name.
func TestUnknownKeysOfAnEntry(t *testing.T) {
	s := mixed(t)
	for name, want := range map[string]string{
		"usr_tag":   `x:5:1: datasets 2 (` + s.Datasets[1].Paths[0] + `): usr_tag is no key of an entry, and formatter sharegpt has no such parameter; did you mean user_tag?`,
		"weigth":    `did you mean weight?`,
		"type":      `did you mean formatter?`,
		"threshold": `threshold is no key of an entry, and formatter sharegpt has no such parameter`,
	} {
		s.Datasets[1].Params = map[string]config.Param{name: {Value: "a", Where: "x:5:1"}}
		_, err := trained(s)
		require.ErrorContains(t, err, want)
	}
	require.NoFileExists(t, filepath.Join(s.OutputDir, "run.json"))
	_, err := os.Stat(s.OutputDir)
	require.Error(t, err)
}
