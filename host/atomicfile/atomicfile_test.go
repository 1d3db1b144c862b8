package atomicfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/atomicfile"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	require.NoError(t, atomicfile.WriteFile(path, []byte("one")))
	require.NoError(t, atomicfile.WriteFile(path, []byte("two")))
	require.Equal(t, "two", read(t, path))
	require.Equal(t, []string{"a.json"}, names(t, dir))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o666&^umask(), info.Mode().Perm(), "as any other file")
}

func TestWriteFileIntoTheWorkingFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, atomicfile.WriteFile("a", []byte("x")))
	require.Equal(t, []string{"a"}, names(t, "."))
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	f, err := atomicfile.Create(path)
	require.NoError(t, err)
	_, err = f.Write([]byte("x"))
	require.NoError(t, err)
	require.NoFileExists(t, path)
	left := names(t, dir)
	require.Len(t, left, 1)
	require.True(t, strings.HasPrefix(left[0], atomicfile.Prefix) && strings.HasSuffix(left[0], "-a"), left[0])
	f.Abort()
	f.Abort()
	require.Empty(t, names(t, dir))
}

func TestAbortAfterCommitKeepsTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	f, err := atomicfile.Create(path)
	require.NoError(t, err)
	require.NoError(t, f.Commit())
	f.Abort()
	require.FileExists(t, path)
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "no", "a")
	err := atomicfile.WriteFile(missing, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, missing+": the folder "+filepath.Join(dir, "no")+" does not exist; make it first")
	_, err = atomicfile.CreateDir(missing)
	require.ErrorIs(t, err, fs.ErrNotExist)

	taken := filepath.Join(dir, "folder")
	require.NoError(t, os.Mkdir(taken, 0o777))
	require.Error(t, atomicfile.WriteFile(taken, nil), "a file does not replace a folder")
	require.Equal(t, []string{"folder"}, names(t, dir))
}

func TestFullDiskLeavesWhatStoodThere(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	defer syscall.Unmount(dir, 0)
	path := filepath.Join(dir, "a")
	require.NoError(t, atomicfile.WriteFile(path, []byte("good")))
	err := atomicfile.WriteFile(path, make([]byte, 1<<20))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, path+": the disk is full after ")
	require.ErrorContains(t, err, " bytes of it; nothing was replaced; free some space: ")
	require.Equal(t, "good", read(t, path))
	require.Equal(t, []string{"a"}, names(t, dir))

	d, err := atomicfile.CreateDir(filepath.Join(dir, "checkpoint-1"))
	require.NoError(t, err)
	require.ErrorIs(t, os.WriteFile(filepath.Join(d.Path(), "w"), make([]byte, 1<<20), 0o666), syscall.ENOSPC)
	d.Abort()
	require.Equal(t, []string{"a"}, names(t, dir))
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keep"), nil, 0o666))
	_, err := atomicfile.Create(filepath.Join(dir, "a"))
	require.NoError(t, err)
	d, err := atomicfile.CreateDir(filepath.Join(dir, "b"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(d.Path(), "inner"), nil, 0o666))
	removed, err := atomicfile.Sweep(dir)
	require.NoError(t, err)
	require.Len(t, removed, 2)
	require.Equal(t, []string{"keep"}, names(t, dir))
	_, err = atomicfile.Sweep(filepath.Join(dir, "no"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func umask() int {
	old := syscall.Umask(0)
	syscall.Umask(old)
	return old
}
