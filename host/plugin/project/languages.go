package project

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const rustTarget = "wasm32-unknown-unknown"

// buildRust builds the cdylib of a package with cargo.
func buildRust(ctx context.Context, b Building) (string, error) {
	if err := b.moduleOnly("Rust"); err != nil {
		return "", err
	}
	if !onPath("cargo") || !onPath("rustc") {
		return "", &NoTool{"cargo is not on the PATH", "install Rust with rustup"}
	}
	library, err := b.tool(ctx, nil, "rustc", "--print", "target-libdir", "--target", rustTarget)
	if err != nil || !exists(strings.TrimSpace(string(library))) {
		return "", &NoTool{"Rust has no target " + rustTarget + " here", "add it with rustup target add " + rustTarget}
	}
	if _, err := b.tool(ctx, nil, "cargo", "build", "--quiet", "--release", "--target", rustTarget); err != nil {
		return "", err
	}
	module, err := b.cargoModule(ctx)
	if err != nil {
		return "", err
	}
	out, err := b.out()
	if err != nil {
		return "", err
	}
	code, err := os.ReadFile(module)
	if err != nil {
		return "", err
	}
	return out, os.WriteFile(out, code, 0o644)
}

// cargoModule asks cargo where it puts the module of the package.
func (b Building) cargoModule(ctx context.Context) (string, error) {
	text, err := b.tool(ctx, nil, "cargo", "metadata", "--no-deps", "--format-version", "1")
	if err != nil {
		return "", err
	}
	var said struct {
		Target   string `json:"target_directory"`
		Packages []struct {
			Manifest string `json:"manifest_path"`
			Targets  []struct {
				Name  string
				Types []string `json:"crate_types"`
			}
		}
	}
	if err := json.Unmarshal(text, &said); err != nil {
		return "", fmt.Errorf("cargo metadata: %w", err)
	}
	for _, p := range said.Packages {
		for _, t := range p.Targets {
			if p.Manifest == filepath.Join(b.Folder, "Cargo.toml") &&
				slices.Contains(t.Types, "cdylib") {
				return filepath.Join(
					said.Target,
					rustTarget,
					"release",
					strings.ReplaceAll(t.Name, "-", "_")+".wasm",
				), nil
			}
		}
	}
	return "", errors.New(`Cargo.toml: the package builds no module; give [lib] crate-type = ["cdylib"]`)
}

// compilers can compile C to WASM, each with what it needs.
var compilers = []struct {
	needs   []string
	command []string
}{
	{[]string{"clang", "wasm-ld"}, []string{"clang", "--target=wasm32"}},
	{[]string{"zig"}, []string{"zig", "cc", "-target", "wasm32-freestanding"}},
	{[]string{"python-zig"}, []string{"python-zig", "cc", "-target", "wasm32-freestanding"}},
}

// buildC compiles the folder's one source that is not a test.
func buildC(ctx context.Context, b Building) (string, error) {
	if err := b.moduleOnly("C"); err != nil {
		return "", err
	}
	sources, err := filepath.Glob(filepath.Join(b.Folder, "*.c"))
	if err != nil {
		return "", err
	}
	sources = slices.DeleteFunc(sources, func(s string) bool { return strings.HasSuffix(s, "_test.c") })
	if len(sources) != 1 {
		return "", fmt.Errorf(
			"folder %s has %d .c files that are not tests; want one, which includes the others",
			b.Folder,
			len(sources),
		)
	}
	out, err := b.out()
	if err != nil {
		return "", err
	}
	for _, c := range compilers {
		if slices.ContainsFunc(c.needs, func(name string) bool { return !onPath(name) }) {
			continue
		}
		args := append(slices.Clone(c.command[1:]), "-std=c11", "-Wall", "-Werror=implicit-function-declaration", "-fmacro-backtrace-limit=1", "-Os", "-ffreestanding", "-nostdlib", "-Illmhost_plugin",
			"-Wl,--no-entry", "-Wl,-s", "-o", out, filepath.Base(sources[0]))
		_, err := b.tool(ctx, nil, c.command[0], args...)
		return out, err
	}
	return "", &NoTool{"neither clang with wasm-ld nor zig is on the PATH", "install them (Debian: apt-get install clang lld), or zig"}
}

// buildAssemblyScript runs asc over assembly/index.ts.
func buildAssemblyScript(ctx context.Context, b Building) (string, error) {
	if err := b.moduleOnly("AssemblyScript"); err != nil {
		return "", err
	}
	if !onPath("node") {
		return "", &NoTool{"node is not on the PATH", "install Node.js 20 or later"}
	}
	asc := b.findAsc()
	if asc == "" {
		return "", &NoTool{"the AssemblyScript compiler asc was not found", "run npm install in " + b.Folder}
	}
	out, err := b.out()
	if err != nil {
		return "", err
	}
	_, err = b.tool(ctx, nil, asc, "assembly/index.ts", "--target", "release", "--outFile", out)
	return out, err
}

// ascVersion is the version of AssemblyScript that the helper is written for.
const ascVersion = "0.28.20"

// findAsc finds the compiler in the project, in the cache or on the PATH.
func (b Building) findAsc() string {
	inside := filepath.Join("node_modules", ".bin", "asc")
	for _, file := range []string{filepath.Join(b.Folder, inside), filepath.Join(b.Cache, "assemblyscript-"+ascVersion, inside)} {
		if exists(file) {
			return file
		}
	}
	if onPath("asc") {
		return "asc"
	}
	return ""
}

// buildPython has nothing to build: the folder is the plugin.
func buildPython(_ context.Context, b Building) (string, error) {
	if b.As == string(wasmTransport) {
		return "", errors.New("plugins in Python run as separate programs; leave out --as wasm")
	}
	if !onPath("python3") {
		return "", &NoTool{"python3 is not on the PATH", "install Python 3.9 or later"}
	}
	if b.Out != "" {
		return "", errors.New("a plugin in Python is its folder; leave out -o")
	}
	return b.Folder, nil
}
