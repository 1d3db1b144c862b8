package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPointWritesOnceAndKeepsTheUsersOwn(t *testing.T) {
	root := t.TempDir()
	writeFile(t, root+"/go.mod", "module llmhost\n\ngo 1.26.0\n")
	writeFile(t, root+"/"+shimDir+"/zz_libtorch.go", "package of an older setup\n")
	writeFile(t, root+"/"+shimDir+"/shim.go", "package shim\n")
	lib := library{Dir: "/my cache", Build: "b1", Names: []string{"shim_answer"}}
	r, said := silent()
	point1 := func(dir string) { require.NoError(t, point(context.Background(), root, fitted{Dir: dir}, lib, r)) }
	point1("/cache/gotch-1")
	require.Contains(t, said.String(), "written")
	require.Equal(t, "// Written by cmd/setup; git ignores it.\n\ngo 1.26.0\n\nuse .\n\nreplace github.com/sugarme/gotch => /cache/gotch-1\n", read(t, root+"/go.work"))
	require.Equal(t, []string{"shim.go", "zz_calls.h", "zz_library.h"}, listed(t, root+"/"+shimDir))
	require.Contains(t, read(t, root+"/"+shimDir+"/zz_library.h"), "#define LIBRARY \"libllmhost_torch.so\"\n#define BUILD \"b1\"\n#define INSTALLED \"/my cache/libllmhost_torch.so\"\n")
	require.Contains(t, read(t, root+"/"+shimDir+"/zz_calls.h"), "\n#define shim_answer(...) LAZY(shim_answer)(__VA_ARGS__)\n")

	said.Reset()
	point1("/cache/gotch-1")
	require.Contains(t, said.String(), "are up to date")

	writeFile(t, root+"/go.work", read(t, root+"/go.work")+"\nuse ./mine\n")
	point1("/cache/gotch-2")
	require.Contains(t, read(t, root+"/go.work"), "./mine")
	require.Contains(t, read(t, root+"/go.work"), "gotch => /cache/gotch-2\n")
	require.NotContains(t, read(t, root+"/go.work"), "gotch-1")
}

func TestPutLibraryIsAnotherNameOfTheSameFile(t *testing.T) {
	lib := library{Dir: t.TempDir()}
	bin := filepath.Join(t.TempDir(), "bin")
	for _, text := range []string{"first", "second"} {
		writeFile(t, filepath.Join(lib.Dir, "new"), text)
		require.NoError(t, os.Rename(filepath.Join(lib.Dir, "new"), filepath.Join(lib.Dir, libraryName)))
		for range 2 {
			require.NoError(t, putLibrary(lib, bin))
			require.Equal(t, text, read(t, filepath.Join(bin, libraryName)))
			require.Equal(t, []string{libraryName}, listed(t, bin))
		}
	}
	made, err := os.Stat(filepath.Join(lib.Dir, libraryName))
	require.NoError(t, err)
	there, err := os.Stat(filepath.Join(bin, libraryName))
	require.NoError(t, err)
	require.True(t, os.SameFile(made, there))
}

func TestPrepareRefusesAnotherFolder(t *testing.T) {
	dir := t.TempDir()
	r, _ := silent()
	require.EqualError(t, prepare(context.Background(), settings{Root: dir}, r), dir+" is not llmhost's folder (no go.mod of module llmhost); run make setup there")
}

// listed gives the names of the files in dir.
func listed(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}
