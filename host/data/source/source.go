// Package source reads records from data files. A Source knows one way to
// write records into files; JSON is the first. Which source reads a file is
// decided in one place, by the ending of its name. What records mean is not
// this package's concern: it gives the cells that a formatter declares. Start
// at Files.
package source

import (
	"fmt"
	"iter"
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
	Records(path string) iter.Seq2[Record, error]
}

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
