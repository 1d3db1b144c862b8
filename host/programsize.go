package host

import (
	"fmt"

	"llmhost/host/config"
	"llmhost/host/data"
)

// leastSizes are the dimensions of a batch as far as the settings tell them,
// before any data is read.
func leastSizes(s config.Settings) map[string]int64 {
	return map[string]int64{"B": int64(max(s.TrainBatchSize, s.EvalBatchSize)), "K": 1, "T": int64(s.MaxLength)}
}

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
	if err := r.task.checkSize(s, mostSizes(r.data.train.Examples, s.TrainBatchSize)); err != nil {
		return err
	}
	for _, set := range r.data.eval {
		if err := r.task.checkSize(s, mostSizes(set.Examples, s.EvalBatchSize)); err != nil {
			return err
		}
	}
	return nil
}
