package task

import (
	"fmt"
	"time"

	"llmhost/host/config"
	"llmhost/host/plugin"
	"llmhost/host/plugin/process"
	"llmhost/host/plugin/wasm"
	"llmhost/host/plugin/worker"
)

// withLimits returns o with the limits that the settings put on plugins.
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

// checkLeast holds the loss program to plugin_program_mb at the dimensions of a
// batch as far as the settings tell them, before any data is read.
func (t *Task) checkLeast(s config.Settings) error {
	return t.CheckSize(s.PluginProgramMB, map[string]int64{
		"B": int64(max(s.TrainBatchSize, s.EvalBatchSize)),
		"K": 1,
		"T": int64(s.MaxLength),
	})
}

// CheckSize holds what the loss program takes for a batch of the given sizes to
// so many MiB.
func (t *Task) CheckSize(limitMiB int, sizes map[string]int64) error {
	for _, d := range t.Program.Dims() {
		if _, known := sizes[string(d)]; !known { // U, and the classes of a head
			sizes[string(d)] = max(sizes["T"], 2)
		}
	}
	if err := t.Program.Fits(sizes, int64(limitMiB)<<20, t.places); err != nil {
		return fmt.Errorf("task %s: its loss %w; take smaller batches or a smaller max_length, or raise plugin_program_mb", t.Name, err)
	}
	return nil
}
