package host_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
)

// A loss that puts the answer of another record behind a prompt needs two in each
// step: one by itself would be compared with itself.
func TestStepsOfOneRecord(t *testing.T) {
	const pairs = ", and the loss of task kto puts behind each prompt the answer of another record of its step; "
	for _, c := range []struct {
		name                         string
		records, batch, accumulation int
		change                       func(*config.Settings)
		want                         string
	}{
		{"batches of one", 3, 1, 1, nil, "per_device_train_batch_size 1 makes steps of one record" + pairs + "set per_device_train_batch_size = 3"},
		{"one record", 1, 8, 1, nil, "the training data has one record" + pairs + "give at least 2"},
		{"the last of an epoch", 9, 2, 2, nil, "9 records in steps of 4 leave one record for a last step" + pairs + "set per_device_train_batch_size = 3, or dataloader_drop_last = true to leave records out that do not fill a micro-batch"},
		{"of batches of one", 5, 1, 4, nil, "5 records in steps of 4 leave one record for a last step" + pairs + "set per_device_train_batch_size = 2"},
		{"which is left out", 9, 2, 2, func(s *config.Settings) { s.DropLast = true }, ""},
		{"which is not reached", 9, 2, 2, func(s *config.Settings) { s.MaxSteps = 2 }, ""},
		{"which is reached later", 9, 2, 2, func(s *config.Settings) { s.MaxSteps = 3 }, "9 records in steps of 4 leave one record for a last step" + pairs + "set per_device_train_batch_size = 3, or dataloader_drop_last = true to leave records out that do not fill a micro-batch"},
		{"accumulated ones", 6, 1, 2, nil, ""},
		{"a micro-batch of one beside others", 7, 2, 2, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := lesson(t, "kto", promptAnswer(func(i int) (string, any) { return "label", i%2 == 0 }), nil)
			all := strings.SplitAfter(contents(t, s.DataPaths[0]), "\n")
			s.DataPaths = []string{written(t, filepath.Join(t.TempDir(), "few.jsonl"), strings.Join(all[:c.records], ""))}
			s.TrainBatchSize, s.AccumulationSteps, s.NumTrainEpochs, s.EvalDataPaths = c.batch, c.accumulation, 1, nil
			if c.change != nil {
				c.change(&s)
			}
			_, err := trained(s)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.want)
			require.NoDirExists(t, s.OutputDir)
		})
	}
	s := lesson(t, "kto", promptAnswer(func(i int) (string, any) { return "label", i%2 == 0 }), nil)
	s.EvalDataPaths = []string{written(t, filepath.Join(t.TempDir(), "one.jsonl"), strings.SplitAfter(contents(t, s.EvalDataPaths[0]), "\n")[0])}
	_, err := trained(s)
	require.EqualError(t, err, s.EvalDataPaths[0]+" has one record, and the loss of task kto puts behind each prompt the answer of another; give at least 2")
}

// Records that fill no micro-batch are left out, others in each epoch, and a resumed run
// leaves out the same.
func TestDropLast(t *testing.T) {
	s := ranking(t)
	s.DataPaths, s.EvalDataPaths, s.EvalStrategy = []string{quickstart(t, "train.jsonl", 0, 11)}, nil, "no"
	s.DropLast, s.TrainBatchSize, s.AccumulationSteps, s.NumTrainEpochs, s.SaveSteps = true, 4, 1, 3, 1
	lines := mustTrain(t, s)
	require.Contains(t, lines, "plan   6 steps of 4 records, 2 an epoch")
	again := s
	again.OutputDir, again.MaxSteps = filepath.Join(t.TempDir(), "run"), 3
	again.SchedulerType, s.SchedulerType = "constant", "constant"
	mustTrain(t, again)
	s.OutputDir = filepath.Join(t.TempDir(), "run")
	mustTrain(t, s)
	again.MaxSteps, again.Resume = -1, "auto"
	mustTrain(t, again)
	require.Equal(t, weights(t, s.OutputDir), weights(t, again.OutputDir))

	s.OutputDir, s.TrainBatchSize = filepath.Join(t.TempDir(), "run"), 16
	_, err := trained(s)
	require.EqualError(t, err, "dataloader_drop_last leaves none of 11 records, which do not fill a micro-batch; per_device_train_batch_size is 16")
}
