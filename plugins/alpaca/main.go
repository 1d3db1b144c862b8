// Command alpaca is the alpaca plugin, as a WASM module or as a program that
// llmhost starts; see sdk/serve for how one source is both.
package main

import (
	"llmhost/builtin/alpaca"
	"llmhost/sdk/serve"
)

var served = serve.Plugin(alpaca.Plugin)

func main() { served.Main() }
