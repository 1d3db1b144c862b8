package host

import (
	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/task"
	"llmhost/sdk/program"
)

// mostSizes are the largest dimensions of any batch of so many of the surveyed
// examples.
func mostSizes(s data.Survey, batch int) map[string]int64 {
	return map[string]int64{
		"B": int64(min(batch, s.Examples)),
		"K": int64(max(1, s.MostCandidates)),
		"T": int64(max(1, s.MostLabels)),
	}
}

// checkSizes holds the loss program to plugin_program_mb at the sizes of the data.
func checkSizes(s config.Settings, t *task.Task, sets dataset) error {
	if err := t.CheckSize(s.PluginProgramMB, mostSizes(sets.train.Survey, s.TrainBatchSize)); err != nil {
		return err
	}
	for _, set := range sets.eval {
		if err := t.CheckSize(s.PluginProgramMB, mostSizes(set.data.Survey, s.EvalBatchSize)); err != nil {
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
