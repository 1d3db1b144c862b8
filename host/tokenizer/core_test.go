package tokenizer_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// builtWith reads built-with.txt: the compiler, the crate, and the SHA-256 of
// each source and of what they were built to.
func builtWith(t *testing.T) (compiler string, digests map[string]string) {
	data, err := os.ReadFile("built-with.txt")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	digests = map[string]string{}
	for _, line := range lines[3:] {
		digest, name, ok := strings.Cut(line, "  ")
		require.True(t, ok, "%q", line)
		digests[name] = digest
	}
	return lines[0], digests
}

// TestCoreIsOfItsSource: nobody changed the source and forgot to build, or the
// other way round.
func TestCoreIsOfItsSource(t *testing.T) {
	_, digests := builtWith(t)
	sources, err := filepath.Glob("tokcore/src/*.rs")
	require.NoError(t, err)
	require.NotEmpty(t, sources)
	for _, name := range append(sources, "build.sh", "tokcore/Cargo.toml", "tokcore/Cargo.lock", "tokcore.wasm") {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		sum := sha256.Sum256(data)
		require.Equal(t, digests[name], hex.EncodeToString(sum[:]), "%s is not what built-with.txt records; run build.sh", name)
	}
}

// TestCoreNamesNoFolder: the module is the same wherever it is built.
func TestCoreNamesNoFolder(t *testing.T) {
	data, err := os.ReadFile("tokcore.wasm")
	require.NoError(t, err)
	home, err := os.UserHomeDir()
	require.NoError(t, err)
	for _, folder := range []string{home + "/", root(t), "/.cargo/", "/registry/src/"} {
		require.False(t, bytes.Contains(data, []byte(folder)), "tokcore.wasm names %s", folder)
	}
}

// TestCoreRebuilds rebuilds the module and compares the bytes. It takes a
// minute, and a network, the first time; the work is kept in the user's cache.
func TestCoreRebuilds(t *testing.T) {
	if os.Getenv("LLMHOST_REBUILD_TOKCORE") != "1" {
		t.Skip("builds Rust; set LLMHOST_REBUILD_TOKCORE=1")
	}
	compiler, _ := builtWith(t)
	rustc := func(arguments ...string) string {
		command := exec.Command("rustc", arguments...)
		command.Dir = "tokcore"
		out, err := command.Output()
		if err != nil {
			t.Skipf("no Rust to build with: rustc %v: %v", arguments, err)
		}
		return strings.TrimSpace(string(out))
	}
	if have := rustc("--version"); have != compiler {
		t.Skipf("another compiler gives other bytes: have %s, built with %s", have, compiler)
	}
	if _, err := os.Stat(rustc("--print", "target-libdir", "--target", "wasm32-wasip1")); err != nil {
		t.Skipf("no target wasm32-wasip1 (%v): rustup target add wasm32-wasip1", err)
	}
	built := filepath.Join(t.TempDir(), "tokcore.wasm")
	out, err := exec.Command("./build.sh", built).CombinedOutput()
	require.NoError(t, err, "%s", out)
	want, err := os.ReadFile("tokcore.wasm")
	require.NoError(t, err)
	got, err := os.ReadFile(built)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "tokcore.wasm (%d bytes) is not what build.sh makes (%d bytes)", len(want), len(got))
}
