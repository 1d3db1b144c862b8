package host

import (
	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/task"
	"llmhost/sdk/program"
)

// mostSizes are the largest dimensions of any batch of so many of the examples.
func mostSizes(examples []data.Example, batch int) map[string]int64 {
	sizes := map[string]int64{"B": int64(min(batch, len(examples))), "K": 1, "T": 1}
	for _, g := range examples {
		sizes["K"] = max(sizes["K"], int64(len(g.Sequences)))
		for _, row := range g.Sequences {
			sizes["T"] = max(sizes["T"], int64(labels(row)))
		}
	}
	return sizes
}

func labels(row data.Sequence) (n int) {
	for _, label := range row.Labels {
		if label != data.Ignore {
			n++
		}
	}
	return n
}

// checkSizes holds the loss program to plugin_program_mb at the sizes of the data.
func checkSizes(s config.Settings, t *task.Task, sets dataset) error {
	if err := t.CheckSize(s.PluginProgramMB, mostSizes(sets.train.Examples, s.TrainBatchSize)); err != nil {
		return err
	}
	for _, set := range sets.eval {
		if err := t.CheckSize(s.PluginProgramMB, mostSizes(set.Examples, s.EvalBatchSize)); err != nil {
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
