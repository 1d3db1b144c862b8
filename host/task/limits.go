package task

import (
	"fmt"
	"time"

	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/plugin"
	"llmhost/host/plugin/process"
	"llmhost/host/plugin/wasm"
	"llmhost/host/plugin/worker"
)

// withLimits returns o with the limits on plugins from the settings.
func withLimits(o plugin.Options, s config.PluginLimits) plugin.Options {
	o.Limits = wasm.Limits{
		MemoryMiB: s.PluginMemoryMB,
		Start:     ms(s.PluginStartMS),
		Call:      ms(s.PluginTraceMS),
	}
	o.Workers = worker.Limits{
		MemoryMiB: s.PluginFormatMemoryMB,
		Compile:   ms(s.PluginCompileMS),
		Start:     ms(s.PluginStartMS),
		Batch:     ms(s.PluginFormatMS),
		Workers:   s.PluginInstances,
	}
	o.Process = process.Limits{
		MemoryMiB: s.PluginProcessMemoryMB,
		Start:     ms(s.PluginProcessMS),
		Call:      ms(s.PluginProcessMS),
		Format:    ms(s.PluginFormatMS),
	}
	return o
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// checkLeast checks the loss program against plugin_program_mb at the dimensions
// of a batch, as far as the settings determine them, before any data is read.
func (t *Task) checkLeast(s config.Settings) error {
	return t.checkSize(s.PluginProgramMB, map[string]int64{
		"B": int64(max(s.TrainBatchSize, s.EvalBatchSize)),
		"K": 1,
		"T": int64(s.MaxLength),
	})
}

// CheckBatch checks what the loss program takes for the largest batch of so many
// of the surveyed examples against limitMiB.
func (t *Task) CheckBatch(limitMiB int, s data.Survey, examples int) error {
	return t.checkSize(limitMiB, map[string]int64{
		"B": int64(min(examples, s.Examples)),
		"K": int64(max(1, s.MostCandidates)),
		"T": int64(max(1, s.MostLabels)),
	})
}

func (t *Task) checkSize(limitMiB int, sizes map[string]int64) error {
	for _, d := range t.Program.Dims() {
		if _, known := sizes[string(d)]; !known { // U, and the classes of a head
			sizes[string(d)] = max(sizes["T"], 2)
		}
	}
	err := t.Program.Fits(sizes, int64(limitMiB)<<20, t.places)
	if err != nil {
		return fmt.Errorf("task %s: its loss %w; take smaller batches or a smaller max_length, or raise plugin_program_mb", t.Name, err)
	}
	return nil
}
