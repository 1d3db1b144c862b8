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

// compile checks the C++ in dir against libtorch and replaces what does not
// compile by stubs, whose names it gives. An error in a stub's signature, or in
// no function at all, cannot be mended that way and ends the fit.
func (f fitting) compile(ctx context.Context, dir string) (stubs []string, err error) {
	sources := []string{"torch_api.cpp", "torch_api_generated.cpp.h"}
	for round := 0; ; round++ {
		said, err := f.check(ctx, dir, sources[0])
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

// check runs the compiler over source for its errors alone.
func (f fitting) check(ctx context.Context, dir, source string) (said string, err error) {
	args := slices.Concat(f.Tools.CXX[1:], f.Torch.compileFlags(), []string{"-I.", "-fsyntax-only", "-fmax-errors=0", source})
	cmd := exec.CommandContext(ctx, f.Tools.CXX[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w; it has to speak C++20, as g++ 11 and newer do", f.Tools.CXX[0], err)
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
