// Command guest is the mutants of one of each kind as one plugin file.
package main

import (
	"llmhost/host/plugin/testdata/mutants"
	"llmhost/sdk"
	"llmhost/sdk/serve"
)

var served = serve.Plugin(some("mean-inside", "mask-off-by-one", "mean-off-by-one", "leaks", "labels-as-they-come"))

func main() { served.Main() }

// some is one plugin with the components of the named mutants.
func some(names ...string) sdk.Plugin {
	all := sdk.Plugin{Name: "mutants", Version: "0.0.1", Doc: "plugins with a bug each"}
	for _, m := range mutants.All() {
		for _, name := range names {
			if m.Plugin.Name == name {
				all.Losses = append(all.Losses, m.Plugin.Losses...)
				all.Poolings = append(all.Poolings, m.Plugin.Poolings...)
				all.Formatters = append(all.Formatters, m.Plugin.Formatters...)
			}
		}
	}
	return all
}
