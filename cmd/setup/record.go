package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
)

// recordName is the file in a folder of the cache that describes the folder. It
// is written last.
const recordName = "record.json"

// record is a folder of the cache: what it says of itself and its files.
type record[T any] struct {
	About T                 `json:"about"`
	Files map[string]string `json:"files"` // path in the folder → sha256
}

// writeRecord completes the folder dir.
func writeRecord[T any](dir string, about T) error {
	r := record[T]{about, map[string]string{}}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil {
			r.Files[name], err = fileDigest(path)
		}
		return err
	})
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, recordName), text, 0o644)
}

// readRecord reads what the folder dir says of itself, if it is whole and every
// file in it is as it was made.
func readRecord[T any](dir string) (about T, ok bool) {
	text, err := os.ReadFile(filepath.Join(dir, recordName))
	if err != nil {
		return about, false
	}
	var r record[T]
	if json.Unmarshal(text, &r) != nil || len(r.Files) == 0 {
		return about, false
	}
	for name, want := range r.Files {
		if got, err := fileDigest(filepath.Join(dir, name)); err != nil || got != want {
			return about, false
		}
	}
	return r.About, true
}

// inCache makes the folder dir by calling fill for a folder beside it that then
// gets its name, so that a folder of that name is whole.
func inCache(dir string, fill func(part string) error) error {
	part := dir + ".part"
	defer os.RemoveAll(part)
	for _, old := range []string{part, dir} {
		if err := os.RemoveAll(old); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(part, 0o755); err != nil {
		return err
	}
	if err := fill(part); err != nil {
		return err
	}
	return os.Rename(part, dir)
}
