package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// names is a set of C++ names.
type names map[string]bool

// generated says whether a name is that of a generated wrapper.
func generated(name string) bool { return strings.HasPrefix(name, "atg_") }

// pruneDefinitions keeps, of the generated wrappers that src defines, those in keep.
func pruneDefinitions(src []byte, keep names) []byte {
	return cut(src, functions(src), func(f function) bool { return generated(f.Name) && !keep[f.Name] })
}

// cut gives src without the functions that drop says so of.
func cut(src []byte, all []function, drop func(function) bool) []byte {
	var out []byte
	from := 0
	for _, f := range all {
		if drop(f) {
			if before := bytes.TrimSpace(src[from:f.Start]); len(before) > 0 {
				out = append(append(out, before...), '\n')
			}
			from = f.End
		}
	}
	return append(out, src[from:]...)
}

// declaration matches one line of the header that declares a wrapper.
var declaration = regexp.MustCompile(`(?m)^.*\b(atg_\w+)\(.*\);[ \t]*\n`)

// pruneDeclarations keeps, of the generated wrappers that header src declares,
// those in keep.
func pruneDeclarations(src []byte, keep names) []byte {
	return declaration.ReplaceAllFunc(src, func(line []byte) []byte {
		if keep[string(declaration.FindSubmatch(line)[1])] {
			return line
		}
		return nil
	})
}

// goWrapper is a Go function over generated C++ wrappers.
type goWrapper struct {
	Name       string
	Over       []string // the C++ wrappers that it calls
	start, end int      // its offsets, doc comment included
}

// goWrappers finds the functions in the Go source src that call generated C++.
func goWrappers(name string, src []byte) ([]goWrapper, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []goWrapper
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		start := f.Pos()
		if f.Doc != nil {
			start = f.Doc.Pos()
		}
		w := goWrapper{
			Name:  f.Name.Name,
			Over:  cCalls(f),
			start: files.Position(start).Offset,
			end:   files.Position(f.End()).Offset,
		}
		if len(w.Over) > 0 {
			found = append(found, w)
		}
	}
	return found, nil
}

// cCalls gives the generated C++ wrappers that f calls.
func cCalls(f *ast.FuncDecl) []string {
	var found []string
	ast.Inspect(f, func(node ast.Node) bool {
		if s, ok := node.(*ast.SelectorExpr); ok && generated(s.Sel.Name) {
			if of, ok := s.X.(*ast.Ident); ok && of.Name == "C" {
				found = append(found, s.Sel.Name)
			}
		}
		return true
	})
	return found
}

// pruneGo keeps, of the functions in the Go source src that call generated C++,
// those whose calls are all in keep.
func pruneGo(name string, src []byte, keep names) ([]byte, error) {
	wrappers, err := goWrappers(name, src)
	if err != nil || len(wrappers) == 0 {
		return src, err
	}
	var out []byte
	from := 0
	for _, w := range wrappers {
		if slices.ContainsFunc(w.Over, func(c string) bool { return !keep[c] }) {
			out = append(out, src[from:w.start]...)
			from = w.end
		}
	}
	out = append(out, src[from:]...)
	// What is left may use no pointer, and an import without a use is an error.
	return append(out, "\nvar _ unsafe.Pointer\n"...), nil
}

// wanted turns the Go names that the host calls into the C++ names behind them.
func wanted(calls map[string]token.Position, wrappers []goWrapper) (names, error) {
	over := map[string][]string{}
	for _, w := range wrappers {
		over[w.Name] = w.Over
	}
	keep := names{}
	var unknown []string
	for name, at := range calls {
		if len(over[name]) == 0 {
			unknown = append(unknown, fmt.Sprintf("%s: gotch %s has no wrapper %s", at, gotchVersion, name))
		}
		for _, c := range over[name] {
			keep[c] = true
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, fmt.Errorf("%s", strings.Join(unknown, "\n"))
	}
	return keep, nil
}
