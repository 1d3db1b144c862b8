package host_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// undocumented lists what has no comment in the files of a package: the package
// itself, and its exported names. A comment on a group of constants, variables
// or types covers the group, one on a type its fields and methods of an
// interface.
func undocumented(pkg string, files map[string]*ast.File) (missing []string) {
	if !slices.ContainsFunc(slices.Collect(maps.Values(files)), func(f *ast.File) bool { return f.Doc != nil }) {
		missing = append(missing, pkg+": no package comment")
	}
	for path, file := range files {
		for _, decl := range file.Decls {
			for _, name := range undocumentedIn(decl) {
				missing = append(missing, path+": "+name)
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// undocumentedIn lists the exported names of one declaration without a comment.
func undocumentedIn(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d.Recv) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		if d.Tok == token.IMPORT {
			return nil
		}
		for _, spec := range d.Specs {
			names = append(names, undocumentedSpec(spec, d.Doc != nil)...)
		}
	}
	return names
}

// undocumentedSpec lists the exported names that spec declares without a comment;
// inGroup says that the declaration around it has one.
func undocumentedSpec(spec ast.Spec, inGroup bool) (names []string) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && !inGroup && s.Doc == nil && s.Comment == nil {
				names = append(names, name.Name)
			}
		}
	case *ast.TypeSpec:
		if s.Name.IsExported() && !inGroup && s.Doc == nil && s.Comment == nil {
			names = append(names, s.Name.Name)
		}
	}
	return names
}

// exportedReceiver says whether a method's type is exported; functions have none.
func exportedReceiver(receiver *ast.FieldList) bool {
	if receiver == nil {
		return true
	}
	kind := receiver.List[0].Type
	for {
		switch k := kind.(type) {
		case *ast.StarExpr:
			kind = k.X
		case *ast.IndexExpr:
			kind = k.X
		case *ast.IndexListExpr:
			kind = k.X
		case *ast.Ident:
			return k.IsExported()
		default:
			return true
		}
	}
}

func TestEveryPackageAndExportedNameHasAComment(t *testing.T) {
	for pkg, files := range sources(t, parser.ParseComments) {
		for _, missing := range undocumented(pkg, files) {
			t.Error(missing)
		}
	}
}

func TestUndocumentedNamesAreFound(t *testing.T) {
	const source = `package p

type A struct{ X int }

func (a *A) M() {}
func (a A) private() {}
func (b b) M() {}
func F() {}

const C = 1

// Documented.
type (
	D int
	E interface{ N() }
)

type G[T any] int

// Said.
func (G[T]) M() {}
`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, parser.ParseComments)
	require.NoError(t, err)
	want := []string{"p.go: A", "p.go: C", "p.go: F", "p.go: G", "p.go: M", "p: no package comment"}
	require.Equal(t, want, undocumented("p", map[string]*ast.File{"p.go": file}))
}
