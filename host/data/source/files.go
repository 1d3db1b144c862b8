package source

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// Files names the data files of a run: files and folders, in the order in
// which their records follow each other.
type Files struct {
	Paths   []string
	Setting string // the setting that Paths comes from, for errors: "data_paths"
	Limit   int    // how many records to take of each file, 0 for all
}

// File is a data file and what it held.
type File struct {
	Path   string
	SHA256 string // of its bytes, in hexadecimal
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
		_, err := Of(path)
		return []string{path}, err
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
		if _, unknown := Of(path); unknown == nil && !hidden {
			found = append(found, path)
		}
		return nil
	})
	return found, err
}

// Digests lists the files that f means with the sha256 of each.
func (f Files) Digests() ([]File, error) {
	paths, err := f.List()
	if err != nil {
		return nil, err
	}
	files := make([]File, len(paths))
	for i, path := range paths {
		digest, err := digest(path)
		if err != nil {
			return nil, err
		}
		files[i] = File{Path: path, SHA256: digest}
	}
	return files, nil
}

// digest is the sha256 of a file's bytes.
func digest(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, file)
	return hex.EncodeToString(sum.Sum(nil)), err
}

// Records yields every record of f's files in order, reading as it goes. The
// first error ends it. A file without a record is an error.
func (f Files) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		paths, err := f.List()
		if err != nil {
			yield(nil, err)
			return
		}
		for _, path := range paths {
			if !f.read(path, yield) {
				return
			}
		}
	}
}

// read yields the records of one file and reports whether to go on with the next.
func (f Files) read(path string, yield func(Record, error) bool) bool {
	source, err := Of(path)
	if err != nil {
		yield(nil, err)
		return false
	}
	records := 0
	for record, err := range source.Records(path) {
		if !yield(record, err) || err != nil {
			return false
		}
		records++
		if records == f.Limit {
			return true
		}
	}
	if records == 0 {
		yield(nil, fmt.Errorf("%s: no record in this file", path))
		return false
	}
	return true
}
