package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// List returns the data files that f means: a file as it is, a folder as all
// data files in and below it, sorted by name, and a pattern, such as
// data/**/train-*.parquet, as all that fit it, sorted.
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
		if strings.ContainsAny(path, "*?[{") {
			return f.matching(path)
		}
		return nil, fmt.Errorf("%s: no such file; %s names it", path, f.Setting)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; %s names it", err, f.Setting)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	return f.inFolder(path)
}

// inFolder returns the data files of a folder.
func (f Files) inFolder(path string) ([]string, error) {
	found, err := listFolder(path)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no %s file in this folder; %s names it", path, endingNames(), f.Setting)
	}
	return found, nil
}

// matching returns the files that fit a pattern. Where some of them are data files by
// their names, the others are left out, so that data/* skips a README.
func (f Files) matching(pattern string) ([]string, error) {
	found, err := doublestar.FilepathGlob(pattern, doublestar.WithFilesOnly(), doublestar.WithNoHidden())
	if err != nil {
		return nil, fmt.Errorf("%s: %w; want a pattern such as data/**/*.parquet; %s names it", pattern, err, f.Setting)
	}
	if slices.ContainsFunc(found, isData) {
		found = slices.DeleteFunc(found, func(path string) bool { return !isData(path) })
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: no file fits this pattern; %s names it", pattern, f.Setting)
	}
	slices.Sort(found)
	return found, nil
}

// listFolder returns the data files below folder. Names that begin with a dot are
// skipped, and files of plain text where there are others: they are about the data.
func listFolder(folder string) ([]string, error) {
	var found, plain []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := path != folder && strings.HasPrefix(entry.Name(), ".")
		switch kind := kindOfName(path); {
		case entry.IsDir() && hidden:
			return filepath.SkipDir
		case entry.IsDir() || hidden || kind == nil:
		case kind == plainText:
			plain = append(plain, path)
		default:
			found = append(found, path)
		}
		return nil
	})
	if len(found) == 0 {
		return plain, err
	}
	return found, err
}
