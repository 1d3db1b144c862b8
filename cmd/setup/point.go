package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// shimDir is the Go package of llmhost's own C++, seen from the root.
const shimDir = "host/tensor/internal/shim"

// point writes the ignored files that make plain go commands use the fitted
// gotch and the library. A file that is up to date is left alone, so that
// nothing is rebuilt for it.
func point(ctx context.Context, root string, gotch fitted, lib library, r *report) error {
	work, err := pointWorkspace(ctx, root, gotch.Dir)
	if err != nil {
		return err
	}
	shim, err := pointShim(filepath.Join(root, shimDir), lib)
	if err != nil {
		return err
	}
	switch {
	case work || shim:
		r.step("go.work and %s/zz_* written; go build ./... and go test ./... work from here", shimDir)
	default:
		r.step("go.work and %s/zz_* are up to date", shimDir)
	}
	return nil
}

// pointShim writes to dir what package shim needs to load lib, removes what an
// older setup has left there, and says whether anything changed.
func pointShim(dir string, lib library) (changed bool, err error) {
	files := map[string][]byte{
		filepath.Join(dir, "zz_library.h"): libraryHeader(lib),
		filepath.Join(dir, "zz_calls.h"):   callsHeader(lib.Names),
	}
	old, err := filepath.Glob(filepath.Join(dir, "zz_*"))
	if err != nil {
		return false, err
	}
	for _, path := range old {
		if _, stays := files[path]; !stays {
			changed = true
			err = errors.Join(err, os.Remove(path))
		}
	}
	for path, text := range files {
		wrote, writeErr := writeChanged(path, string(text))
		changed = changed || wrote
		err = errors.Join(err, writeErr)
	}
	return changed, err
}

// putLibrary puts lib into the folder dir, next to a binary that will be built
// there: as a hard link, or as a copy if dir is on another disk.
func putLibrary(lib library, dir string) error {
	from := filepath.Join(lib.Dir, libraryName)
	to := filepath.Join(dir, libraryName)
	made, err := os.Stat(from)
	if err != nil {
		return err
	}
	if there, err := os.Stat(to); err == nil && os.SameFile(made, there) {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	part := to + ".part"
	defer os.Remove(part)
	os.Remove(part)
	if os.Link(from, part) != nil {
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(part, text, 0o755); err != nil {
			return err
		}
	}
	return os.Rename(part, to)
}

// pointWorkspace makes go.work replace gotch by the folder dir and says whether
// it changed. What else a user has put into go.work stays.
func pointWorkspace(ctx context.Context, root, dir string) (changed bool, err error) {
	path := filepath.Join(root, "go.work")
	replace := gotchModule + " => " + quotePath(dir)
	text, err := os.ReadFile(path)
	switch {
	case os.IsNotExist(err):
		version, err := goVersion(root)
		if err != nil {
			return false, err
		}
		return writeChanged(path, "// Written by cmd/setup; git ignores it.\n\ngo "+version+"\n\nuse .\n\nreplace "+replace+"\n")
	case err != nil:
		return false, err
	case strings.Contains(string(text), replace+"\n"):
		return false, nil
	}
	cmd := exec.CommandContext(ctx, "go", "work", "edit", "-replace="+gotchModule+"="+dir)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK="+path)
	if _, err := output(cmd); err != nil {
		return false, fmt.Errorf("%w; fix go.work, or remove it for setup to write a new one", err)
	}
	return true, nil
}

// quotePath quotes a path with spaces as go.work wants it.
func quotePath(path string) string {
	if strings.Contains(path, " ") {
		return `"` + path + `"`
	}
	return path
}

// goVersion is the version of go that go.mod in root asks for.
func goVersion(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?m)^go (\S+)`).FindSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("%s/go.mod: has no line that begins with go and a version", root)
	}
	return string(m[1]), nil
}

// writeChanged writes text to path unless it is there already.
func writeChanged(path, text string) (changed bool, err error) {
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, err
	}
	temporary := path + ".part"
	if err := os.WriteFile(temporary, []byte(text), 0o644); err != nil {
		return false, err
	}
	return true, os.Rename(temporary, path)
}
