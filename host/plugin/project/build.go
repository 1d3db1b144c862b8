package project

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Building says which project to build, and into what.
type Building struct {
	Folder string
	As     string // "wasm" or "process"; "" is the language's default
	Out    string // file to write; "" is one in Folder, named after it

	Sources Sources // as in Spec
	Cache   string  // as in Spec
}

// Result is a plugin that was built.
type Result struct {
	Language string
	File     string // what llmhost opens
}

// builders build the languages, recognised by the files in their folders.
var builders = []struct {
	language string
	is       func(folder string) bool
	build    func(ctx context.Context, b Building) (string, error)
}{
	{"python", holds("plugin.toml"), buildPython},
	{"rust", holds("Cargo.toml"), buildRust},
	{"assemblyscript", holds("asconfig.json"), buildAssemblyScript},
	{"go", holds("*.go"), buildGo},
	{"c", holds("*.c"), buildC},
}

func holds(pattern string) func(folder string) bool {
	return func(folder string) bool {
		found, _ := filepath.Glob(filepath.Join(folder, pattern))
		return len(found) > 0
	}
}

// Build builds the project in a folder with the tools of its language. An error
// says which tool is missing, or what the tool said.
func Build(ctx context.Context, b Building) (Result, error) {
	folder, err := filepath.Abs(b.Folder)
	if err != nil {
		return Result{}, err
	}
	if b.Folder = folder; !exists(folder) {
		return Result{}, fmt.Errorf("folder %s: there is no such folder", folder)
	}
	if b.As != "" && b.As != string(wasmTransport) && b.As != string(processTransport) {
		return Result{}, fmt.Errorf("--as %q; want wasm or process", b.As)
	}
	for _, candidate := range builders {
		if candidate.is(folder) {
			file, err := candidate.build(ctx, b)
			return Result{candidate.language, file}, err
		}
	}
	return Result{}, fmt.Errorf("folder %s holds no project: want .go files, a Cargo.toml, an asconfig.json, a .c file or a plugin.toml; llmhost plugins new writes one", folder)
}

// out is the absolute path of the file to write.
func (b Building) out() (string, error) {
	if b.Out != "" {
		return filepath.Abs(b.Out)
	}
	name := filepath.Base(b.Folder)
	if b.As != string(processTransport) {
		name += ".wasm"
	}
	return filepath.Join(b.Folder, name), nil
}

// moduleOnly refuses the process transport for a language without it.
func (b Building) moduleOnly(language string) error {
	if b.As == string(processTransport) {
		return fmt.Errorf("plugins in %s are only built as WASM; leave out --as process", language)
	}
	return nil
}

// tool runs a program in the project's folder, with extra environment. The
// error has what it printed.
func (b Building) tool(ctx context.Context, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = b.Folder
	cmd.Env = append(os.Environ(), env...)
	var out, said bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(said.String() + out.String())
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, text)
	}
	return out.Bytes(), nil
}

// NoTool is a language's tool that is missing on this machine.
type NoTool struct{ What, Fix string }

// Error says what is missing, and how to get it.
func (e *NoTool) Error() string { return e.What + "; " + e.Fix }

// onPath reports whether a program can be run by its name.
func onPath(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}
