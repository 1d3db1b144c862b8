// Package source reads records from data files. A Source knows one way to
// write records into files; JSON is the first. Which source reads a file is
// decided in one place, by the ending of its name. What records mean is not
// this package's concern: it gives the cells that a formatter declares. Start
// at Files.
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
	"slices"
	"strconv"
	"strings"

	"llmhost/sdk"
)

// Source reads one kind of data file.
type Source interface {
	// Endings are those of the file names that it reads.
	Endings() []Ending

	// Records yields the records of the file at path in order, reading as it
	// goes. An error ends it, and names the file and, where there is one, the
	// line. The caller limits records and checks that a file has any.
	Records(path string, unreadable Unreadable) iter.Seq2[Record, error]
}

// Unreadable says what becomes of what is no text: bytes that are not UTF-8, halves of
// surrogate pairs. The values are those of Python's encoding errors.
type Unreadable string

// Strict makes them an error with their place, as does the zero value; Replace reads
// U+FFFD in their stead.
const (
	Strict  Unreadable = "strict"
	Replace Unreadable = "replace"
)

// Ending is an ending of file names.
type Ending struct {
	Name    string // in lower case, with the dot: ".jsonl"
	Content string // of such a file, for errors: "one object a line"
}

// Record is one record of a data file, not yet read into cells.
type Record interface {
	Position() Position

	// Bytes is about how much memory the record takes.
	Bytes() int

	// Row returns the cells that columns declare. reader names who declares
	// them, for errors. A bad record is an error that names its
	// file and line, and the column of the line where that is known: broken
	// syntax, a missing field that a column requires, a field of another type.
	Row(reader string, columns []sdk.Column) (sdk.Row, error)

	// Nulls names the columns whose field the record has as null, which a row does
	// not tell from none. It is for errors.
	Nulls(columns []sdk.Column) []string
}

// Position is where a record is: a file as the run names it, and the
// line, from 1, on which the record begins.
type Position struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// String returns "file:line".
func (p Position) String() string { return p.File + ":" + strconv.Itoa(p.Line) }

// all lists every source.
func all() []Source { return []Source{JSON{}} }

// Of returns the source that reads the file at path, by the ending of its name.
func Of(path string) (Source, error) {
	ending := strings.ToLower(filepath.Ext(path))
	for _, s := range all() {
		if slices.ContainsFunc(s.Endings(), func(e Ending) bool { return e.Name == ending }) {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s: unknown kind of file %q; want %s", path, filepath.Ext(path), wanted())
}

// wanted describes every ending: ".jsonl (one object a line) or …".
func wanted() string {
	var kinds []string
	for _, e := range endings() {
		kinds = append(kinds, e.Name+" ("+e.Content+")")
	}
	return strings.Join(kinds, " or ")
}

// endings lists the endings of all sources.
func endings() []Ending {
	var list []Ending
	for _, s := range all() {
		list = append(list, s.Endings()...)
	}
	return list
}

// endingNames lists them by name, sorted: ".json or .jsonl".
func endingNames() string {
	var names []string
	for _, e := range endings() {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " or ")
}

// Files names the data files of a run: files and folders, in the order in
// which their records follow each other.
type Files struct {
	Paths   []string
	Setting string // the setting that Paths comes from, for errors: "data_paths"
	Limit   int    // how many records to take of each file, 0 for all
	Total   int    // how many to take in all, 0 for all

	Unreadable Unreadable // what becomes of what is no text
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
		taken := 0
		take := func(r Record, err error) bool {
			taken++
			return yield(r, err) && taken != f.Total
		}
		for _, path := range paths {
			if !f.read(path, take) {
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
	for record, err := range source.Records(path, f.Unreadable) {
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
