package host

import (
	"llmhost/host/config"
	"llmhost/sdk/program"
)

// checkFits holds a program that is run on given tensors to the default of
// plugin_program_mb.
func checkFits(p *program.Program, sizes map[string]int64) error {
	return p.Fits(sizes, int64(config.Default().PluginProgramMB)<<20, nil)
}
