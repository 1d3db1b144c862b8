package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/token"
	"io"
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
//go:embed fit.go compile.go cpp.go prune.go stub.go flags.go
var logic embed.FS

// fitting is what a fitted copy of gotch depends on.
type fitting struct {
	Cache string
	Tools tools
	Torch libtorch
	Calls map[string]token.Position // the Go wrappers that the host calls
}

// fitted is a copy of gotch that compiles against one libtorch.
type fitted struct {
	Dir   string            `json:"-"`
	Kept  int               `json:"kept"`  // generated wrappers in it, stubs included
	Stubs []string          `json:"stubs"` // functions that this libtorch has not
	Files map[string]string `json:"files"` // path in Dir → sha256
}

// record is the file in a fitted copy that describes it; it is written last.
const record = "fit.json"

// digest names the copy: anything that would change a byte of it changes this.
func (f fitting) digest() string {
	hash := sha256.New()
	sources, _ := logic.ReadDir(".")
	for _, source := range sources {
		text, _ := logic.ReadFile(source.Name()) // in the program itself, so it cannot fail
		hash.Write(text)
	}
	inputs := slices.Concat([]string{gotchVersion, f.Torch.Version, f.Torch.Identity},
		f.Tools.CXX, f.Torch.compileFlags(), f.Torch.linkFlags(), slices.Sorted(maps.Keys(f.Calls)))
	io.WriteString(hash, strings.Join(inputs, "\x00"))
	return hex.EncodeToString(hash.Sum(nil))[:16]
}

// fit makes the copy of gotch for f, or finds the one made before.
func fit(ctx context.Context, f fitting, r *report) (fitted, error) {
	dir := filepath.Join(f.Cache, "gotch-"+f.digest())
	if made, ok := openFitted(dir); ok {
		r.step("gotch %s, fitted earlier with %d wrappers: %s", gotchVersion, made.Kept, dir)
		return made, nil
	}
	source, err := gotchSource(ctx)
	if err != nil {
		return fitted{}, err
	}
	part := dir + ".part"
	defer os.RemoveAll(part)
	for _, old := range []string{part, dir} {
		if err := os.RemoveAll(old); err != nil {
			return fitted{}, err
		}
	}
	made, err := f.build(ctx, source, part)
	if err != nil {
		return fitted{}, fmt.Errorf("fit gotch %s to libtorch %s: %w", gotchVersion, f.Torch.Version, err)
	}
	if err := os.Rename(part, dir); err != nil {
		return fitted{}, err
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

// openFitted reads the copy at dir and checks that every file is as it was made.
func openFitted(dir string) (fitted, bool) {
	text, err := os.ReadFile(filepath.Join(dir, record))
	if err != nil {
		return fitted{}, false
	}
	made := fitted{Dir: dir}
	if json.Unmarshal(text, &made) != nil || len(made.Files) == 0 {
		return fitted{}, false
	}
	for name, want := range made.Files {
		if got, err := fileDigest(filepath.Join(dir, name)); err != nil || got != want {
			return fitted{}, false
		}
	}
	return made, true
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

// build writes the fitted copy of source to dir.
func (f fitting) build(ctx context.Context, source, dir string) (fitted, error) {
	libtch := filepath.Join(dir, "libtch")
	kept, err := f.copyPruned(filepath.Join(source, "libtch"), libtch)
	if err != nil {
		return fitted{}, err
	}
	stubs, err := f.compile(ctx, libtch)
	if err != nil {
		return fitted{}, err
	}
	cgo := "package libtch\n\n" + directive("CFLAGS", []string{"-I${SRCDIR}", "-O2", "-w"}) +
		directive("CXXFLAGS", append([]string{"-I${SRCDIR}"}, f.Torch.compileFlags()...)) +
		directive("LDFLAGS", f.Torch.linkFlags()) + "import \"C\"\n"
	if err := os.WriteFile(filepath.Join(libtch, "lib.go"), []byte(cgo), 0o644); err != nil {
		return fitted{}, err
	}
	module := "module " + gotchModule + "\n\ngo 1.20\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(module), 0o644); err != nil {
		return fitted{}, err
	}
	return describe(dir, fitted{Kept: kept, Stubs: stubs})
}

// copyPruned copies the package libtch with the generated wrappers that the host
// calls, and gives how many these are.
func (f fitting) copyPruned(from, to string) (int, error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return 0, err
	}
	files := map[string][]byte{}
	var wrappers []goWrapper
	for _, entry := range entries {
		name := entry.Name()
		if files[name], err = os.ReadFile(filepath.Join(from, name)); err != nil {
			return 0, err
		}
		if strings.HasSuffix(name, ".go") {
			more, err := goWrappers(name, files[name])
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
	return len(keep), writeAll(to, files)
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

// writeAll writes files into a new folder dir.
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

// describe writes the record of the copy at dir.
func describe(dir string, made fitted) (fitted, error) {
	made.Files = map[string]string{"go.mod": ""}
	libtch, err := os.ReadDir(filepath.Join(dir, "libtch"))
	if err != nil {
		return fitted{}, err
	}
	for _, entry := range libtch {
		made.Files["libtch/"+entry.Name()] = ""
	}
	for name := range made.Files {
		if made.Files[name], err = fileDigest(filepath.Join(dir, name)); err != nil {
			return fitted{}, err
		}
	}
	text, err := json.MarshalIndent(made, "", "\t")
	if err != nil {
		return fitted{}, err
	}
	return made, os.WriteFile(filepath.Join(dir, record), text, 0o644)
}
