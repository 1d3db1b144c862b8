package host

import (
	"time"

	"llmhost/host/config"
	"llmhost/host/plugin"
	"llmhost/host/plugin/process"
	"llmhost/host/plugin/wasm"
	"llmhost/host/plugin/worker"
)

// limited returns o with the limits that the settings put on plugins.
func limited(s config.Settings, o plugin.Options) plugin.Options {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	o.Limits = wasm.Limits{MemoryMiB: s.PluginMemoryMB, Start: ms(s.PluginStartMS), Call: ms(s.PluginTraceMS)}
	o.Workers = worker.Limits{MemoryMiB: s.PluginFormatMemoryMB, Compile: ms(s.PluginCompileMS), Start: ms(s.PluginStartMS), Batch: ms(s.PluginFormatMS), Workers: s.PluginInstances}
	o.Process = process.Limits{MemoryMiB: s.PluginProcessMemoryMB, Start: ms(s.PluginProcessMS), Call: ms(s.PluginProcessMS), Format: ms(s.PluginFormatMS)}
	return o
}
