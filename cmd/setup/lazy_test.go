package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// cc compiles and links C in dir.
func cc(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("gcc", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

// fakeLibrary makes the library of testdata/lazy in dir, with build as its mark.
func fakeLibrary(t *testing.T, dir, build string, flags ...string) {
	t.Helper()
	source, err := filepath.Abs("testdata/lazy/library.c")
	require.NoError(t, err)
	stamp := filepath.Join(t.TempDir(), "build.c")
	writeFile(t, stamp, "const char llmhost_torch_build[] = \""+build+"\";\n")
	cc(t, dir, append([]string{"-shared", "-fPIC", "-o", libraryName, source, stamp}, flags...)...)
}

// lazyProgram builds testdata/lazy/main.c, which has two tables as llmhost does,
// and gives its path. It takes the library in installed, unless one is beside it.
func lazyProgram(t *testing.T, installed string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	gotch, err := tableFiles("libtch", []string{"weigh", "weigh_ones"})
	require.NoError(t, err)
	shim, err := tableFiles("shim", []string{"count_from"})
	require.NoError(t, err)
	loader, err := loaderFile(library{Dir: installed, Build: "b1"})
	require.NoError(t, err)
	require.NoError(t, writeAll(dir+"/libtch", gotch))
	require.NoError(t, writeAll(dir+"/shim", shim))
	require.NoError(t, writeAll(dir+"/shim", loader))
	main, err := filepath.Abs("testdata/lazy/main.c")
	require.NoError(t, err)
	assembly := "trampolines_linux_" + runtime.GOARCH + ".S"
	cc(t, dir, append([]string{"-Wall", "-Werror", "-o", "program", main, "libtch/table.c", "libtch/" + assembly,
		"shim/table.c", "shim/" + assembly, "shim/library.c", "-ldl", "-lpthread"}, flags...)...)
	return filepath.Join(dir, "program")
}

// start runs the program and gives its exit code and all that it prints.
func start(t *testing.T, env []string, program string, args ...string) (code int, said string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func TestTrampolinesHandOnEveryArgument(t *testing.T) {
	installed := t.TempDir()
	fakeLibrary(t, installed, "b1")
	for _, c := range []struct {
		name string
		env  []string
		flag string
	}{
		{"the compiler's own way", nil, "-O2"},
		{"bound to one address", nil, "-no-pie"},
		{"bound to no address", nil, "-pie"},
		{"all names bound at start", []string{"LD_BIND_NOW=1"}, "-pie"},
		{"symbols shown to the library", nil, "-rdynamic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, said := start(t, c.env, lazyProgram(t, installed, c.flag))
			require.Zero(t, code, said)
		})
	}
}

func TestProgramsWithTrampolinesHaveNoExecutableStack(t *testing.T) {
	program := lazyProgram(t, t.TempDir())
	file, err := openELF(program)
	require.NoError(t, err)
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type.String() == "PT_GNU_STACK" {
			require.Equal(t, "PF_W+PF_R", segment.Flags.String())
		}
	}
	names, err := file.ImportedLibraries()
	require.NoError(t, err)
	require.NotContains(t, names, libraryName)
}

func TestLoaderTakesTheLibraryBesideTheProgramFirst(t *testing.T) {
	installed := t.TempDir()
	program := lazyProgram(t, installed)
	beside := filepath.Join(filepath.Dir(program), libraryName)
	const mend = "; run make setup, or put libllmhost_torch.so beside the binary\n"

	code, said := start(t, nil, program, "nothing")
	require.Zero(t, code, "what calls no function needs no library: %s", said)

	code, said = start(t, nil, program, "load first")
	require.Equal(t, 3, code)
	missing := "libtorch cannot be loaded: " + installed + "/libllmhost_torch.so: cannot open shared object file: No such file or directory" + mend
	require.Equal(t, "problem: "+missing, said)
	code, said = start(t, nil, program)
	require.Equal(t, 1, code)
	require.Contains(t, said, "llmhost: "+missing)

	fakeLibrary(t, installed, "b1")
	code, said = start(t, nil, program, "load first")
	require.Zero(t, code, said)

	fakeLibrary(t, filepath.Dir(program), "b2")
	code, said = start(t, nil, program, "load first")
	require.Equal(t, 3, code)
	require.Equal(t, "problem: libtorch cannot be loaded: "+beside+" belongs to another build of llmhost; run make build\n", said)

	fakeLibrary(t, filepath.Dir(program), "b1")
	require.NoError(t, os.Remove(filepath.Join(installed, libraryName)))
	code, said = start(t, nil, program, "load first")
	require.Zero(t, code, said)

	torch := t.TempDir()
	cc(t, torch, "-shared", "-x", "c", "/dev/null", "-o", "libtorch_cpu.so")
	fakeLibrary(t, filepath.Dir(program), "b1", "-Wl,--no-as-needed", "-L"+torch, "-ltorch_cpu")
	code, said = start(t, nil, program, "load first")
	require.Equal(t, 3, code)
	require.Equal(t, "problem: libtorch cannot be loaded: libtorch_cpu.so: cannot open shared object file: No such file or directory"+mend, said)
	code, said = start(t, []string{"LD_LIBRARY_PATH=" + torch}, program, "load first")
	require.Zero(t, code, said)
}

// Both processors' trampolines have to keep the same contract with table.c.
func TestTrampolinesOfBothProcessors(t *testing.T) {
	for _, name := range []string{"amd64", "arm64"} {
		text, err := lazySources.ReadFile("lazy/trampolines_" + name + ".S")
		require.NoError(t, err)
		for _, part := range []string{".note.GNU-stack", ".hidden	TABLE\n", ".macro entry index name\n", ".hidden	\\name\n", "LOAD\n"} {
			require.Equal(t, 1, bytes.Count(text, []byte(part)), "%s: %q", name, part)
		}
		require.True(t, strings.HasSuffix(string(text), "\n\n"))
	}
}

func TestCString(t *testing.T) {
	require.Equal(t, `"/a b/\303\244\042\134\0771"`, cString(`/a b/ä"\?1`))
}
