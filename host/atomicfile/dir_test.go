package atomicfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/atomicfile"
)

// fill makes a folder in progress that holds one file in a folder of its own.
func fill(t *testing.T, final, text string) *atomicfile.Dir {
	t.Helper()
	d, err := atomicfile.CreateDir(final)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(d.Path(), "sub"), 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(d.Path(), "sub", "w"), []byte(text), 0o666))
	return d
}

func TestDirCommit(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "checkpoint-1")
	d := fill(t, final+"/", "one")
	require.NoDirExists(t, final)
	require.NoError(t, d.Commit())
	d.Abort()
	require.Equal(t, "one", read(t, filepath.Join(final, "sub", "w")))
	require.Equal(t, []string{"checkpoint-1"}, names(t, dir))
}

func TestDirCommitReplacesAFolder(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "checkpoint-1")
	require.NoError(t, fill(t, final, "one").Commit())
	require.NoError(t, os.WriteFile(filepath.Join(final, "old"), nil, 0o666))
	require.NoError(t, fill(t, final, "two").Commit())
	require.Equal(t, "two", read(t, filepath.Join(final, "sub", "w")))
	require.Equal(t, []string{"sub"}, names(t, final))
	require.Equal(t, []string{"checkpoint-1"}, names(t, dir))
}

func TestDirCommitLeavesAFileAlone(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "checkpoint-1")
	require.NoError(t, os.WriteFile(final, []byte("mine"), 0o666))
	require.ErrorContains(t, fill(t, final, "one").Commit(), final+": ")
	require.Equal(t, "mine", read(t, final))
	require.Equal(t, []string{"checkpoint-1"}, names(t, dir))
}

func TestDirAbort(t *testing.T) {
	dir := t.TempDir()
	d := fill(t, filepath.Join(dir, "checkpoint-1"), "one")
	d.Abort()
	d.Abort()
	require.Empty(t, names(t, dir))
}
