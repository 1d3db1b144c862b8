package check_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin"
	"llmhost/host/plugin/check"
)

// caught says which check must catch each component of the mutants' guest.
var caught = map[string]string{
	"loss mean-inside": "cuts", "loss mask-off-by-one": "tokens",
	"pooling mean-off-by-one": "constant",
	"formatter leaks":         "memory", "formatter labels-as-they-come": "batches",
}

// The same mutants are caught as WASM module and as program.
func TestMutantsAreCaughtOnEveryRoad(t *testing.T) {
	const guest = "host/plugin/testdata/mutants/guest"
	for road, path := range map[string]string{"wasm": build(t, guest, "mutants.wasm", forWASM...), "process": build(t, guest, "mutants")} {
		t.Run(road, func(t *testing.T) {
			cache := t.TempDir()
			report := checkedIn(t, plugin.Options{Cache: cache}, path, check.Options{Time: 60e9})
			require.Equal(t, road, report.Road)
			for component, name := range caught {
				require.True(t, slices.ContainsFunc(report.Findings, func(f check.Finding) bool { return f.Component == component && f.Check == name }),
					"%s by %s\n%s", component, name, report.Text())
			}
			one := checkedIn(t, plugin.Options{Cache: cache}, path+"#mean-inside", check.Options{})
			for _, step := range one.Steps[1:] {
				require.Equal(t, "loss mean-inside", step.Component)
			}
		})
	}
}
