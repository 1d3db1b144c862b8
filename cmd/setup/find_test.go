package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// python puts a python3 first in the path that knows torch at dir ("" for none)
// and has no pip.
func python(t *testing.T, dir string) {
	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nif [ \"$1\" = -c ]; then echo %s; else echo 'No module named pip' >&2; exit 1; fi\n", dir)
	writeFile(t, filepath.Join(bin, "python3"), script)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
}

func TestFindTakesTheFirstThatSuits(t *testing.T) {
	torch, cache := fakeLibtorch(t), t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(cache, "libtorch-2.11.0"), os.DirFS(torch)))
	old := fakeLibtorch(t)
	writeFile(t, filepath.Join(old, "include/torch/headeronly/version.h"), versionHeader(2, 9, 1))
	for _, c := range []struct{ name, libtorch, python, version, lib, says string }{
		{"LIBTORCH before all", torch, old, "", torch, "named by LIBTORCH"},
		{"python's torch before the cache", "", torch, "", torch, "of python3's torch"},
		{"the cache, as python has none", "", "", "", cache + "/libtorch-2.11.0", "downloaded earlier"},
		{"the cache, as python's is old", "", old, "", cache + "/libtorch-2.11.0", "it is 2.9.1, and llmhost needs 2.11.0 or newer"},
		{"an old one that is asked for", "", old, "2.9.1", old, "libtorch 2.9.1, of python3's torch"},
		{"another than python's is asked for", "", old, "2.11.0", cache + "/libtorch-2.11.0", "it is 2.9.1, and 2.11.0 is asked for"},
		{"a broken one in python", "", "/nowhere", "", cache + "/libtorch-2.11.0", "python3's torch is not used: /nowhere: holds no lib/libtorch_cpu.so"},
	} {
		t.Run(c.name, func(t *testing.T) {
			python(t, c.python)
			r, said := silent()
			got, err := find(context.Background(), settings{Cache: cache, Libtorch: c.libtorch, Version: c.version}, r)
			require.NoError(t, err)
			require.Equal(t, c.lib+"/lib", got.Lib)
			require.Contains(t, said.String(), c.says)
		})
	}
}

func TestFindSaysWhatIsWrongWithLIBTORCH(t *testing.T) {
	torch, half := fakeLibtorch(t), t.TempDir()
	r, _ := silent()
	_, err := find(context.Background(), settings{Libtorch: half}, r)
	require.EqualError(t, err, "LIBTORCH: "+half+": holds no lib/libtorch_cpu.so; name the folder of libtorch that holds lib/ and include/")
	_, err = find(context.Background(), settings{Libtorch: torch, Version: "2.13.0"}, r)
	require.EqualError(t, err, "LIBTORCH: "+torch+" is version 2.11.0, but 2.13.0 is asked for; unset LIBTORCH or LLMHOST_TORCH_VERSION")
}

func TestFindFetchesADamagedDownloadAnew(t *testing.T) {
	python(t, "")
	cache := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(cache, "libtorch-2.11.0"), os.DirFS(fakeLibtorch(t))))
	require.NoError(t, os.Truncate(filepath.Join(cache, "libtorch-2.11.0/lib/libtorch_cpu.so"), 500))
	r, said := silent()
	_, err := find(context.Background(), settings{Cache: cache}, r)
	require.EqualError(t, err, "libtorch 2.11.0: python3 has no pip, and libtorch comes with it; install it (apt-get install python3-pip), or name a libtorch folder in LIBTORCH")
	require.Contains(t, said.String(), "the earlier download is damaged and is fetched again")
}

func TestOpenLibtorchReadsWhatTheLibrariesSay(t *testing.T) {
	dir := fakeLibtorch(t)
	got, err := openLibtorch(dir)
	require.NoError(t, err)
	require.Equal(t, "2.11.0", got.Version)
	require.False(t, got.OldABI)
	require.Empty(t, got.LinkDirs)

	require.NoError(t, os.Mkdir(filepath.Join(dir, "elsewhere"), 0o755))
	require.NoError(t, os.Rename(filepath.Join(dir, "lib/libcupti.so.13"), filepath.Join(dir, "elsewhere/libcupti.so.13")))
	got, err = openLibtorch(dir)
	require.NoError(t, err)
	require.Equal(t, []string{dir + "/elsewhere"}, got.LinkDirs)
}

func TestOpenLibtorchSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name, want string
		harm       func(dir string) error
	}{
		{"a library is missing", "/lib/libtorch_cpu.so: needs libcupti.so.13, found neither by its own search path nor by the system; put it beside it",
			func(dir string) error { return os.Remove(dir + "/lib/libcupti.so.13") }},
		{"no library at all", "/lib/libc10.so: not a whole shared library: EOF",
			func(dir string) error { return os.Truncate(dir+"/lib/libc10.so", 0) }},
		{"no version", "/include: no version.h that states the version of libtorch; is it complete?",
			func(dir string) error { return os.Remove(dir + "/include/torch/headeronly/version.h") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := fakeLibtorch(t)
			require.NoError(t, c.harm(dir))
			_, err := openLibtorch(dir)
			require.EqualError(t, err, dir+c.want)
		})
	}
	comma := t.TempDir() + "/a,b"
	require.NoError(t, os.CopyFS(comma, os.DirFS(fakeLibtorch(t))))
	_, err := openLibtorch(comma)
	require.EqualError(t, err, comma+`: the linker takes no path with "," in it; move or link the folder to a plain name`)
}

func TestOlderThan(t *testing.T) {
	require.True(t, olderThan("2.9.1", "2.11.0"))
	require.False(t, olderThan("2.11.0", "2.11.0"))
	require.False(t, olderThan("3.0.0", "2.11.0"))
}
