package host

import (
	"fmt"

	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/sdk/program"
)

// leastSizes are the dimensions of a batch as far as the settings tell them,
// before any data is read.
func leastSizes(s config.Settings) map[string]int64 {
	return map[string]int64{"B": int64(max(s.TrainBatchSize, s.EvalBatchSize)), "K": 1, "T": int64(s.MaxLength)}
}

// mostSizes are the largest dimensions of any batch of so many of the surveyed
// examples.
func mostSizes(s data.Survey, batch int) map[string]int64 {
	return map[string]int64{
		"B": int64(min(batch, s.Examples)),
		"K": int64(max(1, s.MostCandidates)),
		"T": int64(max(1, s.MostLabels)),
	}
}

// checkSize holds what the loss program takes for a batch of the given sizes to
// plugin_program_mb.
func (t *task) checkSize(s config.Settings, sizes map[string]int64) error {
	for _, d := range t.program.Dims() {
		if _, known := sizes[string(d)]; !known { // U, and the classes of a head
			sizes[string(d)] = max(sizes["T"], 2)
		}
	}
	if err := t.program.Fits(sizes, int64(s.PluginProgramMB)<<20, t.places); err != nil {
		return fmt.Errorf("task %s: its loss %w; take smaller batches or a smaller max_length, or raise plugin_program_mb", t.Name, err)
	}
	return nil
}

// checkSizes does so for the data of the run.
func (r *run) checkSizes() error {
	s := r.settings
	if err := r.task.checkSize(s, mostSizes(r.data.train.Survey, s.TrainBatchSize)); err != nil {
		return err
	}
	for _, set := range r.data.eval {
		if err := r.task.checkSize(s, mostSizes(set.data.Survey, s.EvalBatchSize)); err != nil {
			return err
		}
	}
	return nil
}

// checkFits holds a program that is run on given tensors to the default of
// plugin_program_mb.
func checkFits(p *program.Program, sizes map[string]int64) error {
	return p.Fits(sizes, int64(config.Default().PluginProgramMB)<<20, nil)
}
