package plugin_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin"
	"llmhost/host/plugin/wasm"
)

func TestCapabilities(t *testing.T) {
	ctx := context.Background()
	c := catalog(t, plugin.Options{Cache: scratch, Limits: wasm.Limits{MemoryMiB: 32}})
	p, err := c.Open(ctx, built(t, "plugins/rrhf"))
	require.NoError(t, err)
	require.Regexp(t, `^may use   32 MiB of memory and 1s a call; no files, no network, no clock, no environment, no other program\n`+
		`asks for  [^()]*\bfd_write\b[^()]*\(inert: they give nothing, or always the\s+same\)\n$`, p.Capabilities())
	text, err := c.Explain(ctx, built(t, "plugins/rrhf"), nil)
	require.NoError(t, err)
	require.Contains(t, text, p.Capabilities())

	require.Equal(t, "may use   all that llmhost may: it is part of this program\nasks for  nothing\n", c.Builtin()[0].Capabilities())
}
