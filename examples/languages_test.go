// Package examples_test builds the examples in languages other than Go from source
// and compares them with the builtin plugin that they repeat.
package examples_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/examples"
	"llmhost/host/plugin"
	"llmhost/host/plugin/project"
	"llmhost/sdk"
)

var sources = project.Sources{SDK: sdk.Source, Helpers: examples.Helpers}

// languages are the folders with the commands that each needs and the extra
// arguments of its one command.
var languages = []struct {
	folder string
	needs  []string
	args   func(t *testing.T) []string
}{
	{"rust", []string{"cargo"}, func(t *testing.T) []string { return []string{"CARGO_TARGET_DIR=" + cargoTarget(t)} }},
	{"c", []string{"clang", "wasm-ld"}, func(t *testing.T) []string { return []string{"TEST=" + filepath.Join(t.TempDir(), "rrhf_test")} }},
	{"assemblyscript", []string{"node"}, func(t *testing.T) []string { return []string{"ASC=" + assemblyScript(t)} }},
}

// cargoTarget skips where Rust lacks the target.
func cargoTarget(t *testing.T) string {
	out, err := exec.Command("rustc", "--print", "target-libdir", "--target", "wasm32-unknown-unknown").Output()
	if _, missing := os.Stat(string(out[:max(0, len(out)-1)])); err != nil || missing != nil {
		t.Skip("needs the Rust target wasm32-unknown-unknown: rustup target add wasm32-unknown-unknown")
	}
	return t.TempDir()
}

// assemblyScript finds the compiler where .ci/languages puts it, or on the path.
func assemblyScript(t *testing.T) string {
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	kept := filepath.Join(cache, "llmhost", "assemblyscript-0.28.20", "node_modules", ".bin", "asc")
	if _, err := os.Stat(kept); err == nil {
		return kept
	}
	found, err := exec.LookPath("asc")
	if err != nil {
		t.Skip("needs asc of npm's assemblyscript 0.28.20")
	}
	return found
}

// numbers are values that a plugin must read and write to the last bit.
func numbers() []float64 {
	all := []float64{0, 1, 0.1, 1.0 / 3, 5e-324, 2.2250738585072014e-308, 2.225073858507201e-308, math.MaxFloat64, 1e22, 1e23, 9007199254740993, 1e15, 123456.789}
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		all = append(all, math.Exp(random.NormFloat64()*5), math.Abs(math.Float64frombits(random.Uint64()>>1%(0x7ff<<52))))
	}
	return all
}

func TestLanguagesGiveTheBuiltinProgram(t *testing.T) {
	for _, l := range languages {
		t.Run(l.folder, func(t *testing.T) {
			for _, tool := range append(l.needs, "make") {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skip("needs " + tool)
				}
			}
			file := filepath.Join(t.TempDir(), "rrhf.wasm")
			for _, goal := range []string{"build", "test"} {
				out, err := exec.Command("make", append([]string{"-C", l.folder, goal, "OUT=" + file}, l.args(t)...)...).CombinedOutput()
				require.NoError(t, err, "%s", out)
			}
			compare(t, file)
		})
	}
}

// A test in C sees the labels of an example behind its answer.
func TestLabelsInTestsOfC(t *testing.T) {
	clang, err := exec.LookPath("clang")
	if err != nil {
		t.Skip("needs clang")
	}
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "topic.c"), []byte(`#include "llmhost_plugin.h"
#include <stdio.h>

static void format(void) {
    lh_candidate(), lh_prompt(lh_str(0)), lh_answer("a");
    if (lh_has(1)) lh_example_label("topic", "none"), lh_example_label("mood", "good"), lh_example_label("topic", lh_str(1));
}

const lh_plugin llmhost_plugin = {
    .name = "topic", .version = "1.0.0", .doc = "classes",
    .components = LH_COMPONENTS({.kind = LH_FORMATTER, .name = "topic", .doc = "texts and their topic", .format = format,
                                 .fields = LH_FIELDS({"text", LH_IS_STRING, 1, "a text"}, {"topic", LH_IS_STRING, 0, "its topic"})}),
};

int main(void) {
    const char *full[] = {"light bends", "physics"}, *plain[] = {"light bends", 0};
    printf("%s\n", lh_example("topic", "{}", full, 2));
    printf("%s\n", lh_example("topic", "{}", plain, 2));
}
`), 0o644))
	program := filepath.Join(folder, "topic")
	out, err := exec.Command(clang, "-std=c11", "-Wall", "-Wextra", "-Ic/llmhost_plugin", "-o", program, filepath.Join(folder, "topic.c")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
	out, err = exec.Command(program).Output()
	require.NoError(t, err)
	require.Equal(t, "light bends|a|topic=physics|mood=good\nlight bends|a\n", string(out))
}

