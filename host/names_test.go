package host_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"llmhost/builtin"
	"llmhost/host/config"
	"llmhost/sdk"
)

// ownWords are words of the host that a builtin plugin happens to use as a name,
// by the file that has them, with the reason.
var ownWords = map[string]map[string]string{
	"config/chats.go":           {"last": "a value of train_on: the last turn"},
	"config/table.go":           {"max": "the key of a struct tag: the bound of a number"},
	"plugin/plugin.go":          {"pooling": "a kind of component"},
	"plugin/text.go":            {"pooling": "a kind of component"},
	"plugin/project/project.go": {"pooling": "a kind of component"},
}

// builtinNames are the names of all builtin plugins, their tasks, components and
// parameters.
func builtinNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, p := range builtin.All() {
		var d struct {
			Name       string
			Components []struct {
				Name   string
				Params []struct{ Name string }
			}
			Tasks []struct{ Name string }
		}
		reply := sdk.NewServer(p).Describe()
		require.NoError(t, json.Unmarshal(reply[1:], &d))
		names[d.Name] = true
		for _, c := range d.Components {
			names[c.Name] = true
			for _, param := range c.Params {
				names[param.Name] = true
			}
		}
		for _, task := range d.Tasks {
			names[task.Name] = true
		}
	}
	require.Contains(t, names, "prompt_split")
	return names
}

// The host knows no builtin plugin by name: any other plugin can do all
// that a builtin one does.
func TestNoPluginIsKnownByName(t *testing.T) {
	names := builtinNames(t)
	used := map[string]bool{}
	files := 0
	for _, dir := range []string{".", "config", "task", "lm", "data", "train", "objective", "rundir", "plugin", "plugin/project", "plugin/worker", "plugin/process", "plugin/wasm"} {
		eachGoFile(t, dir, func(path string, literals []string) {
			files++
			for _, text := range literals {
				if !names[text] {
					continue
				}
				reason := ownWords[path][text]
				used[path+" "+text] = true
				assert.NotEmpty(t, reason, "%s has the name %q of a builtin plugin; ask the plugin for what it declares", path, text)
			}
		})
	}
	require.Greater(t, files, 20)
	for path, words := range ownWords {
		for word := range words {
			require.True(t, used[path+" "+word], "the exception for %q in %s is not used", word, path)
		}
	}
}

// eachGoFile calls f with the string literals of each Go file of a folder, tests
// apart. A folder that is not there has none.
func eachGoFile(t *testing.T, dir string, f func(path string, literals []string)) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		f(filepath.ToSlash(path), literalsOf(parsed))
	}
}

// literalsOf are the string literals of a file.
func literalsOf(file *ast.File) (literals []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, _ := strconv.Unquote(lit.Value)
			literals = append(literals, text)
		}
		return true
	})
	return literals
}

// What SETTINGS.md calls a parameter is one of a builtin plugin, by that name or
// another.
func TestParametersOfTheSettingsPage(t *testing.T) {
	known := map[string]bool{}
	for _, p := range builtin.All() {
		var d struct {
			Components []struct{ Params []sdk.Param }
		}
		require.NoError(t, json.Unmarshal(sdk.NewServer(p).Describe()[1:], &d))
		for _, c := range d.Components {
			for _, param := range c.Params {
				for _, name := range append(param.Aliases, param.Name) {
					known[name] = true
				}
			}
		}
	}
	named := 0
	for _, f := range config.Foreigners() {
		if strings.HasPrefix(f.Here, "parameter") {
			named++
			require.True(t, known[f.Name], "SETTINGS.md calls %s a parameter", f.Name)
		}
	}
	require.Positive(t, named)
}

// No setting has the name of a plugin's parameter, and none lists names of
// plugins as its choices.
func TestNoSettingNamesAPlugin(t *testing.T) {
	names := builtinNames(t)
	require.NotEmpty(t, names)
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Settings]()) {
		for _, tag := range []string{"name", "alias", "choices", "default"} {
			for word := range strings.SplitSeq(f.Tag.Get(tag), "|") {
				require.False(t, names[word], "%s of setting %s has the name %q of a builtin plugin", tag, f.Name, word)
			}
		}
	}
}
