package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/config"
)

// turning is a run of 12 steps whose evaluations get worse: what it learns is not
// what it is evaluated on.
func turning(t *testing.T) config.Settings {
	t.Helper()
	s := ranking(t)
	s.NumTrainEpochs, s.EvalSteps, s.SaveSteps, s.LoggingSteps, s.LearningRate = 4, 2, 3, 1, 0.05
	return s
}

// evaluations are the values of a metric by step.
func evaluations(t *testing.T, folder, name string) (steps []int, values []float64) {
	t.Helper()
	for _, e := range entries(t, folder) {
		if v, ok := e.Get(name); ok && e.Step > 0 {
			steps = append(steps, e.Step)
			values = append(values, v)
		}
	}
	return steps, values
}

// bestOf is the first evaluation that no later one beats.
func bestOf(t *testing.T, folder, name string, better func(a, b float64) bool) (step int, value float64) {
	t.Helper()
	steps, values := evaluations(t, folder, name)
	require.NotEmpty(t, steps)
	step, value = steps[0], values[0]
	for i, v := range values {
		if better(v, value) {
			step, value = steps[i], v
		}
	}
	return step, value
}

// shown is a value as the summary shows it.
func shown(name string, value float64) string {
	if strings.HasSuffix(name, "accuracy") {
		return fmt.Sprintf("%.1f%%", 100*value)
	}
	return fmt.Sprintf("%.4f", value)
}

func smaller(a, b float64) bool { return a < b }
func greater(a, b float64) bool { return a > b }

// The best model is the result, by whichever metric and in whichever direction.
func TestTheBestModelIsTheResult(t *testing.T) {
	for _, c := range []struct {
		name, metric, log string
		better            func(a, b float64) bool
		set               func(*config.Settings)
	}{
		{"loss", "eval_loss", "eval_loss", smaller, func(*config.Settings) {}},
		{"a metric", "rank_accuracy", "eval_rank_accuracy", greater, func(*config.Settings) {}},
		{"the worst", "eval_loss", "eval_loss", greater, func(s *config.Settings) { s.GreaterIsBetter = "true" }},
		{"only the best saved", "loss", "eval_loss", smaller, func(s *config.Settings) { s.SaveStrategy = "best" }},
		{"one checkpoint beside it", "eval_loss", "eval_loss", greater, func(s *config.Settings) { s.GreaterIsBetter, s.SaveTotalLimit = "true", 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := turning(t)
			s.LoadBest, s.BestMetric = true, c.metric
			c.set(&s)
			lines := mustTrain(t, s)
			step, value := bestOf(t, s.OutputDir, c.log, c.better)
			require.Contains(t, lines, fmt.Sprintf("best     step %d, %s %.4f\n", step, c.log, value))
			kept := filepath.Join(s.OutputDir, fmt.Sprintf("checkpoint-%d", step))
			require.Equal(t, digest(t, kept, "model.safetensors"), digest(t, s.OutputDir, "model.safetensors"))
			after := lines[strings.LastIndex(lines, "before       after"):]
			require.Regexp(t, regexp.QuoteMeta(c.log)+` +[0-9.%]+ +`+shown(c.log, value)+`\n`, after, "the summary is about the result")
			r := readRecord(t, s.OutputDir)
			require.Equal(t, step, r.Best.Step)
			require.Equal(t, c.log, r.Best.Metric)
			require.Equal(t, digest(t, s.OutputDir, "model.safetensors"), r.FinalSHA256)
			if s.SaveTotalLimit == 1 {
				require.ElementsMatch(t, []string{filepath.Base(kept), "checkpoint-12"}, list(t, s.OutputDir, "checkpoint-*"))
			}
		})
	}
}

// A run ends after evaluations without a better one, and one that resumes ends there
// too.
func TestEarlyStopping(t *testing.T) {
	s := turning(t)
	s.Patience, s.GreaterIsBetter, s.EvaluateAtBeginning = 2, "true", false // the loss falls, so no evaluation is better than the first
	lines := mustTrain(t, s)
	steps, _ := evaluations(t, s.OutputDir, "eval_loss")
	require.Equal(t, []int{2, 4, 6}, steps)
	require.Contains(t, lines, "stopped  after step 6 of 12: eval_loss was not better for 2 evaluations in a row\n")
	require.Contains(t, lines, "best     step 2, eval_loss ")
	require.Equal(t, digest(t, s.OutputDir, "checkpoint-6/model.safetensors"), digest(t, s.OutputDir, "model.safetensors"), "load_best_model_at_end is not set")
	before := digest(t, s.OutputDir, "model.safetensors")
	s.Resume = "auto"
	require.Contains(t, mustTrain(t, s), "stopped  after step 6 of 12")
	require.Equal(t, before, digest(t, s.OutputDir, "model.safetensors"))

	s = turning(t)
	s.Patience, s.PatienceThreshold = 1, 1000
	require.Contains(t, mustTrain(t, s), "stopped  after step 4 of 12", "better, but by less than the threshold")
}

// The best checkpoint of a run that branches off another is in that one's folder.
func TestTheBestBeforeABranch(t *testing.T) {
	s := turning(t)
	s.LoadBest, s.GreaterIsBetter = true, "true"
	mustTrain(t, s)
	step, _ := bestOf(t, s.OutputDir, "eval_loss", greater)
	require.Equal(t, 2, step)
	was := s.OutputDir
	s.Resume, s.OutputDir = filepath.Join(was, "checkpoint-6"), filepath.Join(t.TempDir(), "branch")
	mustTrain(t, s)
	require.Equal(t, digest(t, was, "checkpoint-2/model.safetensors"), digest(t, s.OutputDir, "model.safetensors"))

	require.NoError(t, os.RemoveAll(filepath.Join(was, "checkpoint-2")))
	s.OutputDir = filepath.Join(t.TempDir(), "another")
	require.Contains(t, mustTrain(t, s), "note: the best model could not be loaded, so the result is that of the last step: ")
	require.Equal(t, digest(t, s.OutputDir, "checkpoint-12/model.safetensors"), digest(t, s.OutputDir, "model.safetensors"))
}

// A metric that no evaluation will have is found before the model is read.
func TestAMetricThatEvaluationsLack(t *testing.T) {
	s := turning(t)
	s.LoadBest, s.BestMetric = true, "acuracy"
	_, err := trained(s)
	require.ErrorContains(t, err, `metric_for_best_model is "acuracy", and evaluations have no eval_acuracy; want one of eval_loss, eval_rank_accuracy`)
	require.NoDirExists(t, s.OutputDir)
	s.BestMetric = "eval_loss"
	s.EvalDataPaths = []string{quickstart(t, "eval.jsonl", 0, 4), quickstart(t, "train.jsonl", 30, 4)}
	_, err = trained(s)
	require.ErrorContains(t, err, "evaluations have no eval_loss; want one of eval_eval_loss, ")
	s.BestMetric = "train_loss"
	require.Contains(t, mustTrain(t, s), ", eval_train_loss ")
}
