package serve

import (
	"llmhost/sdk"
	"llmhost/sdk/wasm"
)

// Served is a plugin ready to be called.
type Served struct{}

// Plugin makes p the plugin of this module.
func Plugin(p sdk.Plugin) Served {
	wasm.Register(p)
	return Served{}
}

// Main does nothing: a host calls the module's exports.
func (Served) Main() {}
