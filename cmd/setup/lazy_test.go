package main

import (
	"os"
	"os/exec"
	"path/filepath"
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

// lazyProgram builds testdata/lazy/main.c, which calls through two headers as
// llmhost does, with package shim's own loader, and gives its path. It takes the
// library in installed, unless one is beside it.
func lazyProgram(t *testing.T, installed string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, dir+"/libtch/calls.h", string(callsHeader([]string{"weigh", "weigh_ones"})))
	_, err := pointShim(dir+"/shim", library{Dir: installed, Build: "b1", Names: []string{"count_from"}})
	require.NoError(t, err)
	writeFile(t, dir+"/shim/library.c", read(t, "../../"+shimDir+"/library.c"))
	main, err := filepath.Abs("testdata/lazy/main.c")
	require.NoError(t, err)
	cc(t, dir, append([]string{"-Wall", "-Werror", "-I.", "-o", "program", main, "shim/library.c", "-ldl", "-lpthread"}, flags...)...)
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

func TestLazyCallsArriveHoweverAProgramIsBound(t *testing.T) {
	installed := t.TempDir()
	fakeLibrary(t, installed, "b1")
	for _, c := range []struct {
		name  string
		env   []string
		flags []string
	}{
		{"the compiler's own way", nil, []string{"-O2"}},
		{"without optimisation", nil, []string{"-O0"}},
		{"bound to one address", nil, []string{"-no-pie"}},
		{"bound to no address", nil, []string{"-pie"}},
		{"all names bound at start, says the environment", []string{"LD_BIND_NOW=1"}, []string{"-pie"}},
		{"all names bound at start, says the linker", nil, []string{"-pie", "-Wl,-z,relro,-z,now"}},
		{"symbols shown to the library", nil, []string{"-rdynamic"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, said := start(t, c.env, lazyProgram(t, installed, c.flags...))
			require.Zero(t, code, said)
		})
	}
}

func TestLazyProgramsKnowNoSymbolOfTheLibrary(t *testing.T) {
	file, err := openELF(lazyProgram(t, t.TempDir(), "-rdynamic"))
	require.NoError(t, err)
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	require.Contains(t, libraries, "libc.so.6")
	require.NotContains(t, libraries, libraryName)
	symbols, err := file.DynamicSymbols()
	require.NoError(t, err)
	require.NotEmpty(t, symbols)
	for _, s := range symbols {
		require.NotContains(t, []string{"weigh", "weigh_ones", "count_from"}, s.Name)
	}
}

func TestALazyCallOfAnUnknownFunctionEndsTheProgram(t *testing.T) {
	installed := t.TempDir()
	fakeLibrary(t, installed, "b1", "-Dcount_from=another")
	code, said := start(t, nil, lazyProgram(t, installed))
	require.Equal(t, 1, code)
	require.Contains(t, said, "llmhost: "+installed+"/libllmhost_torch.so: undefined symbol: count_from\n")
}

func TestLoaderTakesTheLibraryBesideTheProgramFirst(t *testing.T) {
	installed := t.TempDir()
	program := lazyProgram(t, installed)
	beside := filepath.Join(filepath.Dir(program), libraryName)
	const fix = "; run make setup, or put libllmhost_torch.so beside the binary\n"

	code, said := start(t, nil, program, "nothing")
	require.Zero(t, code, "what calls no function needs no library: %s", said)

	code, said = start(t, nil, program, "load first")
	require.Equal(t, 3, code)
	missing := "libtorch cannot be loaded: " + installed + "/libllmhost_torch.so: cannot open shared object file: No such file or directory" + fix
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
	require.Equal(t, "problem: libtorch cannot be loaded: libtorch_cpu.so: cannot open shared object file: No such file or directory"+fix, said)
	code, said = start(t, []string{"LD_LIBRARY_PATH=" + torch}, program, "load first")
	require.Zero(t, code, said)
}

func TestCString(t *testing.T) {
	require.Equal(t, `"/a b/\303\244\042\134\0771"`, cString(`/a b/ä"\?1`))
}
