package main

import (
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// libraryName is the shared library that holds all C++ of llmhost. A program
// that is never asked for a tensor never loads it, nor libtorch through it.
const libraryName = "libllmhost_torch.so"

// library is a made libraryName in a folder of the cache.
type library struct {
	Dir   string   `json:"-"`
	Build string   `json:"build"` // digest of all that it was made from, also written into it
	Names []string `json:"names"` // llmhost's own C functions in it
}

// build makes the fitted gotch and the library for f, or finds those made before.
func (f fitting) build(ctx context.Context, r *report) (gotch fitted, lib library, err error) {
	lib.Build, err = f.libraryDigest()
	if err != nil {
		return gotch, lib, err
	}
	dir := filepath.Join(f.Cache, "llmhost_torch-"+lib.Build)
	if made, ok := readRecord[library](dir); ok {
		made.Dir = dir
		gotch, err = fit(ctx, f, r)
		return gotch, made, err
	}
	err = inCache(dir, func(part string) error {
		if gotch, err = f.compileAll(ctx, part, r); err != nil {
			return err
		}
		return f.link(ctx, part, gotch, &lib)
	})
	if err != nil {
		return gotch, lib, err
	}
	lib.Dir = dir
	r.step("%s made with %d functions of llmhost's own: %s", libraryName, len(lib.Names), dir)
	return gotch, lib, nil
}

// compileAll fits gotch and, at the same time, compiles llmhost's own C++ to an
// object in dir.
func (f fitting) compileAll(ctx context.Context, dir string, r *report) (fitted, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	own := make(chan error, 1)
	go func() { own <- f.compileOwn(ctx, dir) }()
	gotch, err := fit(ctx, f, r)
	if err != nil {
		stop()
	}
	if ownErr := <-own; err == nil {
		err = ownErr
	}
	return gotch, err
}

// libraryDigest names the library: what gotch is fitted to, how it is linked,
// and llmhost's own C++.
func (f fitting) libraryDigest() (string, error) {
	hash := sha256.New()
	io.WriteString(hash, strings.Join(append(f.Torch.linkFlags(), f.digest()), "\x00"))
	source := os.DirFS(f.Shim)
	add := func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(source, name)
		fmt.Fprintf(hash, "\x00%s\x00%d\x00%s", name, len(text), text)
		return err
	}
	for _, name := range []string{"shim.h", "cpp"} {
		if err := fs.WalkDir(source, name, add); err != nil {
			return "", fmt.Errorf("llmhost's own C++ in %s: %w", f.Shim, err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// ownObject is the compiled form of llmhost's own C++.
const ownObject = "own.o"

// compileOwn compiles llmhost's own C++ to ownObject in dir: all files as one,
// since torch's headers take most of the time that any of them takes.
func (f fitting) compileOwn(ctx context.Context, dir string) error {
	sources, err := filepath.Glob(filepath.Join(f.Shim, "cpp", "*.cpp"))
	if err != nil {
		return err
	}
	flags := []string{"-x", "c++"}
	for _, source := range sources {
		flags = append(flags, "-include", source)
	}
	said, err := f.compileFile(ctx, dir, os.DevNull, ownObject, flags...)
	if err != nil {
		return fmt.Errorf("llmhost's own C++: %w: %s", err, firstErrors(said))
	}
	return nil
}

// link makes the library in dir of ownObject there and gotch's object, and
// writes its record.
func (f fitting) link(ctx context.Context, dir string, gotch fitted, lib *library) error {
	names, err := exported(filepath.Join(dir, ownObject))
	if err != nil {
		return err
	}
	lib.Names = names
	stamp := "extern \"C\" {\nextern const char llmhost_torch_build[];\nconst char llmhost_torch_build[] = " + cString(lib.Build) + ";\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "build.cpp"), []byte(stamp), 0o644); err != nil {
		return err
	}
	args := []string{"-shared", "-fPIC", "-o", libraryName, "-Wl,-soname," + libraryName, "build.cpp", gotch.object(), ownObject}
	args = append(args, f.Torch.linkFlags()...)
	if said, err := f.cxx(ctx, dir, args); err != nil {
		return fmt.Errorf("link %s: %w: %s", libraryName, err, lastLines(said, 5))
	}
	return writeRecord(dir, *lib)
}

// exported gives the C functions that the object file at path defines: those
// whose names C++ has not mangled.
func exported(path string) ([]string, error) {
	file, err := openELF(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var names []string
	for _, s := range symbols {
		isFunction := elf.ST_TYPE(s.Info) == elf.STT_FUNC &&
			elf.ST_BIND(s.Info) == elf.STB_GLOBAL &&
			s.Section != elf.SHN_UNDEF
		if isFunction && !strings.HasPrefix(s.Name, "_Z") {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}
