// Package builtin lists the plugins that are linked into the binary. The list
// is a plain value: who needs it asks for it, nothing registers itself.
package builtin

import (
	"llmhost/builtin/alpaca"
	"llmhost/builtin/pooling"
	"llmhost/builtin/preference"
	"llmhost/builtin/promptanswer"
	"llmhost/builtin/rrhf"
	"llmhost/builtin/sft"
	"llmhost/sdk"
)

// All returns the builtin plugins. No two components of one kind, and no two
// tasks, share a name.
func All() []sdk.Plugin {
	return []sdk.Plugin{
		rrhf.Plugin,
		sft.Plugin,
		preference.Plugin,
		promptanswer.Plugin,
		alpaca.Plugin,
		pooling.Plugin,
	}
}
