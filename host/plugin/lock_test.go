package plugin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin"
)

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), plugin.LockName)
	lock, err := plugin.ReadLock(path)
	require.NoError(t, err, "no file is an empty lock")
	used := plugin.Info{Name: "rrhf", Version: "1.0.0", Road: plugin.WASM, Path: "plugins/rrhf.wasm", Digest: strings.Repeat("a", 64), Size: 7, ABI: 1, SDK: "go 0.1.0"}
	require.Empty(t, lock.Update(used, plugin.Info{Name: "sft", Road: plugin.Builtin}))
	require.NoError(t, lock.Write(path))

	lock, err = plugin.ReadLock(path)
	require.NoError(t, err)
	require.Equal(t, []plugin.LockEntry{{ID: "rrhf", Version: "1.0.0", SHA256: used.Digest, Kind: "wasm", ABI: 1, Size: 7, SDK: "go 0.1.0", Path: "plugins/rrhf.wasm"}}, lock.Plugins)
	require.Empty(t, lock.Update(used), "nothing changed")

	used.Version, used.Digest = "1.1.0", strings.Repeat("b", 64)
	changes := lock.Update(used)
	require.Len(t, changes, 1)
	require.Equal(t, "plugin plugins/rrhf.wasm: now 1.1.0 of sha256 bbbbbbbbbbbb, was 1.0.0 of sha256 aaaaaaaaaaaa", changes[0].Notice())
	require.EqualError(t, changes[0], "plugin plugins/rrhf.wasm: its sha256 is "+used.Digest+", llmhost.lock has "+strings.Repeat("a", 64)+"; restore the file, or start a new run without locked")
	require.Empty(t, lock.Update(used), "the lock is up to date")

	for text, want := range map[string]string{"{": "unexpected end of JSON input", `{"llmhost_lock":2}`: "has version 2, this llmhost reads 1"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err = plugin.ReadLock(path)
		require.EqualError(t, err, path+": "+want)
	}
}
