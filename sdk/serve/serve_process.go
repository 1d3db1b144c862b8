//go:build !wasip1

package serve

import (
	"llmhost/sdk"
	"llmhost/sdk/process"
)

// Served is a plugin ready to be called.
type Served struct{ plugin sdk.Plugin }

// Plugin makes p the plugin of this program.
func Plugin(p sdk.Plugin) Served { return Served{p} }

// Main serves the plugin until the host that started the program ends it.
func (s Served) Main() { process.Serve(s.plugin) }
