package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// endings are those of the names of data files, in lower case and sorted.
var endings = []string{".json", ".jsonl", ".ndjson"}

// isData says whether a file is a data file by its name.
func isData(path string) bool {
	return slices.Contains(endings, strings.ToLower(filepath.Ext(path)))
}

// List returns the data files that f means: a file as it is, a folder as all
// data files in and below it, sorted by name.
func (f Files) List() ([]string, error) {
	if len(f.Paths) == 0 {
		return nil, fmt.Errorf("%s names no file", f.Setting)
	}
	var list []string
	for _, path := range f.Paths {
		found, err := f.expand(path)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// expand returns the files that one of f's paths means.
func (f Files) expand(path string) ([]string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such file; %s names it", path, f.Setting)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; %s names it", err, f.Setting)
	}
	if !info.IsDir() {
		if !isData(path) {
			return nil, fmt.Errorf("%s: unknown kind of file %q; want %s", path, filepath.Ext(path), endingNames())
		}
		return []string{path}, nil
	}
	found, err := listFolder(path)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no %s file in this folder; %s names it", path, endingNames(), f.Setting)
	}
	return found, nil
}

// listFolder returns the data files below folder. Names that begin with a dot are skipped.
func listFolder(folder string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := path != folder && strings.HasPrefix(entry.Name(), ".")
		if entry.IsDir() {
			if hidden {
				return filepath.SkipDir
			}
			return nil
		}
		if isData(path) && !hidden {
			found = append(found, path)
		}
		return nil
	})
	return found, err
}

// endingNames lists the endings for people: ".json, .jsonl or .ndjson".
func endingNames() string {
	last := len(endings) - 1
	return strings.Join(endings[:last], ", ") + " or " + endings[last]
}
