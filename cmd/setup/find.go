package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// find gives the libtorch to build with: the folder in LIBTORCH, the torch of
// the user's python3, an earlier download, a new download, in this order.
func find(ctx context.Context, s settings, r *report) (libtorch, error) {
	if s.Libtorch != "" {
		return named(s, r)
	}
	if t, ok := installed(pythonTorch(ctx), s.Version, r); ok {
		return t, nil
	}
	version := s.Version
	if version == "" {
		version = defaultVersion
	}
	dir := filepath.Join(s.Cache, "libtorch-"+version)
	t, err := openLibtorch(dir)
	if err == nil {
		r.step("libtorch %s, downloaded earlier: %s", t.Version, dir)
		return t, nil
	}
	if _, gone := os.Stat(dir); !errors.Is(gone, fs.ErrNotExist) {
		r.note("the earlier download is damaged and is fetched again: %v", err)
	}
	return fetch(ctx, dir, version, r)
}

// named takes the folder that the user names in LIBTORCH, or says why not.
func named(s settings, r *report) (libtorch, error) {
	t, err := openLibtorch(s.Libtorch)
	if err != nil {
		return libtorch{}, fmt.Errorf("LIBTORCH: %w", err)
	}
	if s.Version != "" && s.Version != t.Version {
		return libtorch{}, fmt.Errorf("LIBTORCH: %s is version %s, but %s is asked for; unset LIBTORCH or LLMHOST_TORCH_VERSION", s.Libtorch, t.Version, s.Version)
	}
	if olderThan(t.Version, defaultVersion) {
		r.note("libtorch %s is older than %s, which llmhost is made for; it may not compile", t.Version, defaultVersion)
	}
	r.step("libtorch %s, named by LIBTORCH: %s", t.Version, s.Libtorch)
	return t, nil
}

// installed takes the torch package at dir, if there is one and it suits the
// version that the user asks for ("" for any that llmhost works with).
func installed(dir, version string, r *report) (libtorch, bool) {
	if dir == "" {
		return libtorch{}, false
	}
	t, err := openLibtorch(dir)
	switch {
	case err != nil:
		r.note("python3's torch is not used: %v", err)
	case version != "" && t.Version != version:
		r.note("python3's torch is not used: it is %s, and %s is asked for", t.Version, version)
	case version == "" && olderThan(t.Version, defaultVersion):
		r.note("python3's torch is not used: it is %s, and llmhost needs %s or newer", t.Version, defaultVersion)
	default:
		r.step("libtorch %s, of python3's torch: %s", t.Version, dir)
		return t, true
	}
	return libtorch{}, false
}

// pythonTorch is the folder of the torch package of the user's python3, or "".
// The package is looked up, not imported: importing it takes seconds.
func pythonTorch(ctx context.Context) string {
	const ask = `import importlib.util as u
s = u.find_spec("torch")
print(s.submodule_search_locations[0] if s and s.submodule_search_locations else "")`
	out, err := exec.CommandContext(ctx, "python3", "-c", ask).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
