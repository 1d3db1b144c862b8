package plugin_test

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin"
	"llmhost/host/plugin/wasm"
)

// TestGuestMemoryStaysFlat calls one Go guest far more often than its memory
// could bear if its garbage collector never came to run.
func TestGuestMemoryStaysFlat(t *testing.T) {
	ctx := context.Background()
	code, err := os.ReadFile(built(t, "plugins/rrhf"))
	require.NoError(t, err)
	m, err := wasm.Open(ctx, "rrhf.wasm", code, wasm.Limits{}, scratch)
	require.NoError(t, err)
	defer m.Close(ctx)
	in, err := m.Start(ctx)
	require.NoError(t, err)
	defer in.Close(ctx)
	large := bytes.Repeat([]byte("x"), 1<<20) // no configuration; the guest copies it and says so
	for i := range 400 {
		_, err := in.Configure(ctx, 0, large)
		require.NoError(t, err, "call %d", i)
	}
}

// BenchmarkTrace measures what one more trace costs on each transport, in a plugin
// that runs already, and without the cache.
func BenchmarkTrace(b *testing.B) {
	ctx := context.Background()
	for transport, spec := range map[string]string{"builtin": "rrhf", "wasm": built(b, "plugins/rrhf"), "process": program(b, "plugins/rrhf")} {
		b.Run(transport, func(b *testing.B) {
			task, err := catalog(b, plugin.Options{Cache: ""}).Task(ctx, spec)
			require.NoError(b, err)
			for b.Loop() {
				_, err := task.Loss.Trace(ctx, nil)
				require.NoError(b, err)
			}
		})
	}
}
