package project_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/examples"
	"llmhost/host/plugin"
	"llmhost/host/plugin/project"
	"llmhost/host/plugin/wasm"
	"llmhost/host/plugin/worker"
	"llmhost/sdk"
)

// tools are the programs that each language needs, and the command of a
// project's own test.
var tools = map[string]struct{ needs, test []string }{
	"go":             {[]string{"go"}, []string{"go", "test", "./..."}},
	"rust":           {[]string{"cargo"}, []string{"cargo", "test", "--quiet"}},
	"c":              {[]string{"clang", "wasm-ld", "make"}, []string{"make", "test", "CC=clang"}},
	"assemblyscript": {[]string{"node"}, []string{"node", "--test"}},
	"python":         {[]string{"python3"}, []string{"python3", "-m", "unittest"}},
}

func TestMain(m *testing.M) {
	if worker.Asked(os.Args) { // plugins in Python run below this binary, once more
		os.Exit(worker.Main())
	}
	os.Exit(m.Run())
}

var sources = project.Sources{SDK: sdk.Source, Helpers: examples.Helpers}

// offline forbids what a project must not need.
func offline(t *testing.T) {
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOPROXY", "off")
	t.Setenv("CARGO_NET_OFFLINE", "true")
}

// usable skips where a tool is missing.
func usable(t *testing.T, language string) {
	t.Helper()
	for _, tool := range tools[language].needs {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
}

// written writes a project and returns its folder.
func written(t *testing.T, kind, language string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "my-"+kind)
	require.NoError(t, project.New(project.Spec{Name: "my-" + kind, Kind: kind, Language: language, Folder: folder, Sources: sources, Cache: cacheOf(t)}))
	return folder
}

// cacheOf is the user's cache: AssemblyScript's compiler is kept there.
func cacheOf(t *testing.T) string {
	t.Helper()
	cache := plugin.DefaultCache()
	require.NotEmpty(t, cache)
	return cache
}

// build builds a project; a toolchain that is not whole skips the test.
func build(t *testing.T, folder string) string {
	t.Helper()
	result, err := project.Build(context.Background(), project.Building{Folder: folder, Sources: sources, Cache: cacheOf(t)})
	var lack *project.NoTool
	if errors.As(err, &lack) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return result.File
}

// Every language writes one and the same plugin, whose own test passes.
func TestProjectsOfAllLanguages(t *testing.T) {
	offline(t)
	for _, kind := range project.Kinds {
		t.Run(kind, func(t *testing.T) {
			usable(t, "go")
			want := opened(t, build(t, written(t, kind, "go")))
			for _, language := range project.Languages {
				t.Run(language, func(t *testing.T) {
					usable(t, language)
					folder := written(t, kind, language)
					if file := build(t, folder); language != "python" || pythonHasGRPC(t) {
						same(t, want, opened(t, file))
					}
					test := exec.Command(tools[language].test[0], tools[language].test[1:]...)
					test.Dir = folder
					out, err := test.CombinedOutput()
					require.NoError(t, err, "%s", out)
				})
			}
		})
	}
}

// pythonHasGRPC puts the Python that .ci/python makes first, if it is there.
func pythonHasGRPC(t *testing.T) bool {
	t.Helper()
	t.Setenv("PATH", filepath.Join(cacheOf(t), "plugin-python", "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	return exec.Command("python3", "-c", "import grpc, cryptography").Run() == nil
}

// opened opens a plugin without any cache.
func opened(t *testing.T, file string) *plugin.Plugin {
	t.Helper()
	ctx := context.Background()
	c, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: builtin.All()})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close(ctx) })
	p, err := c.Open(ctx, file)
	require.NoError(t, err)
	return p
}

// same holds a plugin's components to those of another.
func same(t *testing.T, want, got *plugin.Plugin) {
	t.Helper()
	ctx := context.Background()
	require.Equal(t, []string{want.Name, want.Version, want.Doc}, []string{got.Name, got.Version, got.Doc})
	require.Len(t, got.Components, len(want.Components))
	for _, c := range want.Components {
		at := slices.IndexFunc(got.Components, func(o *plugin.Component) bool { return o.Kind == c.Kind && o.Name == c.Name })
		require.GreaterOrEqual(t, at, 0, c)
		other := got.Components[at]
		require.Equal(t, c.Doc, other.Doc)
		require.Len(t, other.Params, len(c.Params))
		for i, p := range c.Params {
			o := other.Params[i]
			require.Equal(t, []any{p.Name, p.Type, p.Default, p.Min, p.Max, p.Choices, p.Doc}, []any{o.Name, o.Type, o.Default, o.Min, o.Max, o.Choices, o.Doc})
		}
		if c.Kind == plugin.Formatter && got.Transport != plugin.WASM {
			continue // its own test gives it rows
		}
		if c.Kind == plugin.Formatter {
			sameRows(t, want.Path, got.Path)
			continue
		}
		for _, values := range []map[string]any{nil, {"normalize": true, "margin": 0.75, "focus": 3.5}} {
			a, err := c.Trace(ctx, values)
			require.NoError(t, err)
			b, err := other.Trace(ctx, values)
			require.NoError(t, err)
			require.Equal(t, a.Program.Text(), b.Program.Text())
		}
	}
}

