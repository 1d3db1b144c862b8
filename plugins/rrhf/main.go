// Command rrhf is the rrhf plugin, as a WASM module or as a program that
// llmhost starts; see sdk/serve for how one source is both.
package main

import (
	"llmhost/builtin/rrhf"
	"llmhost/sdk/serve"
)

var served = serve.Plugin(rrhf.Plugin)

func main() { served.Main() }
