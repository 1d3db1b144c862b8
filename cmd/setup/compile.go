package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// compile turns gotch's C++ in dir into the object torch_api.o. What does not
// compile is replaced by stubs, whose names it gives, and compiled again. An
// error in a stub's signature, or in no function at all, cannot be fixed that
// way and ends the fit.
func (f fitting) compile(ctx context.Context, dir string) (stubs []string, err error) {
	sources := []string{"torch_api.cpp", "torch_api_generated.cpp.h"}
	for round := 0; ; round++ {
		said, err := f.compileFile(ctx, dir, sources[0], "torch_api.o", "-I../libtch")
		if err == nil {
			return stubs, nil
		}
		places, elsewhere := compileErrors(said, sources...)
		if len(places) == 0 || len(elsewhere) > 0 || round == 3 {
			return nil, fmt.Errorf("%w: %s", err, firstErrors(said))
		}
		for _, name := range sources {
			more, left, err := stubFile(filepath.Join(dir, name), places)
			if err != nil {
				return nil, err
			}
			if len(left) > 0 {
				return nil, fmt.Errorf("%s does not compile outside of its functions: %s", name, firstErrors(said))
			}
			stubs = append(stubs, more...)
		}
	}
}

// compileFile compiles source to object; both are seen from dir.
func (f fitting) compileFile(ctx context.Context, dir, source, object string, flags ...string) (said string, err error) {
	said, err = f.cxx(ctx, dir, slices.Concat(f.Torch.compileFlags(), flags, []string{"-fmax-errors=0", "-c", source, "-o", object}))
	if err != nil {
		err = fmt.Errorf("%w; it has to speak C++20, as g++ 11 and newer do", err)
	}
	return said, err
}

// cxx runs the compiler in dir and gives what it says.
func (f fitting) cxx(ctx context.Context, dir string, args []string) (said string, err error) {
	cmd := exec.CommandContext(ctx, f.Tools.CXX[0], slices.Concat(f.Tools.CXX[1:], args)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w", f.Tools.CXX[0], err)
	}
	return string(out), err
}

// firstErrors are the first few errors that a compiler told.
func firstErrors(said string) string {
	var errors []string
	for _, line := range strings.Split(said, "\n") {
		if strings.Contains(line, "error") && len(errors) < 5 {
			errors = append(errors, line)
		}
	}
	if len(errors) == 0 {
		return lastLines(said, 5)
	}
	return strings.Join(errors, "\n")
}

// stubFile puts stubs into the file at path.
func stubFile(path string, places []place) (stubbed []string, left []place, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	text, stubbed, left = stub(filepath.Base(path), text, places)
	return stubbed, left, os.WriteFile(path, text, 0o644)
}
