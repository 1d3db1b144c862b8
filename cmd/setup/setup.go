package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// prepare does all of the set-up: tools, libtorch, the fitted gotch, the library
// of all C++, the files that point the build to them. What exists already is left
// alone.
func prepare(ctx context.Context, s settings, r *report) error {
	if err := inModule(s.Root); err != nil {
		return err
	}
	tools, err := findTools(ctx)
	if err != nil {
		return err
	}
	calls, err := hostCalls(filepath.Join(s.Root, "host", "tensor"))
	if err != nil {
		return err
	}
	unlock, err := lock(s.Cache, r)
	if err != nil {
		return err
	}
	defer unlock()
	torch, err := find(ctx, s, r)
	if err != nil {
		return err
	}
	f := fitting{
		Cache: s.Cache,
		Tools: tools,
		Torch: torch,
		Calls: calls,
		Shim:  filepath.Join(s.Root, shimDir),
	}
	gotch, lib, err := f.build(ctx, r)
	if err != nil {
		return err
	}
	if err := point(ctx, s.Root, gotch, lib, r); err != nil || s.Library == "" {
		return err
	}
	return putLibrary(lib, s.Library)
}

// inModule checks that root is llmhost's own folder, the one place where the
// files that setup writes make sense.
func inModule(root string) error {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil || !strings.HasPrefix(string(text), "module llmhost\n") {
		return fmt.Errorf("%s is not llmhost's folder (no go.mod of module llmhost); run make setup there", root)
	}
	return nil
}

// lock keeps a second setup of the same user waiting, so that an unfinished
// folder in the cache is always a leftover and never another's work.
func lock(cache string, r *report) (unlock func(), err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, fmt.Errorf("cache folder: %w; set XDG_CACHE_HOME to a folder that can be written", err)
	}
	file, err := os.OpenFile(filepath.Join(cache, "setup.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cache folder: %w; set XDG_CACHE_HOME to a folder that can be written", err)
	}
	descriptor := int(file.Fd())
	if syscall.Flock(descriptor, syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		r.note("another setup is running in %s; waiting for it", cache)
		if err := syscall.Flock(descriptor, syscall.LOCK_EX); err != nil {
			return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
		}
	}
	return func() { file.Close() }, nil
}