// records are rows for the formatters: question, answer and context.
func records() []sdk.Row {
	text := func(s string) sdk.Cell { return sdk.Cell{Type: sdk.String, Str: s} }
	long := strings.Repeat("Übergrößenträger ", 2000)
	rows := [][]sdk.Cell{
		{text("Who?"), text("Ben"), text("Ben is out.")}, {text("Who?"), text("Ben"), {}}, {text(""), text("x"), text("")},
		{text("Who?"), text(" \n"), {}}, {text("日本 😀 \x00"), text("\"{}\"\\"), text("é")}, {text(long), text(long), text(long)},
		{{Type: sdk.Float, Float: 1}, text("x"), {}},
	}
	var all []sdk.Row
	for range 20 {
		for _, cells := range rows {
			all = append(all, sdk.NewRow(cells))
		}
	}
	return all
}

// sameRows runs the formatters of two modules over the same rows, many times.
func sameRows(t *testing.T, want, got string) {
	t.Helper()
	a, b := formatted(t, want, 1), formatted(t, got, 200)
	require.Len(t, b, len(a))
	for i := range a {
		if a[i].Err != "" { // each says it in its own words
			require.NotEmpty(t, b[i].Err)
			continue
		}
		require.Equal(t, a[i], b[i], "row %d", i)
	}
}

func formatted(t *testing.T, file string, times int) []sdk.Result {
	t.Helper()
	ctx := context.Background()
	code, err := os.ReadFile(file)
	require.NoError(t, err)
	m, err := wasm.OpenKillable(ctx, file, code, wasm.Limits{}, "")
	require.NoError(t, err)
	defer m.Close(ctx)
	in, err := m.Start(ctx)
	require.NoError(t, err)
	defer in.Close(ctx)
	index := uint32(0)
	p := opened(t, file)
	for i, c := range p.Components {
		if c.Kind == plugin.Formatter {
			index = uint32(i)
		}
	}
	reply, err := in.Configure(ctx, index, []byte(`{"answer_prefix":"\nA\u00e9: "}`))
	require.NoError(t, err)
	require.Equal(t, `{"instance":1,"columns":[{"name":"question","type":"string","required":true,"doc":"what is asked"},`+
		`{"name":"answer","type":"string","required":true,"doc":"what the model is to write"},`+
		`{"name":"context","type":"string","required":false,"doc":"a text that holds the answer"}]}`, string(reply[1:]))
	rows := records()
	frame, err := sdk.EncodeRows(3, rows)
	require.NoError(t, err)
	for range times { // memory must not grow from batch to batch: the limit is 64 MiB
		reply, err = in.Format(ctx, 1, frame, reply[:0])
		require.NoError(t, err)
	}
	require.Equal(t, byte(0), reply[0], "%s", reply)
	results, err := sdk.DecodeResults(reply[1:], len(rows))
	require.NoError(t, err)
	return results
}

func TestNewRefuses(t *testing.T) {
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "x"), nil, 0o644))
	for _, x := range []struct {
		spec project.Spec
		want string
	}{
		{project.Spec{Name: "My Loss", Kind: "loss", Language: "go"}, `name "My Loss"; want a lower-case letter, then lower-case letters, digits, - and _`},
		{project.Spec{Name: "l", Kind: "los", Language: "go"}, `kind "los"; want one of loss, formatter, pooling, task; did you mean loss?`},
		{project.Spec{Name: "l", Kind: "loss", Language: "rst"}, `language "rst"; want one of go, rust, c, assemblyscript, python; did you mean rust?`},
		{project.Spec{Name: "l", Kind: "loss", Language: "go", Folder: full}, "folder " + full + " is not empty; choose another with --dir"},
	} {
		require.EqualError(t, project.New(x.spec), x.want)
	}
}

