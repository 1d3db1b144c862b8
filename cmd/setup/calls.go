package main

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// gotchModule and gotchVersion name the bindings that are fitted to libtorch.
const (
	gotchModule  = "github.com/sugarme/gotch"
	gotchVersion = "v0.9.1"
)

// hostCalls finds the generated wrappers that the Go source under dir uses: the
// names that begin with Atg, of gotch's package libtch. It returns each name with
// the first place that uses it. A dir that does not exist uses none.
func hostCalls(dir string) (map[string]token.Position, error) {
	calls := map[string]token.Position{}
	files := token.NewFileSet()
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && name == dir {
			return fs.SkipAll
		}
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return err
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		addCalls(calls, files, file)
		return nil
	})
	return calls, err
}

// addCalls adds the wrappers that one file uses.
func addCalls(calls map[string]token.Position, files *token.FileSet, file *ast.File) {
	const libtch = gotchModule + "/libtch"
	local := ""
	for _, spec := range file.Imports {
		if strings.Trim(spec.Path.Value, `"`) != libtch {
			continue
		}
		if local = path.Base(libtch); spec.Name != nil {
			local = spec.Name.Name
		}
	}
	if local == "" {
		return
	}
	ast.Inspect(file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok || !strings.HasPrefix(selector.Sel.Name, "Atg") {
			return true
		}
		if of, ok := selector.X.(*ast.Ident); ok && of.Name == local {
			if _, seen := calls[selector.Sel.Name]; !seen {
				calls[selector.Sel.Name] = files.Position(selector.Pos())
			}
		}
		return true
	})
}
