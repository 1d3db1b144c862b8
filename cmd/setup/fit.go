package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// logic is the source that decides how a fitted gotch looks: when it changes,
// so does the name of the copy.
//
//go:embed fit.go compile.go cpp.go prune.go stub.go flags.go library.go lazy.go lazy.h
var logic embed.FS

// fitting is what a fitted copy of gotch, and the library, depend on.
type fitting struct {
	Cache string
	Tools tools
	Torch libtorch
	Calls map[string]token.Position // the Go wrappers that the host calls
	Shim  string                    // folder of llmhost's own C++: shim.h and cpp/
}

// fitted is a copy of gotch that compiles against one libtorch: the Go module,
// whose package libtch holds no C++, and the object that its C++ has become.
type fitted struct {
	Dir   string   `json:"-"`
	Kept  int      `json:"kept"`  // generated wrappers in it, stubs included
	Stubs []string `json:"stubs"` // functions that this libtorch has not
}

// object is the compiled C++ of f.
func (f fitted) object() string { return filepath.Join(f.Dir, "cpp", "torch_api.o") }

// digest names the copy: anything that would change a byte of it changes this.
func (f fitting) digest() string {
	hash := sha256.New()
	fs.WalkDir(logic, ".", func(name string, entry fs.DirEntry, err error) error {
		text, _ := logic.ReadFile(name) // in the program itself, so it cannot fail
		hash.Write(text)
		return err
	})
	inputs := slices.Concat([]string{gotchVersion, f.Torch.Version, f.Torch.Identity},
		f.Tools.CXX, f.Torch.compileFlags(), slices.Sorted(maps.Keys(f.Calls)))
	io.WriteString(hash, strings.Join(inputs, "\x00"))
	return hex.EncodeToString(hash.Sum(nil))[:16]
}

// fit makes the copy of gotch for f, or finds the one made before.
func fit(ctx context.Context, f fitting, r *report) (fitted, error) {
	dir := filepath.Join(f.Cache, "gotch-"+f.digest())
	if made, ok := readRecord[fitted](dir); ok {
		made.Dir = dir
		r.step("gotch %s, fitted earlier with %d wrappers: %s", gotchVersion, made.Kept, dir)
		return made, nil
	}
	source, err := gotchSource(ctx)
	if err != nil {
		return fitted{}, err
	}
	var made fitted
	err = inCache(dir, func(part string) (err error) {
		made, err = f.fitTo(ctx, source, part)
		return err
	})
	if err != nil {
		return fitted{}, fmt.Errorf("fit gotch %s to libtorch %s: %w", gotchVersion, f.Torch.Version, err)
	}
	made.Dir = dir
	r.step("gotch %s fitted to libtorch %s with %d wrappers%s: %s", gotchVersion, f.Torch.Version, made.Kept, stubNote(made.Stubs), dir)
	return made, nil
}

// stubNote names what could not be compiled.
func stubNote(stubs []string) string {
	if len(stubs) == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them stubs, not in this libtorch (%s)", len(stubs), strings.Join(stubs, ", "))
}

// gotchSource is gotch's folder in the module cache; go fetches it if need be.
func gotchSource(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", gotchModule+"@"+gotchVersion)
	cmd.Env = append(os.Environ(), "GOWORK=off") // go.work may name a folder that is gone
	out, runErr := cmd.Output()
	var module struct{ Dir, Error string }
	if err := json.Unmarshal(out, &module); err != nil || module.Error != "" || runErr != nil {
		return "", fmt.Errorf("go mod download %s@%s: %s (%v); check the network and GOPROXY", gotchModule, gotchVersion, module.Error, runErr)
	}
	return module.Dir, nil
}

// fitTo writes the fitted copy of source to dir.
func (f fitting) fitTo(ctx context.Context, source, dir string) (made fitted, err error) {
	libtch := filepath.Join(dir, "libtch")
	cpp := filepath.Join(dir, "cpp")
	made.Dir = dir
	if made.Kept, err = f.copyPruned(filepath.Join(source, "libtch"), libtch, cpp); err != nil {
		return made, err
	}
	if made.Stubs, err = f.compile(ctx, cpp); err != nil {
		return made, err
	}
	names, err := exported(made.object())
	if err != nil {
		return made, err
	}
	files := map[string][]byte{
		"calls.h":   callsHeader(names),
		"lib.go":    []byte("package libtch\n\n// #cgo CFLAGS: -O2 -w\nimport \"C\"\n"),
		"../go.mod": []byte("module " + gotchModule + "\n\ngo 1.20\n"),
	}
	if err := writeAll(libtch, files); err != nil {
		return made, err
	}
	return made, writeRecord(dir, made)
}

// copyPruned copies the package libtch with the generated wrappers that the host
// calls, and gives how many these are. What go build needs goes to libtch, what
// setup compiles to cpp.
func (f fitting) copyPruned(from, libtch, cpp string) (int, error) {
	files, err := readAll(from)
	if err != nil {
		return 0, err
	}
	var wrappers []goWrapper
	for name, text := range files {
		if strings.HasSuffix(name, ".go") {
			more, err := goWrappers(name, text)
			if err != nil {
				return 0, err
			}
			wrappers = append(wrappers, more...)
		}
	}
	keep, err := wanted(f.Calls, wrappers)
	if err != nil {
		return 0, err
	}
	if err := prune(files, keep); err != nil {
		return 0, err
	}
	goFiles := map[string][]byte{}
	cppFiles := map[string][]byte{}
	for name, text := range files {
		switch {
		case name == "torch_api.h":
			goFiles[name] = slices.Concat(text, []byte("#ifndef __cplusplus\n#include \"calls.h\"\n#endif\n"))
		case name == "torch_api_generated.h", strings.HasSuffix(name, ".go"):
			goFiles[name] = text
		case strings.HasSuffix(name, ".h"), strings.HasSuffix(name, ".cpp"):
			cppFiles[name] = text
		}
	}
	return len(keep), errors.Join(writeAll(libtch, goFiles), writeAll(cpp, cppFiles))
}

// prune keeps, of the generated wrappers in gotch's files, those in keep.
func prune(files map[string][]byte, keep names) error {
	for name, text := range files {
		var err error
		switch {
		case strings.HasSuffix(name, ".go"):
			files[name], err = pruneGo(name, text, keep)
		case name == "torch_api_generated.h":
			files[name] = pruneDeclarations(text, keep)
		case name == "torch_api_generated.cpp.h":
			files[name] = pruneDefinitions(text, keep)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readAll reads the files in dir.
func readAll(dir string) (map[string][]byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		if files[entry.Name()], err = os.ReadFile(filepath.Join(dir, entry.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// writeAll writes files into the folder dir.
func writeAll(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
