package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPluginsCheck(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := run(dir, "plugins", "check", "sft", "rrhf")
	require.Zero(t, code, stdout+stderr)
	require.Contains(t, stdout, "sft: ")
	require.Contains(t, stdout, "loss rrhf")
	require.Contains(t, stdout, "nothing wrong")

	code, stdout, stderr = run(dir, "plugins", "check", "none.wasm", "--json")
	require.Equal(t, 1, code)
	require.Equal(t, "llmhost plugins: check: something is wrong with none.wasm\n", stderr)
	var report struct {
		Findings []struct{ Check, Text string }
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &report))
	require.Equal(t, "plugin none.wasm: no such file", report.Findings[0].Text)

	fails(t, dir, 1, "llmhost plugins: plugins check wants plugins: builtin names, FILE or FILE#NAME\n", "plugins", "check")
	code, _, stderr = run(dir, "plugins", "check", "sft", "--allow", "detach,jmps")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "--allow: there is no check called jmps; did you mean jumps? (the checks are load, parameters, trace, padding, ")

	code, stdout, _ = run(dir, "plugins", "check", "--list")
	require.Zero(t, code)
	require.Contains(t, stdout, "losses\n  padding     more padding label positions and candidates change neither")
}
