package main

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// systemLibrary matches the libraries that come with every Linux with g++.
var systemLibrary = regexp.MustCompile(`^(lib(c|m|rt|dl|pthread|util|gcc_s|stdc\+\+)\.so|ld-linux)`)

// visit is one shared library on the way through resolve.
type visit struct {
	path   string
	search []string // folders that the loader looks in for what it needs
}

// resolve follows what the libraries at paths need, as the loader would:
// through the search paths written in them. It gives the folders where those
// were found, and the names that were found nowhere.
func resolve(paths ...string) (dirs, missing []string, err error) {
	var queue []visit
	for _, path := range paths {
		queue = append(queue, visit{path: path})
	}
	seen := map[string]bool{}
	for len(queue) > 0 {
		names, search, err := needs(queue[0].path)
		if err != nil {
			return nil, nil, err
		}
		search = append(search, queue[0].search...)
		queue = queue[1:]
		for _, name := range names {
			if seen[name] || systemLibrary.MatchString(name) {
				continue
			}
			seen[name] = true
			if path := findIn(search, name); path != "" {
				queue = append(queue, visit{path, search})
				dirs = append(dirs, filepath.Dir(path))
			} else if !inSystem(name) {
				missing = append(missing, name)
			}
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), missing, nil
}

// needs gives the names of the libraries that the one at path needs, and the
// folders of its own search path.
func needs(path string) (names, search []string, err error) {
	file, err := openELF(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	if names, err = file.ImportedLibraries(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		values, err := file.DynString(tag)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, dir := range strings.Split(strings.Join(values, ":"), ":") {
			dir = strings.NewReplacer("$ORIGIN", filepath.Dir(path), "${ORIGIN}", filepath.Dir(path)).Replace(dir)
			if dir != "" {
				search = append(search, filepath.Clean(dir))
			}
		}
	}
	return names, search, nil
}

// findIn gives the path of the first dir that holds name, or "".
func findIn(dirs []string, name string) string {
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// inSystem asks the loader's own cache for a library.
func inSystem(name string) bool {
	for _, program := range []string{"ldconfig", "/sbin/ldconfig"} {
		if list, err := exec.Command(program, "-p").Output(); err == nil {
			return strings.Contains(string(list), "\t"+name+" ")
		}
	}
	return false
}
