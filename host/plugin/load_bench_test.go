package plugin_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin"
)

// BenchmarkLoad measures what a run waits for before it has its loss program:
// finding the plugin, describing it, tracing its loss. cold has no cache at all,
// compiled finds the machine code of a WASM module, traced finds all replies.
func BenchmarkLoad(b *testing.B) {
	module, binary := built(b, "plugins/rrhf"), program(b, "plugins/rrhf")
	load := func(b *testing.B, spec, cache string) {
		c := catalog(b, plugin.Options{Cache: cache})
		task, err := c.Task(context.Background(), spec)
		require.NoError(b, err)
		_, err = task.Loss.Trace(context.Background(), nil)
		require.NoError(b, err)
		require.NoError(b, c.Close(context.Background()))
	}
	b.Run("builtin", func(b *testing.B) {
		for b.Loop() {
			load(b, "rrhf", "")
		}
	})
	b.Run("process", func(b *testing.B) {
		for b.Loop() {
			load(b, binary, "")
		}
	})
	b.Run("wasm/cold", func(b *testing.B) {
		for b.Loop() {
			load(b, module, b.TempDir())
		}
	})
	b.Run("wasm/compiled", func(b *testing.B) {
		cache := b.TempDir()
		load(b, module, cache)
		for b.Loop() {
			require.NoError(b, os.RemoveAll(filepath.Join(cache, "programs")))
			load(b, module, cache)
		}
	})
	b.Run("wasm/traced", func(b *testing.B) {
		cache := b.TempDir()
		load(b, module, cache)
		for b.Loop() {
			load(b, module, cache)
		}
	})
}
