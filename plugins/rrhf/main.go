// Command rrhf is the rrhf plugin as a WASM module; see sdk/wasm for how to build it.
package main

import (
	"llmhost/builtin/rrhf"
	"llmhost/sdk/wasm"
)

var _ = wasm.Register(rrhf.Plugin)

func main() {}
