// Command pooling is the pooling plugin, as a WASM module or as a program that
// llmhost starts; see sdk/serve for how one source is both.
package main

import (
	"llmhost/builtin/pooling"
	"llmhost/sdk/serve"
)

var served = serve.Plugin(pooling.Plugin)

func main() { served.Main() }
