package host_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/rundir"

	"github.com/stretchr/testify/require"
)

// What is left of a resumed run is counted in records: whatever its steps are
// then, it ends where its epochs end.
func TestResumeWithStepsOfAnotherSize(t *testing.T) {
	from, s := whole(t) // 24 records in steps of 8, 4 epochs
	s.Resume = filepath.Join(from, "checkpoint-4")
	for _, c := range []struct {
		name   string
		change func(*config.Settings)
		steps  int
		epoch  float64
		lines  []string
	}{
		{"half the batch", func(s *config.Settings) { s.TrainBatchSize /= 2 }, 20, 4, []string{
			"note: per_device_train_batch_size was 4 and is 2 from here on\n",
			"checkpoint-4, after step 4, epoch 1.33; 16 steps left, of 64 records\n",
		}},
		{"twice the batch", func(s *config.Settings) { s.TrainBatchSize *= 2 }, 9, 4, []string{
			"checkpoint-4, after step 4, epoch 1.33; 5 steps left, of 64 records\n",
			"step 5/9  epoch 2.00",
		}},
		{"twice the accumulation", func(s *config.Settings) { s.AccumulationSteps *= 2 }, 9, 4, []string{
			"checkpoint-4, after step 4, epoch 1.33; 5 steps left, of 64 records\n",
		}},
		{"fewer epochs", func(s *config.Settings) { s.NumTrainEpochs = 2 }, 6, 2, []string{
			"checkpoint-4, after step 4, epoch 1.33; 2 steps left, of 16 records\n",
		}},
		{"another course of the learning rate", func(s *config.Settings) { s.SchedulerType = "linear" }, 12, 4, []string{
			"note: lr_scheduler_type was \"cosine\" and is \"linear\" from here on\n",
			"note: the learning rate of step 5 was to be 0.00905 and is 0.008\n",
		}},
		{"steps", func(s *config.Settings) { s.MaxSteps, s.TrainBatchSize = 6, 2 }, 6, 1 + 16./24, []string{
			"checkpoint-4, after step 4, epoch 1.33; 2 steps left to max_steps\n",
		}},
		{"an evaluation each epoch", func(s *config.Settings) { s.EvalStrategy, s.TrainBatchSize = "epoch", 8 }, 9, 4, []string{
			"step 5/9  epoch 2.00  eval_loss",
			"step 7/9  epoch 3.00  eval_loss",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s
			s.OutputDir = filepath.Join(t.TempDir(), "run")
			s.LoggingSteps = 1
			c.change(&s)
			lines := mustTrain(t, s)
			for _, line := range c.lines {
				require.Contains(t, lines, line)
			}
			r := readRecord(t, s.OutputDir)
			require.Equal(t, []int{c.steps, c.steps}, []int{r.GlobalStep, r.TotalSteps}, lines)
			require.InDelta(t, c.epoch, *r.Epoch, 1e-12)
			logged := entries(t, s.OutputDir)
			require.InDelta(t, c.epoch, logged[len(logged)-1].Epoch, 1e-12)

			s.Resume = "auto"
			require.Contains(t, mustTrain(t, s), "is finished: ")
		})
	}
}

// A run of steps of two sizes can be interrupted too: the plan follows from the
// place in the data alone.
func TestResumeTwiceWithStepsOfAnotherSize(t *testing.T) {
	from, s := whole(t)
	s.TrainBatchSize *= 2
	s.Resume = filepath.Join(from, "checkpoint-4")
	s.OutputDir = filepath.Join(t.TempDir(), "straight")
	mustTrain(t, s)
	want := s.OutputDir

	s.OutputDir = branch(t, want, "6")
	s.Resume = "auto"
	lines := mustTrain(t, s)
	require.Contains(t, lines, "checkpoint-6, after step 6, epoch 2.67; 3 steps left, of 32 records\n")
	require.NotContains(t, lines, "note: the learning rate")
	require.Equal(t, weights(t, want), weights(t, s.OutputDir))
	require.Equal(t, entries(t, want), entries(t, s.OutputDir))
}

