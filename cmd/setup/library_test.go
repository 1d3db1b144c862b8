package main

import (
	"context"
	"debug/elf"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// sampleFitting fits the samples in testdata to a fake libtorch.
func sampleFitting(t *testing.T) fitting {
	t.Helper()
	torch, err := openLibtorch(fakeLibtorch(t))
	require.NoError(t, err)
	shim := t.TempDir()
	require.NoError(t, os.CopyFS(shim, os.DirFS("testdata/shim")))
	return fitting{Cache: t.TempDir(), Tools: tools{CXX: []string{"g++"}}, Torch: torch, Shim: shim}
}

func TestLinkJoinsGotchAndOurOwn(t *testing.T) {
	f, dir := sampleFitting(t), t.TempDir()
	gotch, err := f.fitTo(context.Background(), "testdata/gotch", filepath.Join(f.Cache, "gotch"))
	require.NoError(t, err)
	require.NoError(t, f.compileOwn(context.Background(), dir))
	lib := library{Build: "b1"}
	require.NoError(t, f.link(context.Background(), dir, gotch, &lib))
	require.Equal(t, []string{"shim_answer", "shim_question"}, lib.Names, "C functions alone, and not gotch's")
	again, ok := readRecord[library](dir)
	require.True(t, ok)
	require.Equal(t, lib, again)

	file, err := elf.Open(filepath.Join(dir, libraryName))
	require.NoError(t, err)
	defer file.Close()
	symbols, err := file.DynamicSymbols()
	require.NoError(t, err)
	var names []string
	for _, s := range symbols {
		names = append(names, s.Name)
	}
	require.Subset(t, names, []string{"at_answer", "shim_answer", "llmhost_torch_build"})
	path, err := file.DynString(elf.DT_RUNPATH)
	require.NoError(t, err)
	require.Equal(t, []string{f.Torch.Lib}, path)
	needs, err := file.ImportedLibraries()
	require.NoError(t, err)
	require.Subset(t, needs, []string{"libtorch_cpu.so", "libc10.so"})
}

func TestLinkSaysWhatLibtorchHasNot(t *testing.T) {
	f, dir := sampleFitting(t), t.TempDir()
	gotch, err := f.fitTo(context.Background(), "testdata/gotch", filepath.Join(f.Cache, "gotch"))
	require.NoError(t, err)
	writeFile(t, f.Shim+"/cpp/more.cpp", "int gone_from_libtorch();\nextern \"C\" int shim_more() { return gone_from_libtorch(); }\n")
	require.NoError(t, f.compileOwn(context.Background(), dir))
	err = f.link(context.Background(), dir, gotch, &library{})
	require.ErrorContains(t, err, "link libllmhost_torch.so: g++: ")
	require.ErrorContains(t, err, "gone_from_libtorch")
}

func TestOurOwnErrorsAreTold(t *testing.T) {
	f := sampleFitting(t)
	writeFile(t, f.Shim+"/cpp/shim.cpp", "int x = not_known;\n")
	err := f.compileOwn(context.Background(), t.TempDir())
	require.ErrorContains(t, err, f.Shim+"/cpp/shim.cpp:1:9: error: ")
}

func TestLibraryDigestCoversOurOwn(t *testing.T) {
	f := sampleFitting(t)
	digest := func() string {
		t.Helper()
		d, err := f.libraryDigest()
		require.NoError(t, err)
		return d
	}
	base := digest()
	require.Equal(t, base, digest())
	f.Torch.LinkDirs = []string{"/elsewhere"}
	linked := digest()
	require.NotEqual(t, base, linked, "flags of the linker")
	f.Torch.Version = "2.13.0"
	fitted := digest()
	require.NotEqual(t, linked, fitted, "what gotch is fitted to")
	for _, name := range []string{"shim.h", "cpp/shim.cpp", "cpp/parts/new.h"} {
		before := digest()
		writeFile(t, filepath.Join(f.Shim, name), "// changed\n")
		require.NotEqual(t, before, digest(), name)
	}
	f.Shim = t.TempDir()
	_, err := f.libraryDigest()
	require.ErrorContains(t, err, "llmhost's own C++ in "+f.Shim)
}
