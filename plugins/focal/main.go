// Command focal is the focal plugin, as a WASM module or as a program that
// llmhost starts; see sdk/serve for how one source is both.
package main

import (
	"llmhost/plugins/focal/focal"
	"llmhost/sdk/serve"
)

var served = serve.Plugin(focal.Plugin)

func main() { served.Main() }
