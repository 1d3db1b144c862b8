package host

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/metrics"
	"llmhost/host/nearest"
	"llmhost/host/rundir"
	"llmhost/host/task"
	"llmhost/host/train"
)

// bestOf says which evaluation is the best. A metric that the evaluations will not
// have is an error.
func bestOf(s config.Settings, t *task.Task, sets dataset) (train.Best, error) {
	if !s.WantsBest() {
		return train.Best{}, nil
	}
	metric := evalSet{}.prefix() + strings.TrimPrefix(s.BestMetric, evalSet{}.prefix())
	if known := metricNames(s, t, sets); !slices.Contains(known, metric) {
		return train.Best{}, fmt.Errorf(
			"metric_for_best_model is %q, and evaluations have no %s; want one of %s%s",
			s.BestMetric,
			metric,
			strings.Join(known, ", "),
			nearest.Hint(metric, known),
		)
	}
	return train.Best{
		Metric:    metric,
		Greater:   s.BestIsGreater(),
		Keep:      s.LoadBest || s.SaveStrategy == "best",
		Patience:  s.Patience,
		Threshold: s.PatienceThreshold,
	}, nil
}

// metricNames are the names that evaluations may log.
func metricNames(s config.Settings, t *task.Task, sets dataset) (names []string) {
	var bins []int
	if t.ScoreColumn() != "" && t.Program.Needs().Score {
		bins = calibrationBins(s.EvaluationSettings)
	}
	for _, set := range sets.eval {
		for _, name := range train.Measures(t.Program, bins) {
			names = append(names, set.prefix()+name)
		}
	}
	return names
}

// installBest makes the best model the result of the run, says so, and returns the
// step of the result. The model of the last step is in output_dir already.
func installBest(s config.Settings, loop *train.Loop, start rundir.Start, out *console.Console) (result int) {
	if waited := loop.OutOfPatience(); waited > 0 && loop.Trainer.GlobalStep < loop.Plan.TotalSteps {
		out.Printf("stopped  after step %d of %d: %s was not better for %d evaluations in a row",
			loop.Trainer.GlobalStep, loop.Plan.TotalSteps, loop.Best.Metric, waited)
	}
	step, value := loop.BestStep()
	if step == 0 {
		return loop.Trainer.GlobalStep
	}
	out.Printf("best     step %d, %s %.4f", step, loop.Best.Metric, value)
	if !s.LoadBest || step == loop.Trainer.GlobalStep {
		return loop.Trainer.GlobalStep
	}
	path := filepath.Join(s.OutputDir, checkpoint.Name(step))
	if start.Elsewhere && step <= start.State.GlobalStep {
		path = filepath.Join(start.Home(s.OutputDir), checkpoint.Name(step))
	}
	if err := train.InstallModel(path, s.OutputDir); err != nil {
		out.Notef("the best model could not be loaded, so the result is that of the last step: %v", err)
		return loop.Trainer.GlobalStep
	}
	out.Printf("         its model is the result, not that of step %d", loop.Trainer.GlobalStep)
	return step
}

// entriesTo are the entries up to a step.
func entriesTo(step int, entries []metrics.Entry) []metrics.Entry {
	return slices.DeleteFunc(slices.Clone(entries), func(e metrics.Entry) bool { return e.Step > step })
}
