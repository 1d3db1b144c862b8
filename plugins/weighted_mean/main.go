// Command weighted_mean is the weighted_mean plugin, as a WASM module or as a
// program that llmhost starts; see sdk/serve for how one source is both.
package main

import (
	"llmhost/plugins/weighted_mean/weightedmean"
	"llmhost/sdk/serve"
)

var served = serve.Plugin(weightedmean.Plugin)

func main() { served.Main() }
