package main

import (
	"context"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHostCallsFindsTheWrappersByTheirImport(t *testing.T) {
	calls, err := hostCalls("testdata/host")
	require.NoError(t, err)
	require.Equal(t, []string{"AtgAdd", "AtgChunk", "AtgGone"}, slices.Sorted(maps.Keys(calls)))
	require.Equal(t, "testdata/host/ops.go:10:2", calls["AtgAdd"].String())
	calls, err = hostCalls(t.TempDir() + "/none")
	require.NoError(t, err)
	require.Empty(t, calls)
}

func TestFunctionsOfCPlusPlus(t *testing.T) {
	src := []byte(`#include <x>
#define TWO(x) { \
  x }
static const char *open = "{ \" {"; // {
/* { */
tensor *atg_a(tensor self,
              int n) {
  if (n == '{') { return 0; }
}
void f() {}
template <class T> void g(T x) { }
void *h(int) { return 0; }
struct S { int x; };
std::vector<at::Tensor> of(int n) { }
`)
	var got []string
	for _, f := range functions(src) {
		kind := "value"
		if f.Void {
			kind = "void"
		}
		got = append(got, f.Name+" "+kind)
	}
	require.Equal(t, []string{"atg_a value", "f void", "g void", "h value", "of value"}, got)
	first := functions(src)[0]
	require.Equal(t, "tensor *atg_a(tensor self,\n              int n) ", string(withoutComments(src[first.Start:first.Body]))+" ")
	require.Equal(t, byte('}'), src[first.End-1])
}

func TestCompileErrorsAreBroughtHome(t *testing.T) {
	places, elsewhere := compileErrors(`In file included from torch_api.cpp:30:
./torch_api_generated.cpp.h: In function 'void atg_x(int**)':
./torch_api_generated.cpp.h:12:34: error: no such thing
  12 |   PROTECT(
/usr/include/ATen/list.h: In instantiation of 'T f(T)':
torch_api.cpp:77:5:   required from here
/usr/include/ATen/list.h:5:1: error: T is no class
torch_api.cpp:80:1: warning: unused
/usr/include/ATen/other.h:9:1: error: of nobody
`, "torch_api.cpp", "torch_api_generated.cpp.h")
	require.Equal(t, []place{{"torch_api_generated.cpp.h", 12}, {"torch_api.cpp", 77}}, places)
	require.Equal(t, []string{"/usr/include/ATen/other.h:9:1: error: of nobody"}, elsewhere)
}

func TestStubSaysWhatIsMissing(t *testing.T) {
	src := "int x;\nvoid atg_a(tensor *o) {\n  o.x();\n}\n\ntensor *atg_b() {\n  return 1;\n}\n"
	out, stubbed, left := stub("a.h", []byte(src), []place{{"a.h", 3}, {"a.h", 7}, {"other.h", 2}, {"a.h", 1}})
	require.Equal(t, []string{"atg_a", "atg_b"}, stubbed)
	require.Equal(t, []place{{"a.h", 1}}, left)
	require.Equal(t, `int x;
void atg_a(tensor *o) {
  torch_last_err = strdup("atg_a: not in this libtorch");
}

tensor *atg_b() {
  torch_last_err = strdup("atg_b: not in this libtorch");
  return {};
}
`, string(out))
}

// The sample of gotch has a function more than the host calls, and two that do
// not compile: one by itself, one in a template of a header.
func TestFitKeepsWhatIsCalledAndStubsWhatDoesNotCompile(t *testing.T) {
	torch, err := openLibtorch(fakeLibtorch(t))
	require.NoError(t, err)
	calls := map[string]token.Position{"AtgAdd": {}, "AtgAdd_": {}, "AtgGone": {}, "AtgGoneToo": {}, "AtgChunk": {}}
	f := fitting{Tools: tools{CXX: []string{"g++"}}, Torch: torch, Calls: calls}
	dir := filepath.Join(t.TempDir(), "gotch")
	made, err := f.fitTo(context.Background(), "testdata/gotch", dir)
	require.NoError(t, err)
	require.Equal(t, 5, made.Kept)
	require.Equal(t, []string{"atg_gone", "atg_gone_too"}, made.Stubs)
	for _, name := range []string{"cpp/torch_api_generated.cpp.h", "libtch/torch_api_generated.h", "libtch/c-generated.go"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.NotContains(t, string(text), "atg_unused")
		require.Contains(t, string(text), "atg_add_(")
	}
	none, err := filepath.Glob(dir + "/libtch/*.cpp")
	require.NoError(t, err)
	require.Empty(t, none, "go build must see no C++")
	header := read(t, dir+"/libtch/calls.h")
	for _, name := range []string{"at_answer", "at_print", "atg_chunk", "atg_gone"} {
		require.Contains(t, header, "\n#define "+name+"(...) ")
	}
	again, ok := readRecord[fitted](dir)
	require.True(t, ok)
	require.Equal(t, made.Stubs, again.Stubs)

	cmd := exec.Command("go", "build", "./libtch")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))

	writeFile(t, filepath.Join(dir, "libtch", "lib.go"), "package libtch\n")
	_, ok = readRecord[fitted](dir)
	require.False(t, ok, "a changed file must be noticed")
}

func TestFitSaysWhichCallIsUnknown(t *testing.T) {
	calls := map[string]token.Position{"AtgNobody": {Filename: "host/tensor/ops.go", Line: 7, Column: 2}}
	_, err := fitting{Calls: calls}.copyPruned("testdata/gotch/libtch", t.TempDir(), t.TempDir())
	require.EqualError(t, err, "host/tensor/ops.go:7:2: gotch v0.9.1 has no wrapper AtgNobody")
}

func TestFitEndsWhereAStubIsNoFix(t *testing.T) {
	torch, err := openLibtorch(fakeLibtorch(t))
	require.NoError(t, err)
	source := t.TempDir()
	require.NoError(t, os.CopyFS(source, os.DirFS("testdata/gotch")))
	writeFile(t, source+"/libtch/torch_api.cpp", "#include \"torch_api.h\"\nextern gone_type x;\n")
	f := fitting{Tools: tools{CXX: []string{"g++"}}, Torch: torch}
	_, err = f.fitTo(context.Background(), source, filepath.Join(t.TempDir(), "gotch"))
	require.ErrorContains(t, err, "torch_api.cpp does not compile outside of its functions: torch_api.cpp:2:8: error: ")
}

func TestDigestCoversEveryInput(t *testing.T) {
	base := fitting{Tools: tools{CXX: []string{"g++"}}, Torch: libtorch{Version: "2.11.0", Lib: "/a"}, Calls: map[string]token.Position{"AtgAdd": {}}}
	for name, change := range map[string]func(*fitting){
		"compiler": func(f *fitting) { f.Tools.CXX = []string{"clang++"} },
		"version":  func(f *fitting) { f.Torch.Version = "2.13.0" },
		"folder":   func(f *fitting) { f.Torch.Include = "/b" },
		"build":    func(f *fitting) { f.Torch.Identity = "2" },
		"ABI":      func(f *fitting) { f.Torch.OldABI = true },
		"calls":    func(f *fitting) { f.Calls = map[string]token.Position{"AtgSub": {}} },
	} {
		other := base
		change(&other)
		require.NotEqual(t, base.digest(), other.digest(), name)
	}
}
