package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// pipThatCopies puts a python3 first in the path whose pip "downloads" out of
// the folder that is returned, by the name of the requirement.
func pipThatCopies(t *testing.T) (wheels string) {
	bin, wheels := t.TempDir(), t.TempDir()
	writeFile(t, filepath.Join(bin, "python3"), `#!/bin/sh
if [ "$1" = -c ]; then echo; exit 0; fi
case "$*" in
*--platform*) ;;
*) [ -e `+wheels+`/for-another-python ] && { echo "ERROR: No matching distribution found for it" >&2; exit 1; } ;;
esac
while [ $# -gt 1 ]; do
	if [ "$1" = --dest ]; then dest=$2; fi
	shift
done
mkdir -p "$dest"
name=$(echo "${1%%==*}" | tr - _)
echo "$1" >>`+wheels+`/asked
echo "  Downloading $name.whl (1.5 MB)"
cp `+wheels+`/"$name"-*.whl "$dest" || { echo "ERROR: No matching distribution found for $1" >&2; exit 1; }
`)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return wheels
}

// torchFiles are the files of a wheel of torch, and its one library that lies in
// another wheel.
func torchFiles(t *testing.T) (files map[string]string, cupti string) {
	files = map[string]string{
		"torch/__init__.py":           "raise SystemExit",
		"torch-2.13.0.dist-info/NOTE": "",
		"some-1.dist-info/METADATA":   "Name: torch\nRequires-Dist: cuda-toolkit[cudart,cupti]==13.0.2; platform_system == \"Linux\"\n",
	}
	for name, text := range fakeHeaders {
		files["torch/"+name] = text
	}
	files["torch/include/torch/headeronly/version.h"] = versionHeader(2, 13, 0)
	dir := t.TempDir()
	fakeLibraries(t, dir)
	for _, name := range []string{"libtorch_cpu.so", "libc10.so"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		files["torch/lib/"+name] = string(text)
	}
	text, err := os.ReadFile(filepath.Join(dir, "libcupti.so.13"))
	require.NoError(t, err)
	return files, string(text)
}

func TestFetchUnpacksWhatIsNeededAndLooksItUpInTheMetadata(t *testing.T) {
	wheels, cache := pipThatCopies(t), t.TempDir()
	files, cupti := torchFiles(t)
	fakeWheel(t, wheels+"/torch-2.13.0-cp311.whl", files, nil)
	fakeWheel(t, wheels+"/nvidia_cuda_cupti-13.0.1.whl", map[string]string{"nvidia/cu13/lib/libcupti.so.13": cupti, "nvidia/cu13/lib/libbig.so": "x"}, nil)
	r, said := silent()
	got, err := find(context.Background(), settings{Cache: cache, Version: "2.13.0"}, r)
	require.NoError(t, err, said.String())
	require.Equal(t, "2.13.0", got.Version)
	asked, err := os.ReadFile(wheels + "/asked")
	require.NoError(t, err)
	require.Equal(t, "torch==2.13.0\nnvidia-cuda-cupti==13.0.*\n", string(asked))
	entries, err := filepath.Glob(cache + "/*/lib/*")
	require.NoError(t, err)
	lib := cache + "/libtorch-2.13.0/lib/"
	require.Equal(t, []string{lib + "libc10.so", lib + "libcupti.so.13", lib + "libtorch_cpu.so"}, entries)
	require.Contains(t, said.String(), "setup: torch==2.13.0: 1 of 1 MB (100%)\n")
	require.NoDirExists(t, cache+"/libtorch-2.13.0.part")
}

func TestFetchLeavesNothingBehindWhenItFails(t *testing.T) {
	files, _ := torchFiles(t)
	lib := "torch/lib/libc10.so"
	for _, c := range []struct {
		name, version, wheel, want string
		files, lie                 map[string]string
	}{
		{"no such wheel", "2.13.0", "torch-9-any.whl", "libtorch 2.13.0: pip finds no wheel of nvidia-cuda-cupti==13.0.* for linux/", files, nil},
		{"a file unlike its list", "2.13.0", "torch-9-any.whl", `libtorch 2.13.0: torch-9-any.whl: torch/lib/libc10.so has sha256=`, files, map[string]string{lib: "sha256=AAAA"}},
		{"a wheel unlike the published one", "2.11.0", "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl", "libtorch 2.11.0: torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl: sha256 is ", files, nil},
		{"a wheel without libraries", "2.13.0", "torch-9-any.whl", "libtorch 2.13.0: torch-9-any.whl: holds no libtorch_cpu.so; it is not a wheel of torch for Linux", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			wheels, cache := pipThatCopies(t), t.TempDir()
			fakeWheel(t, wheels+"/"+c.wheel, c.files, c.lie)
			r, _ := silent()
			_, err := find(context.Background(), settings{Cache: cache, Version: c.version}, r)
			require.ErrorContains(t, err, c.want)
			left, err := os.ReadDir(cache)
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestDownloadTakesAWheelForAnotherPython(t *testing.T) {
	wheels := pipThatCopies(t)
	writeFile(t, wheels+"/for-another-python", "")
	fakeWheel(t, wheels+"/torch-9-any.whl", nil, nil)
	r, _ := silent()
	dest := t.TempDir() + "/wheels"
	got, err := pip{Dest: dest, report: r}.download(context.Background(), "torch==9")
	require.NoError(t, err)
	require.Equal(t, dest+"/torch-9-any.whl", got)
}

func TestEnoughSpace(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, enoughSpace(dir, 1))
	require.ErrorContains(t, enoughSpace(dir, 1<<62), "MB free, the download needs 4611686018427 MB; free some, or set XDG_CACHE_HOME to a folder on another disk")
}

func TestRequirements(t *testing.T) {
	missing := []string{"libcupti.so.12", "libcudart.so.12"}
	got, err := requirements("Requires-Dist: nvidia-cuda-cupti-cu12==12.8.90; x\nRequires-Dist: nvidia-cuda-runtime-cu12 (==12.8.90) ; x\n", missing)
	require.NoError(t, err)
	require.Equal(t, []string{"nvidia-cuda-cupti-cu12==12.8.90", "nvidia-cuda-runtime-cu12==12.8.90"}, got)
	_, err = requirements("", missing)
	require.EqualError(t, err, "libtorch_cpu.so needs libcupti.so.12, and the wheel of torch pins no nvidia-cuda-cupti; name a whole libtorch in LIBTORCH")
	_, err = requirements("", []string{"libfoo.so.1"})
	require.EqualError(t, err, "libtorch_cpu.so needs libfoo.so.1, and setup knows no wheel that holds it; name a whole libtorch in LIBTORCH")
}

func TestCheckDigest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.whl")
	writeFile(t, path, "abc")
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	known, err := checkDigest(path, map[string]string{"a.whl": abc})
	require.True(t, known)
	require.NoError(t, err)
	known, err = checkDigest(path, nil)
	require.False(t, known)
	require.NoError(t, err)
	_, err = checkDigest(path, map[string]string{"a.whl": "00"})
	require.EqualError(t, err, "a.whl: sha256 is "+abc+", want 00; the download is damaged or not the published one: run make setup again, and check the index that pip is set to")
}

func TestOpenWheelRefusesHalfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "torch.whl")
	fakeWheel(t, path, map[string]string{"a": "text"}, nil)
	require.NoError(t, os.Truncate(path, 100))
	_, err := openWheel(path)
	require.EqualError(t, err, "torch.whl: not a whole wheel: zip: not a valid zip file")
}
