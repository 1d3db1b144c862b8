package main

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// defaultVersion is the libtorch that llmhost is made and measured with.
const defaultVersion = "2.11.0"

// versionPattern is what a version of torch looks like.
var versionPattern = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)

// libtorch is a folder of PyTorch's C++ libraries that has passed inspection.
type libtorch struct {
	Version  string   // as its own header says: "2.11.0"
	Lib      string   // folder of libtorch_cpu.so and libc10.so, absolute
	Include  string   // folder of ATen/ and torch/, absolute
	LinkDirs []string // other folders with libraries that it needs
	OldABI   bool     // built with the C++ ABI from before GCC 5
	Identity string   // size and time of libtorch_cpu.so: another build, another string
}

// openLibtorch inspects dir, which holds lib/ and include/ as libtorch's own
// archive and the torch package of a Python do. The error says what is wrong
// with the folder and begins with a path.
func openLibtorch(dir string) (libtorch, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return libtorch{}, err
	}
	for _, name := range []string{"lib/libtorch_cpu.so", "lib/libc10.so", "include/ATen/ATen.h", "include/torch/csrc/api/include/torch/torch.h"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return libtorch{}, fmt.Errorf("%s: holds no %s; name the folder of libtorch that holds lib/ and include/", dir, name)
		}
	}
	t := libtorch{Lib: filepath.Join(dir, "lib"), Include: filepath.Join(dir, "include")}
	if bad := strings.IndexAny(dir, ",:$"); bad >= 0 {
		return libtorch{}, fmt.Errorf("%s: the linker takes no path with %q in it; move or link the folder to a plain name", dir, dir[bad:bad+1])
	}
	if t.Version, err = headerVersion(t.Include); err != nil {
		return libtorch{}, err
	}
	if err := t.inspect(); err != nil {
		return libtorch{}, err
	}
	return t, nil
}

// headerVersion reads the version that the headers in include state.
func headerVersion(include string) (string, error) {
	for _, name := range []string{"torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"} {
		text, err := os.ReadFile(filepath.Join(include, name))
		if err != nil {
			continue
		}
		var parts []string
		for _, part := range []string{"MAJOR", "MINOR", "PATCH"} {
			if m := regexp.MustCompile(`TORCH_VERSION_` + part + ` (\d+)`).FindSubmatch(text); m != nil {
				parts = append(parts, string(m[1]))
			}
		}
		if len(parts) == 3 {
			return strings.Join(parts, "."), nil
		}
	}
	return "", fmt.Errorf("%s: no version.h that states the version of libtorch; is it complete?", include)
}

// inspect reads the libraries themselves: machine, ABI and what they need.
func (t *libtorch) inspect() error {
	main := filepath.Join(t.Lib, "libtorch_cpu.so")
	info, err := os.Stat(main)
	if err != nil {
		return err
	}
	t.Identity = fmt.Sprint(info.Size(), info.ModTime().UnixNano())
	if t.OldABI, err = oldABI(filepath.Join(t.Lib, "libc10.so")); err != nil {
		return err
	}
	dirs, missing, err := resolve(main, filepath.Join(t.Lib, "libc10.so"))
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: needs %s, found neither by its own search path nor by the system; put it beside it", main, strings.Join(missing, ", "))
	}
	t.LinkDirs = slices.DeleteFunc(dirs, func(dir string) bool { return dir == t.Lib })
	return nil
}

// oldABI tells by the names of its symbols with which C++ ABI a library was built.
func oldABI(path string) (bool, error) {
	file, err := openELF(path)
	if err != nil {
		return false, err
	}
	defer file.Close()
	symbols, err := file.DynamicSymbols()
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	return !slices.ContainsFunc(symbols, func(s elf.Symbol) bool { return strings.Contains(s.Name, "__cxx11") }), nil
}

// openELF opens the library at path and checks that this machine can load it.
func openELF(path string) (*elf.File, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: not a whole shared library: %w", path, err)
	}
	want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
	if file.Machine != want {
		file.Close()
		return nil, fmt.Errorf("%s: built for %v, this machine is %s", path, file.Machine, runtime.GOARCH)
	}
	return file, nil
}

// olderThan compares versions like 2.9.0 and 2.11.0 number by number.
func olderThan(a, b string) bool {
	left := strings.Split(a, ".")
	right := strings.Split(b, ".")
	return slices.CompareFunc(left, right, func(x, y string) int {
		i, _ := strconv.Atoi(x)
		j, _ := strconv.Atoi(y)
		return i - j
	}) < 0
}
