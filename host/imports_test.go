package host_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// arrows says which packages of this module a package may import, tests apart.
// A name ending in /... includes the packages below it. The longest name
// that fits a package applies to it. A new arrow is a change here, argued in the
// commit that makes it.
var arrows = map[string][]string{
	"builtin":                     {"builtin/...", "sdk"},
	"builtin/...":                 {"builtin/...", "sdk"}, // one loss or formatter may be made of another
	"cmd/bench":                   {"host", "host/...", "builtin/..."},
	"cmd/llmhost":                 {"host", "host/data/foreign", "host/train", "host/config", "host/console", "host/atomicfile", "host/data/inspect", "host/data/record", "host/data/show", "host/data/source", "host/tensor", "host/nearest", "host/plugin", "host/plugin/check/...", "host/plugin/project", "host/plugin/tryout", "host/plugin/worker", "builtin", "examples", "sdk"}, // examples holds the helpers that new projects get
	"cmd/setup":                   {},
	"cmd/testmodels":              {"host/safetensors"},
	"examples":                    {},
	"host":                        {"host/...", "sdk"},
	"host/atomicfile":             {},
	"host/classname":              {}, // data and models name classes, and neither knows the other
	"host/chat":                   {"host/jsonerror", "host/jsonobject", "host/tokenizer", "sdk"},
	"host/checkpoint":             {"host/atomicfile", "host/data", "host/jsonerror"},
	"host/config":                 {"host/nearest"},
	"host/console":                {"host/metrics", "host/train"},
	"host/data":                   {"host/atomicfile", "host/classname", "host/data/source", "sdk"},
	"host/data/datatest":          {}, // for tests alone
	"host/data/inspect":           {"host/data", "host/data/record", "host/data/source", "host/nearest", "sdk"},
	"host/data/record":            {"host/data/source", "host/nearest", "sdk"},
	"host/data/show":              {},
	"host/data/sink":              {"host/atomicfile", "host/data/record", "host/data/source"},
	"host/data/foreign":           {}, // names plugins, in what it writes for users
	"host/data/source":            {"sdk"},
	"host/exec":                   {"sdk/program", "host/tensor", "sdk/op"},
	"host/jsonerror":              {},
	"host/jsonobject":             {},
	"host/lm":                     {"host/atomicfile", "host/classname", "host/config", "host/lora", "host/model", "host/nearest", "host/nn", "host/tensor", "host/tokenizer"},
	"host/lora":                   {"host/atomicfile", "host/jsonerror", "host/jsonobject", "host/model", "host/nearest", "host/nn", "host/safetensors", "host/tensor"},
	"host/metrics":                {},
	"host/model":                  {"host/atomicfile", "host/jsonerror", "host/jsonobject", "host/model/...", "host/nn", "host/safetensors", "host/tensor"},
	"host/model/...":              {"host/model/hfconfig", "host/nn", "host/tensor"},
	"host/model/hfconfig":         {},
	"host/nearest":                {},
	"host/nn":                     {"host/tensor"},
	"host/objective":              {"host/data", "host/exec", "host/model", "host/nearest", "host/nn", "host/safetensors", "host/tensor", "sdk/program"},
	"host/optim":                  {"host/nn", "host/tensor"},
	"host/plugin":                 {"host/atomicfile", "host/jsonerror", "host/nearest", "host/plugin/...", "sdk/program", "sdk", "sdk/op"},
	"host/plugin/check":           {"host/nearest", "host/plugin", "sdk", "sdk/sdktest"},
	"host/plugin/check/formatter": {"host/data/source", "host/plugin", "host/plugin/check", "host/plugin/check/numbers", "sdk", "sdk/sdktest"},
	"host/plugin/check/loss":      {"host/plugin", "host/plugin/check", "host/plugin/check/formatter", "host/plugin/check/numbers", "sdk", "sdk/op", "sdk/program", "sdk/sdktest"}, // the formatter shows what columns hold
	"host/plugin/check/numbers":   {"sdk/sdktest"},
	"host/plugin/check/pooling":   {"host/plugin/check", "host/plugin/check/numbers", "sdk", "sdk/sdktest"},
	"host/plugin/check/task":      {"host/nearest", "host/plugin", "host/plugin/check", "host/plugin/check/formatter", "sdk", "sdk/program"}, // the formatter shows what columns there are
	"host/plugin/guard":           {},
	"host/plugin/output":          {},
	"host/plugin/process":         {"host/jsonerror", "host/plugin/guard", "host/plugin/output", "host/tempfolder", "sdk", "sdk/process"}, // both sides of one protocol
	"host/plugin/project":         {"host/nearest", "host/tempfolder"},                                                                    // cmd hands it the sources of sdk and examples
	"host/plugin/tryout":          {"host/config", "host/exec", "host/jsonerror", "host/plugin", "host/safetensors", "host/tensor", "sdk", "sdk/op", "sdk/program"},
	"host/plugin/wasm":            {"host/plugin/output"},
	"host/plugin/worker":          {"host/plugin/guard", "host/plugin/output", "host/plugin/wasm"}, // its child's main, and the guard's, run before all else, so cmd imports it
	"host/rundir":                 {"host/atomicfile", "host/jsonerror", "host/checkpoint", "host/metrics", "host/rundir/report"},
	"host/rundir/report":          {"host/metrics"},
	"host/safetensors":            {"host/atomicfile", "host/jsonerror", "host/nearest"},
	"host/task":                   {"host/config", "host/data", "host/data/source", "host/plugin", "host/plugin/...", "sdk", "sdk/program"},
	"host/tempfolder":             {},
	"host/tensor/...":             {"host/tensor/internal/..."},
	"host/tokenizer":              {"host/jsonerror", "host/jsonobject"},
	"host/train":                  {"host/atomicfile", "host/checkpoint", "host/data", "host/exec", "host/jsonerror", "host/lm", "host/safetensors", "host/metrics", "host/model", "host/nn", "host/objective", "host/optim", "sdk/program", "host/tensor"},
	"plugins/...":                 {"plugins/...", "sdk", "sdk/serve", "builtin/..."},
	"sdk":                         {"sdk/op"},
	"sdk/op":                      {},
	"sdk/process":                 {"sdk"},
	"sdk/program":                 {"sdk/op"},
	"sdk/sdktest":                 {"sdk", "sdk/op", "sdk/program"},
	"sdk/serve":                   {"sdk", "sdk/process", "sdk/wasm"},
	"sdk/wasm":                    {"sdk"},
}

