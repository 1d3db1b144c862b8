// Command dpo_shift is the dpo_shift plugin, as a WASM module or as a program
// that llmhost starts; see sdk/serve for how one source is both.
package main

import (
	"llmhost/plugins/dpo_shift/dposhift"
	"llmhost/sdk/serve"
)

var served = serve.Plugin(dposhift.Plugin)

func main() { served.Main() }
