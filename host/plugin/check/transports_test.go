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
func TestMutantsAreCaughtOnEveryTransport(t *testing.T) {
	const guest = "host/plugin/testdata/mutants/guest"
	for transport, path := range map[string]string{"wasm": build(t, guest, "mutants.wasm", forWASM...), "process": build(t, guest, "mutants")} {
		t.Run(transport, func(t *testing.T) {
			cache := t.TempDir()
			report := checkedIn(t, plugin.Options{Cache: cache}, path, check.Options{Time: 60e9})
			require.Equal(t, transport, report.Transport)
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