// outside lists the only packages that may import something from elsewhere.
var outside = map[string][]string{
	"C":                                 {"host/tensor/..."},
	"github.com/sugarme/gotch/...":      {"host/tensor/..."},
	"google.golang.org/grpc/...":        {"sdk/process/...", "host/plugin/process/..."},
	"github.com/hashicorp/...":          {"sdk/process/...", "host/plugin/process/..."},
	"github.com/tetratelabs/...":        {"host/plugin/wasm/...", "host/tokenizer/..."},
	"github.com/BurntSushi/toml/...":    {"host/config/...", "host/plugin/process/..."},
	"github.com/andybalholm/...":        {"host/data/source"},
	"github.com/apache/arrow-go/...":    {"host/data/source", "host/data/sink"},
	"github.com/google/flatbuffers/...": {"host/data/source"},
	"github.com/parquet-go/...":         {"host/data/source", "host/data/sink"},
	"github.com/pierrec/...":            {"host/data/source"},
	"github.com/klauspost/compress/...": {"host/data/source", "host/data/sink"},
	"github.com/bmatcuk/doublestar/...": {"host/data/source"},
	"go.yaml.in/yaml/v3/...":            {"host/data/foreign"},
	"github.com/stretchr/testify/...":   {}, // tests alone
}

// plain lists packages that import only the standard library.
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

// rowOf names the row that applies to a package: its own, or the longest tree
// that the package is in.
func rowOf(pkg string) (row string, found bool) {
	for pattern := range arrows {
		if pattern == pkg {
			return pattern, true
		}
		if fits(pattern, pkg) && (!found || len(pattern) > len(row)) {
			row, found = pattern, true
		}
	}
	return row, found
}