func TestResumeIsRefusedWhereNothingIsLeft(t *testing.T) {
	from, s := whole(t)
	for _, c := range []struct {
		name   string
		from   string
		change func(*config.Settings)
		want   string
	}{
		{"epochs", "checkpoint-8", func(s *config.Settings) { s.NumTrainEpochs = 2 }, " is after step 8, epoch 2.67, past the end that num_train_epochs 2 sets; raise it, or name an earlier checkpoint"},
		{"steps", "checkpoint-8", func(s *config.Settings) { s.MaxSteps = 7 }, " is after step 8, epoch 2.67, past the end that max_steps 7 sets; raise it, or name an earlier checkpoint"},
		{"at the end", "checkpoint-12", func(s *config.Settings) { s.TrainBatchSize = 3 }, " is after step 12, epoch 4.00, which is all that num_train_epochs 4 asks for; raise it to train on"},
		{"order", "checkpoint-8", func(s *config.Settings) { s.Seed = 7 }, " is after 16 of the 24 records of an epoch in the order of data_seed 42; in the order of 7 some would be trained twice, and others never; give --data_seed 42, or resume at the end of an epoch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s
			s.Resume = filepath.Join(from, c.from)
			s.OutputDir = filepath.Join(t.TempDir(), "run")
			c.change(&s)
			_, err := trained(s)
			require.EqualError(t, err, s.Resume+c.want)
			require.NoDirExists(t, s.OutputDir)
		})
	}
	s.Seed, s.MaxSteps = 7, 7
	s.Resume = filepath.Join(from, "checkpoint-6") // the end of an epoch
	s.OutputDir = filepath.Join(t.TempDir(), "run")
	lines := mustTrain(t, s)
	require.Contains(t, lines, "note: the records are in the order of data_seed 7 from here on; it was 42\n")
	require.Contains(t, lines, "note: seed was 42 and is 7, which changes nothing: what it decides is in the checkpoint\n")
}

// Checkpoints of versions that kept less can be resumed.
func TestAnOlderCheckpointIsResumed(t *testing.T) {
	from, s := whole(t)
	old := branch(t, from)
	kept := filepath.Join(from, "checkpoint-4")
	state, err := checkpoint.Check(kept)
	require.NoError(t, err)
	require.NotZero(t, state.Records)
	state.Records = 0
	state.DataSeed = nil
	state.LearningRate = nil
	state.TokenizerDigest = ""
	at, err := checkpoint.Save(old, state, func(folder string) error {
		for _, name := range []string{"model.safetensors", "optimizer.safetensors", "config.json", "tokenizer.json"} {
			written(t, filepath.Join(folder, name), contents(t, kept, name))
		}
		return nil
	})
	require.NoError(t, err)
	for _, key := range []string{"records", "data_seed", "learning_rate", "tokenizer_sha256"} {
		require.NotContains(t, contents(t, at, "trainer_state.json"), `"`+key+`"`)
	}
	var record map[string]any
	require.NoError(t, json.Unmarshal([]byte(contents(t, old, "run.json")), &record))
	delete(record, "epoch")
	text, err := json.Marshal(record)
	require.NoError(t, err)
	written(t, filepath.Join(old, "run.json"), string(text))

	s.OutputDir, s.Resume = old, "auto"
	require.NotContains(t, mustTrain(t, s), "note: ")
	require.Equal(t, weights(t, from), weights(t, old))
}

// other is a value that a setting does not have.
func other(t *testing.T, name string, v any) any {
	t.Helper()
	switch v := v.(type) {
	case config.Switch:
		return string(v) + "x"
	case string:
		return v + "x"
	case int:
		return v + 1
	case float64:
		return v/2 + 0.25
	case bool:
		return !v
	case []float64:
		return append([]float64{0.5}, v...)
	case []map[string]any:
		return []map[string]any{{"path": []string{"x"}}}
	case []string:
		return append([]string{"x"}, v...)
	case map[string]string:
		return map[string]string{"prompt": "question"}
	case map[string]float64, map[string]any:
		return map[string]any{"power": 2.5}
	}
	t.Fatalf("%s is a %v", name, reflect.TypeOf(v))
	return nil
}