func TestBuildRefuses(t *testing.T) {
	ctx, folder := context.Background(), t.TempDir()
	_, err := project.Build(ctx, project.Building{Folder: folder + "/none"})
	require.EqualError(t, err, "folder "+folder+"/none: there is no such folder")
	_, err = project.Build(ctx, project.Building{Folder: folder, As: "exe"})
	require.EqualError(t, err, `--as "exe"; want wasm or process`)
	_, err = project.Build(ctx, project.Building{Folder: folder})
	require.ErrorContains(t, err, " holds no project: want .go files, ")
	t.Setenv("PATH", "")
	for language, want := range map[string]string{
		"go":             "go is not on the PATH; install Go 1.24 or later",
		"rust":           "cargo is not on the PATH; install Rust with rustup",
		"c":              "neither clang with wasm-ld nor zig is on the PATH; install them (Debian: apt-get install clang lld), or zig",
		"assemblyscript": "node is not on the PATH; install Node.js 20 or later",
		"python":         "python3 is not on the PATH; install Python 3.9 or later",
	} {
		_, err := project.Build(ctx, project.Building{Folder: written(t, "loss", language), Sources: sources, Cache: t.TempDir()})
		require.EqualError(t, err, want)
	}
	_, err = project.Build(ctx, project.Building{Folder: written(t, "loss", "c"), As: "process"})
	require.EqualError(t, err, "plugins in C are only built as WASM; leave out --as process")
	_, err = project.Build(ctx, project.Building{Folder: written(t, "loss", "python"), As: "wasm"})
	require.EqualError(t, err, "plugins in Python run as separate programs; leave out --as wasm")
}

// What a compiler says reaches the author.
func TestBuildShowsTheCompilersWords(t *testing.T) {
	offline(t)
	usable(t, "go")
	folder := written(t, "loss", "go")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "loss.go"), []byte("package main\n\nvar plugin = 1\n"), 0o644))
	_, err := project.Build(context.Background(), project.Building{Folder: folder, Sources: sources, Cache: cacheOf(t)})
	require.ErrorContains(t, err, "go: exit status 1\n")
	require.ErrorContains(t, err, "./main.go:")
}

// A cache that was emptied, or that of another llmhost, does no harm.
func TestTheSDKComesBack(t *testing.T) {
	offline(t)
	usable(t, "go")
	cache := filepath.Join(t.TempDir(), "the cache")
	folder := filepath.Join(t.TempDir(), "mine")
	require.NoError(t, project.New(project.Spec{Name: "mine", Kind: "pooling", Language: "go", Folder: folder, Sources: sources, Cache: cache}))
	goMod := filepath.Join(folder, "go.mod")
	text, err := os.ReadFile(goMod)
	require.NoError(t, err)
	require.Contains(t, string(text), `replace llmhost => "`+filepath.Join(cache, "sdk"))
	require.NoError(t, os.RemoveAll(filepath.Join(cache, "sdk")))
	again := func() {
		_, err := project.Build(context.Background(), project.Building{Folder: folder, Sources: sources, Cache: cache})
		require.NoError(t, err)
	}
	again()
	before, _, _ := strings.Cut(string(text), "\nreplace")
	for _, other := range []string{strings.ReplaceAll(string(text), filepath.Join(cache, "sdk"), "/elsewhere/sdk"), before} {
		require.NoError(t, os.WriteFile(goMod, []byte(other), 0o644))
		again()
		renewed, err := os.ReadFile(goMod)
		require.NoError(t, err)
		require.Equal(t, string(text), string(renewed))
	}
}

// A project can be a program of its own too, where gRPC is in the module cache.
func TestGoProjectAsProcess(t *testing.T) {
	offline(t)
	usable(t, "go")
	folder := written(t, "loss", "go")
	b := project.Building{Folder: folder, As: "process", Sources: sources, Cache: cacheOf(t)}
	result, err := project.Build(context.Background(), b)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(folder, "my-loss"), result.File)
	same(t, opened(t, build(t, folder)), opened(t, result.File))
}

// What such a program needs are the versions of this repository.
func TestProcessModules(t *testing.T) {
	ours, err := os.ReadFile("../../../go.mod")
	require.NoError(t, err)
	theirs, err := os.ReadFile("templates/shared/process.mod")
	require.NoError(t, err)
	require.Contains(t, string(theirs), "\n\t", "the template needs modules")
	for _, line := range strings.Split(string(theirs), "\n") {
		if strings.HasPrefix(line, "\t") {
			require.Contains(t, string(ours), line, "copy the line of go.mod to process.mod")
		}
	}
	sums, err := os.ReadFile("../../../go.sum")
	require.NoError(t, err)
	copied, err := os.ReadFile("templates/shared/process.sum")
	require.NoError(t, err)
	for _, line := range strings.Split(string(copied), "\n") {
		require.Contains(t, string(sums), line, "copy the line of go.sum to process.sum")
	}
}