// wrong says what forbids an import, "" where nothing does.
func wrong(pkg, imported string) string {
	if own, isOurs := strings.CutPrefix(imported, "llmhost/"); isOurs {
		row, found := rowOf(pkg)
		if !found {
			return "has no row in the table of arrows"
		}
		if !fitsAny(arrows[row], own) {
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

// unused says which rows of the tables no package needs, and which of their
// permissions none of their packages uses. imported lists by package what its
// files import.
func unused(imported map[string][]string) (complaints []string) {
	byRow := map[string][]string{} // what all packages of a row import
	for pkg, names := range imported {
		row, _ := rowOf(pkg)
		byRow[row] = append(byRow[row], names...)
	}
	uses := func(names []string, permission string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			return fits(permission, strings.TrimPrefix(name, "llmhost/"))
		})
	}
	for row, permissions := range arrows {
		if byRow[row] == nil {
			complaints = append(complaints, "arrows: row "+row+" has no package")
			continue
		}
		for _, permission := range permissions {
			if !uses(byRow[row], permission) {
				complaints = append(complaints, "arrows: row "+row+" permits "+permission+", which no package of it imports")
			}
		}
	}
	for row, users := range outside {
		for _, user := range users {
			used := false
			for pkg, names := range imported {
				used = used || fits(user, pkg) && uses(names, row)
			}
			if !used {
				complaints = append(complaints, "outside: row "+row+" permits "+user+", which does not import it")
			}
		}
	}
	for _, pattern := range plain {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(imported)), func(pkg string) bool { return fits(pattern, pkg) }) {
			complaints = append(complaints, "plain: "+pattern+" has no package")
		}
	}
	slices.Sort(complaints)
	return complaints
}

// sources parses the Go files of this module, tests apart, and gives them by
// package and path. Folders whose names begin with a dot, and those called
// testdata, are left out.
func sources(t *testing.T, mode parser.Mode) map[string]map[string]*ast.File {
	t.Helper()
	files := token.NewFileSet()
	packages := map[string]map[string]*ast.File{}
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
		parsed, err := parser.ParseFile(files, path, nil, mode|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(strings.TrimPrefix(path, "../")))
		if packages[pkg] == nil {
			packages[pkg] = map[string]*ast.File{}
		}
		packages[pkg][path] = parsed
		return nil
	})
	require.NoError(t, err)
	require.Contains(t, packages, "cmd/llmhost")
	require.Contains(t, packages, "host")
	return packages
}

// importsOf lists what the files of each package import.
func importsOf(packages map[string]map[string]*ast.File) map[string][]string {
	imported := map[string][]string{}
	for pkg, files := range packages {
		imported[pkg] = []string{}
		for _, file := range files {
			for _, spec := range file.Imports {
				name, _ := strconv.Unquote(spec.Path.Value)
				imported[pkg] = append(imported[pkg], name)
			}
		}
	}
	return imported
}

func TestImportsRunOneWay(t *testing.T) {
	for pkg, names := range importsOf(sources(t, parser.ImportsOnly)) {
		for _, name := range names {
			assert.Empty(t, wrong(pkg, name), "package %s", pkg)
		}
	}
}

func TestTheTableHasNoUnusedPermission(t *testing.T) {
	imported := importsOf(sources(t, parser.ImportsOnly))
	for _, complaint := range unused(imported) {
		t.Error(complaint)
	}
}

func TestUnusedPermissionsAreFound(t *testing.T) {
	imported := importsOf(sources(t, parser.ImportsOnly))
	imported["host/optim"] = []string{"llmhost/host/tensor"}
	require.Contains(t, unused(imported), "arrows: row host/optim permits host/nn, which no package of it imports")
	delete(imported, "host/optim")
	require.Contains(t, unused(imported), "arrows: row host/optim has no package")
	delete(imported, "cmd/setup")
	require.Contains(t, unused(imported), "plain: cmd/setup/... has no package")
	delete(imported, "host/tensor/internal/shim")
	delete(imported, "host/tensor")
	require.Contains(t, unused(imported), "outside: row C permits host/tensor/..., which does not import it")
}

func TestTheTableForbids(t *testing.T) {
	require.Equal(t, "may not import host/tensor", wrong("host/data", "llmhost/host/tensor"))
	require.Equal(t, "may not import C", wrong("host/nn", "C"))
	require.Equal(t, "imports the standard library alone, not github.com/x/y", wrong("sdk", "github.com/x/y"))
	require.Equal(t, "has no row in the table of arrows", wrong("host/other", "llmhost/sdk"))
	require.Empty(t, wrong("host/tensor/internal/shim", "C"))
}