// Another value of any setting is noted when a run resumes, or refused, or has
// nothing to do with what is resumed.
func TestNoSettingChangesInSilenceWhenARunResumes(t *testing.T) {
	ofOneStart := []string{"output_dir", "overwrite_output_dir", "resume_from_checkpoint", "allow_thread_count_change", "task_sha256", "locked", "dry_run", "token_cache_gb"}
	dir := filepath.Join(t.TempDir(), "run")
	d, err := rundir.Open(dir, rundir.Options{}, t.Logf)
	require.NoError(t, err)
	defer d.Close()
	was := config.Default()
	was.LoraR = 8
	require.NoError(t, d.WriteRecord(rundir.Record{Settings: was.Map()}))
	start := rundir.Start{Checkpoint: filepath.Join(dir, "checkpoint-4")}
	for name, v := range was.Map() {
		if name == "params" {
			continue // parameters of plugins are compared by themselves
		}
		t.Run(name, func(t *testing.T) {
			now := was.Map()
			now[name] = other(t, name, v)
			var said []string
			note := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
			refused := rundir.CheckSettings(start, now)
			require.NoError(t, rundir.NoteChanges(start, rundir.Record{Settings: now}, checkpoint.State{}, note))
			switch {
			case refused != nil:
				require.ErrorContains(t, refused, " was trained with "+name+" ")
				require.Empty(t, said, "what is refused is not noted")
			case slices.Contains(ofOneStart, name):
				require.Empty(t, said)
			default:
				require.Len(t, said, 1)
				require.Regexp(t, "^"+name+" was .* and is .*(from here on|which changes nothing: what it decides is in the checkpoint)$", said[0])
			}
		})
	}
	plain := config.Default()
	require.NoError(t, d.WriteRecord(rundir.Record{Settings: plain.Map()}))
	plain.LoraAlpha = 3
	require.NoError(t, rundir.CheckSettings(start, plain.Map()), "a run without an adapter has none that could change")
}

// Without logging_steps a run has about a hundred log lines and ten evaluations,
// and run.json says how many steps those are.
func TestStepsBetweenLogLinesByDefault(t *testing.T) {
	for _, c := range []struct {
		name                string
		change              func(*config.Settings)
		lines, evaluations  int
		logSteps, evalSteps float64
	}{
		{"few steps", func(s *config.Settings) { s.MaxSteps = 20 }, 20, 11, 1, 2},
		{"many steps", func(s *config.Settings) { s.MaxSteps = 250 }, 84, 12, 3, 24},
		{"evaluations follow logging_steps", func(s *config.Settings) { s.MaxSteps, s.LoggingSteps = 20, 5 }, 4, 5, 5, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ranking(t)
			s.TrainBatchSize, s.AccumulationSteps, s.MaxLength = 1, 1, 32
			s.SaveStrategy = "no"
			s.LoggingSteps, s.EvalSteps = 0, 0
			c.change(&s)
			mustTrain(t, s)
			lines, evaluations := 0, 0
			for _, e := range entries(t, s.OutputDir) {
				if _, has := e.Get("eval_loss"); has {
					evaluations++
					continue
				}
				lines++
			}
			require.Equal(t, []int{c.lines, c.evaluations}, []int{lines, evaluations})
			settings := readRecord(t, s.OutputDir).Settings
			require.Equal(t, []any{c.logSteps, c.evalSteps}, []any{settings["logging_steps"], settings["eval_steps"]})
			require.Contains(t, contents(t, s.OutputDir, "config.toml"), fmt.Sprintf("\nlogging_steps = %d\n", s.LoggingSteps))
		})
	}
}
