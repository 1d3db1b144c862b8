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
	used := plugin.Info{Name: "rrhf", Version: "1.0.0", Transport: plugin.WASM, Path: "plugins/rrhf.wasm", Digest: strings.Repeat("a", 64), Size: 7, ABI: 1, SDK: "go 0.1.0"}
	require.Empty(t, lock.Update(used, plugin.Info{Name: "sft", Transport: plugin.Builtin}))
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
	require.Empty(t, lock.Update(used, used), "a plugin that has two parts of a task stands there once")
	require.Len(t, lock.Plugins, 1)

	for text, want := range map[string]string{
		"{": "it ends in the middle of its JSON", "null": "has version 0, this llmhost reads 1", `{"llmhost_lock":2}`: "has version 2, this llmhost reads 1",
		`{"llmhost_lock":1,"plugins":[{"path":"a.wasm"}]}`:      `plugin 0 has sha256 ""; want 64 hex digits`,
		`{"llmhost_lock":1,"plugins":[{"sha256":"\u001b[2J"}]}`: `plugin 0 has sha256 "\x1b[2J"; want 64 hex digits`,
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err = plugin.ReadLock(path)
		require.EqualError(t, err, path+": "+want+"; restore it, or remove it to take the plugin as it is now")
	}
}

// What counts is the file's digest, not what the file says of itself.
func TestLockCheck(t *testing.T) {
	digest := func(c string) string { return strings.Repeat(c, 64) }
	file := func(name, path, c string) plugin.Info {
		return plugin.Info{Name: name, Version: "1.0.0", Transport: plugin.WASM, Path: path, Digest: digest(c)}
	}
	var lock plugin.Lock
	require.NoError(t, lock.Check(file("a", "a.wasm", "a")), "first use")
	lock.Update(file("a", "a.wasm", "a"), file("b", "b.wasm", "b"))

	require.NoError(t, lock.Check(file("b", "b.wasm", "b")))
	require.NoError(t, lock.Check(file("a", "moved.wasm", "a")), "the same file elsewhere")
	require.NoError(t, lock.Check(plugin.Info{Name: "rrhf", Transport: plugin.Builtin}))
	require.EqualError(t, lock.Check(file("other", "b.wasm", "c")),
		"plugin b.wasm: its sha256 is "+digest("c")+", llmhost.lock has "+digest("b")+"; restore the file, or start a new run without locked", "another name does not help")
	require.EqualError(t, lock.Check(file("a", "c.wasm", "c")),
		"plugin c.wasm: is not in llmhost.lock, which has a.wasm of sha256 "+digest("a")+"; give that file, or start a new run without locked")

	changes := lock.Update(file("c", "c.wasm", "c"))
	require.Len(t, changes, 1)
	require.Equal(t, "plugin c.wasm: now 1.0.0 of sha256 cccccccccccc, was a.wasm 1.0.0 of sha256 aaaaaaaaaaaa", changes[0].Notice())
	require.Equal(t, "c.wasm", lock.Plugins[0].Path)
	require.Len(t, lock.Plugins, 1, "the lock has what the run uses, and no more")
	require.Empty(t, lock.Update(), "builtin plugins alone")
	require.Empty(t, lock.Plugins)
}

// FuzzLock reads lock files that somebody damaged or forged.
func FuzzLock(f *testing.F) {
	f.Add([]byte(`{"llmhost_lock":1,"plugins":[{"id":"rrhf","version":"1.0.0","sha256":"` + strings.Repeat("a", 64) + `","kind":"wasm","abi":1,"size":7,"sdk":"go 0.1.0","path":"plugins/rrhf.wasm"}]}`))
	f.Add([]byte(`{"llmhost_lock":1,"plugins":[{}]}`))
	f.Add([]byte(`{"llmhost_lock":1,"plugins":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), plugin.LockName)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		lock, err := plugin.ReadLock(path)
		if err != nil {
			require.Contains(t, err.Error(), path)
			return
		}
		used := plugin.Info{Name: "x", Transport: plugin.WASM, Path: "x.wasm", Digest: strings.Repeat("0", 64)}
		if err := lock.Check(used); err != nil {
			require.NotEmpty(t, err.Error())
		}
		for _, change := range lock.Update(used) {
			require.NotContains(t, change.Notice(), "\n", "a notice is one line")
		}
		require.NoError(t, lock.Check(used), "an updated lock knows the file")
		require.NoError(t, lock.Write(path))
		again, err := plugin.ReadLock(path)
		require.NoError(t, err)
		require.Equal(t, lock, again)
	})
}