// A README's example builds, too.
func TestReadmesBuild(t *testing.T) {
	cache := plugin.DefaultCache()
	for _, l := range []struct{ folder, language, fence, file string }{
		{"rust", "rust", "rust", "src/lib.rs"}, {"c", "c", "c", "hinge.c"}, {"assemblyscript", "assemblyscript", "typescript", "assembly/index.ts"},
	} {
		t.Run(l.folder, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(l.folder, "README.md"))
			require.NoError(t, err)
			code := regexp.MustCompile("(?s)```" + l.fence + "\n(.*?)```").FindSubmatch(text)
			require.Len(t, code, 2)
			folder := filepath.Join(t.TempDir(), "hinge")
			require.NoError(t, project.New(project.Spec{Name: "hinge", Kind: "loss", Language: l.language, Folder: folder, Sources: sources, Cache: cache}))
			require.NoError(t, os.WriteFile(filepath.Join(folder, l.file), code[1], 0o644))
			built, err := project.Build(context.Background(), project.Building{Folder: folder, Sources: sources, Cache: cache})
			var lack *project.NoTool
			if errors.As(err, &lack) {
				t.Skip(err)
			}
			require.NoError(t, err)
			c, err := plugin.NewCatalog(context.Background(), plugin.Options{Builtin: builtin.All()})
			require.NoError(t, err)
			defer c.Close(context.Background())
			loss, err := c.Component(context.Background(), plugin.Loss, built.File)
			require.NoError(t, err)
			trace, err := loss.Trace(context.Background(), nil)
			require.NoError(t, err)
			require.Equal(t, "hinge", trace.Terms[0].Name)
		})
	}
}

// compare compares a file's task and programs with those of the builtin plugin.
func compare(t *testing.T, file string) {
	ctx := context.Background()
	c, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: builtin.All()})
	require.NoError(t, err)
	defer c.Close(ctx)
	want, err := c.Task(ctx, "rrhf")
	require.NoError(t, err)
	got, err := c.Task(ctx, file)
	require.NoError(t, err)
	require.Equal(t, []any{want.Name, want.Doc, want.Head, want.Formatter, want.Pooling}, []any{got.Name, got.Doc, got.Head, got.Formatter, got.Pooling})
	require.Equal(t, []any{want.Plugin.Name, want.Plugin.Version, want.Plugin.Doc}, []any{got.Plugin.Name, got.Plugin.Version, got.Plugin.Doc})
	require.Equal(t, []any{want.Loss.Name, want.Loss.Doc}, []any{got.Loss.Name, got.Loss.Doc})
	require.Len(t, got.Loss.Params, len(want.Loss.Params))
	for i := range want.Loss.Params {
		a, b := want.Loss.Params[i], got.Loss.Params[i]
		require.Equal(t, []any{a.Name, a.Type, a.Default, a.Min, a.Max, a.Choices, a.Doc}, []any{b.Name, b.Type, b.Default, b.Min, b.Max, b.Choices, b.Doc})
	}
	for _, values := range []map[string]any{nil, {"rrhf_weight": 0.1, "length_penalty": 0.0}, {"rrhf_reduction": "paper_sum"}} {
		sameProgram(t, want, got, values)
	}
	for _, v := range numbers() {
		sameProgram(t, want, got, map[string]any{"rrhf_weight": v, "length_penalty": v})
	}
}

func sameProgram(t *testing.T, want, got *plugin.Task, values map[string]any) {
	t.Helper()
	a, err := want.Loss.Trace(context.Background(), values)
	require.NoError(t, err)
	b, err := got.Loss.Trace(context.Background(), values)
	require.NoError(t, err)
	require.Equal(t, []any{a.Columns, a.Allow}, []any{b.Columns, b.Allow}, "what the loss says of its columns, and what is meant")
	if a.Digest() != b.Digest() {
		require.Equal(t, a.Program.Text(), b.Program.Text(), "%v", values)
	}
}
