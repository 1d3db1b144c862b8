package main

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The headers that say that a folder is libtorch, and of which version.
var fakeHeaders = map[string]string{
	"include/ATen/ATen.h":                              "",
	"include/torch/csrc/api/include/torch/torch.h":     "",
	"include/torch/headeronly/version.h":               versionHeader(2, 11, 0),
	"include/torch/csrc/inductor/a_file_with_digits.h": "// 1",
}

func versionHeader(major, minor, patch int) string {
	return fmt.Sprintf("#define TORCH_VERSION_MAJOR %d\n#define TORCH_VERSION_MINOR %d\n#define TORCH_VERSION_PATCH %d\n", major, minor, patch)
}

// fakeLibraries builds into dir three small shared libraries that need each
// other as those of a libtorch with CUDA do.
func fakeLibraries(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	build := func(name, source string, flags ...string) {
		args := append([]string{"-x", "c++", "-", "-shared", "-fPIC", "-o", filepath.Join(dir, name), "-Wl,-soname," + name, "-L" + dir, "-Wl,--no-as-needed"}, flags...)
		cmd := exec.Command("g++", args...)
		cmd.Stdin = strings.NewReader(source)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	build("libc10.so", "#include <string>\nvoid c10_says(std::string) {}")
	build("libcupti.so.13", "void cupti() {}")
	build("libtorch_cpu.so", "int torch() { return 1; }", "-lc10", "-l:libcupti.so.13", "-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/../elsewhere:$ORIGIN")
}

// fakeLibtorch makes a folder that passes for libtorch 2.11.0.
func fakeLibtorch(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range fakeHeaders {
		writeFile(t, filepath.Join(dir, name), text)
	}
	fakeLibraries(t, filepath.Join(dir, "lib"))
	return dir
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o755))
}

// fakeWheel writes a wheel with files (path → content) and their RECORD; lie
// overrides the digests that RECORD states.
func fakeWheel(t *testing.T, path string, files, lie map[string]string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	out, err := os.Create(path)
	require.NoError(t, err)
	defer out.Close()
	archive := zip.NewWriter(out)
	var list strings.Builder
	add := func(name, content string) {
		entry, err := archive.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(entry, content)
		require.NoError(t, err)
	}
	for name, content := range files {
		digest := sha256.Sum256([]byte(content))
		states := "sha256=" + base64.RawURLEncoding.EncodeToString(digest[:])
		if lie[name] != "" {
			states = lie[name]
		}
		fmt.Fprintf(&list, "%s,%s,%d\n", name, states, len(content))
		add(name, content)
	}
	add("some-1.dist-info/RECORD", list.String()+"some-1.dist-info/RECORD,,\n")
	require.NoError(t, archive.Close())
}

// silent is a report whose lines land in the returned builder.
func silent() (*report, *strings.Builder) {
	var text strings.Builder
	return &report{out: &text}, &text
}
