package host_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// arrows says which packages of this module a package may import, tests apart.
// A name ending in /... stands for the packages below it too. The longest name
// that fits a package holds for it. A new arrow is a change here, argued in the
// commit that makes it.
var arrows = map[string][]string{
	"cmd/llmhost":          {"host", "host/train", "host/config", "host/tensor", "host/nearest", "host/plugin", "host/plugin/check/...", "host/plugin/project", "host/plugin/tryout", "host/plugin/worker", "builtin", "examples", "sdk"}, // examples holds the helpers that new projects get
	"cmd/setup":            {},
	"cmd/bench":            {"host/...", "builtin/...", "sdk", "sdk/program"},
	"host":                 {"host/...", "sdk", "sdk/op", "sdk/program"},
	"host/atomicfile":      {},
	"host/checkpoint":      {"host/atomicfile", "host/data"},
	"host/config":          {"host/nearest"},
	"host/console":         {"host/metrics", "host/train"},
	"host/data":            {"host/nearest", "sdk"},
	"host/exec":            {"sdk/program", "host/tensor", "sdk/op"},
	"host/jsonobject":      {},
	"host/lora":            {"host/atomicfile", "host/model", "host/nearest", "host/nn", "host/safetensors", "host/tensor"},
	"host/metrics":         {"host/atomicfile"},
	"host/model":           {"host/atomicfile", "host/jsonobject", "host/model/...", "host/nn", "host/safetensors", "host/tensor"},
	"host/model/...":       {"host/nn", "host/tensor"},
	"host/nearest":         {},
	"host/nn":              {"host/tensor"},
	"host/optim":           {"host/nn", "host/tensor"},
	"host/plugin":          {"host/atomicfile", "host/config", "host/nearest", "host/plugin/...", "sdk/program", "sdk", "sdk/op"},
	"sdk/program":          {"sdk/op"},
	"host/safetensors":     {"host/atomicfile", "host/nearest"},
	"host/tensor/...":      {"host/tensor/internal/..."},
	"host/tokenizer":       {"host/jsonobject"},
	"host/train":           {"host/data", "host/exec", "host/metrics", "host/model", "host/nearest", "host/nn", "host/optim", "sdk/program", "host/tensor"},
	"sdk":                  {"sdk/op"},
	"sdk/op":               {},
	"sdk/wasm":             {"sdk"},
	"sdk/process":          {"sdk"},
	"sdk/serve":            {"sdk", "sdk/process", "sdk/wasm"},
	"builtin":              {"builtin/...", "sdk"},
	"builtin/...":          {"builtin/...", "sdk"}, // one loss or formatter may be made of another
	"plugins/...":          {"plugins/...", "sdk", "sdk/serve", "sdk/wasm", "builtin/..."},
	"examples/...":         {"sdk", "sdk/serve", "sdk/wasm"},
	"host/plugin/wasm":     {"host/plugin/...", "sdk", "sdk/op"},
	"host/plugin/process":  {"host/plugin/output", "sdk", "sdk/process"}, // both sides of one protocol
	"host/plugin/output":   {},
	"host/plugin/tryout":   {"host/config", "host/exec", "host/plugin", "host/safetensors", "host/tensor", "sdk", "sdk/op", "sdk/program"},
	"host/plugin/check":    {"host/nearest", "host/plugin", "sdk", "sdk/sdktest"},
	"sdk/sdktest":          {"sdk", "sdk/op", "sdk/program"},
	"host/plugin/project":  {"host/nearest"},                           // cmd hands it the sources of sdk and examples
	"host/plugin/worker":   {"host/plugin/output", "host/plugin/wasm"}, // its child's main runs before all else, so cmd imports it
	"host/conformance":     {},
	"cmd/setup/...":        {},
	"host/tensor/internal": {},

	// checks: the driver knows none of them, and a loss is shown what a formatter makes
	"host/plugin/check/numbers":   {"sdk/sdktest"},
	"host/plugin/check/formatter": {"host/data", "host/plugin", "host/plugin/check", "host/plugin/check/numbers", "sdk", "sdk/sdktest"},
	"host/plugin/check/pooling":   {"host/plugin/check", "host/plugin/check/numbers", "sdk", "sdk/sdktest"},
	"host/plugin/check/loss":      {"host/plugin", "host/plugin/check", "host/plugin/check/formatter", "host/plugin/check/numbers", "sdk", "sdk/op", "sdk/program", "sdk/sdktest"},
}

// outside says which packages alone may import something from elsewhere.
var outside = map[string][]string{
	"C":                               {"host/tensor/..."},
	"github.com/sugarme/gotch/...":    {"host/tensor/..."},
	"google.golang.org/grpc/...":      {"sdk/process/...", "host/plugin/process/..."},
	"github.com/hashicorp/...":        {"sdk/process/...", "host/plugin/process/..."},
	"github.com/tetratelabs/...":      {"host/plugin/wasm/...", "host/tokenizer/..."},
	"github.com/BurntSushi/toml/...":  {"host/config/...", "host/plugin/process/..."},
	"github.com/stretchr/testify/...": {"sdk/sdktest/..."},
}

// plain lists packages that import the standard library alone.
var plain = []string{"sdk", "sdk/op", "sdk/program", "sdk/wasm", "sdk/serve", "builtin/...", "plugins/...", "cmd/setup/..."}

func fits(pattern, name string) bool {
	below, isTree := strings.CutSuffix(pattern, "/...")
	return name == pattern || isTree && (name == below || strings.HasPrefix(name, below+"/"))
}

func fitsAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if fits(p, name) {
			return true
		}
	}
	return false
}

// allowed finds the arrows of a package: its own row, or the longest tree that holds it.
func allowed(pkg string) (row []string, found bool) {
	longest := -1
	for pattern, targets := range arrows {
		if pattern == pkg {
			return targets, true
		}
		if fits(pattern, pkg) && len(pattern) > longest {
			row, found, longest = targets, true, len(pattern)
		}
	}
	return row, found
}

// wrong says what forbids an import, "" where nothing does.
func wrong(pkg, imported string) string {
	if own, isOurs := strings.CutPrefix(imported, "llmhost/"); isOurs {
		row, found := allowed(pkg)
		if !found {
			return "has no row in the table of arrows"
		}
		if !fitsAny(row, own) {
			return "may not import " + own
		}
		return ""
	}
	standard := imported != "C" && !strings.Contains(strings.Split(imported, "/")[0], ".")
	if !standard && fitsAny(plain, pkg) {
		return "imports the standard library alone, not " + imported
	}
	for pattern, users := range outside {
		if fits(pattern, imported) && !fitsAny(users, pkg) {
			return "may not import " + imported
		}
	}
	return ""
}

func TestImportsRunOneWay(t *testing.T) {
	files := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && (strings.HasPrefix(e.Name(), ".") && e.Name() != ".." || e.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(files, path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(path, "../")))
		for _, i := range parsed.Imports {
			name, _ := strconv.Unquote(i.Path.Value)
			require.Empty(t, wrong(pkg, name), "%s: package %s", path, pkg)
		}
		return nil
	})
	require.NoError(t, err)
}

func TestTheTableForbids(t *testing.T) {
	require.Equal(t, "may not import host/tensor", wrong("host/data", "llmhost/host/tensor"))
	require.Equal(t, "may not import C", wrong("host/nn", "C"))
	require.Equal(t, "imports the standard library alone, not github.com/x/y", wrong("sdk", "github.com/x/y"))
	require.Equal(t, "has no row in the table of arrows", wrong("host/other", "llmhost/sdk"))
	require.Empty(t, wrong("host/tensor/internal/shim", "C"))
}
