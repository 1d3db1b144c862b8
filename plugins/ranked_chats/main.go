// Command ranked_chats is the ranked_chats plugin, as a WASM module or as a
// program that llmhost starts; see sdk/serve for how one source is both.
package main

import (
	"llmhost/plugins/ranked_chats/rankedchats"
	"llmhost/sdk/serve"
)

var served = serve.Plugin(rankedchats.Plugin)

func main() { served.Main() }
