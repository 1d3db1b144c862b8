package main

import (
	"encoding/json"
	"strings"
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
	require.Contains(t, stderr, "--allow: there is no check called jmps; did you mean jumps? (the checks are load, parameters, parts, defaults, head, data, trace, padding, ")

	code, stdout, stderr = run(dir, "plugins", "check", "sft", "--time", "1ns", "--json")
	require.Equal(t, 3, code, "nothing was looked at")
	require.Equal(t, "llmhost plugins: check: checks were skipped for sft; --allow_skipped names those that may be\n", stderr)
	require.Contains(t, stdout, `"ok": false`)
	require.Contains(t, stdout, `"status": "skipped"`)
	require.Contains(t, stdout, "the time for this plugin was over; allow more with --time")
	code, _, stderr = run(dir, "plugins", "check", "sft", "--time", "1ns", "--allow_skipped", "load,parts,defaults,head,data,parameters,trace")
	require.Zero(t, code, stderr)
	fails(t, dir, 1, "llmhost plugins: --allow_skipped: there is no check called lod; did you mean load? (the checks are "+strings.Join(suite.Names(), ", ")+")\n", "plugins", "check", "sft", "--allow_skipped", "lod")

	code, stdout, _ = run(dir, "plugins", "check", "--list")
	require.Zero(t, code)
	require.Contains(t, stdout, "losses\n  padding     more padding label positions and candidates change neither")
}
