// Package source reads records from data files. What kind of file one is, is read
// from its first bytes; its name only says whether it is a data file at all. What
// records mean is not this package's concern: it gives the cells that a formatter
// declares. Start at Files.
package source

import (
	"cmp"
	"fmt"
	"iter"
)

// Files names the data files of a run: files and folders, in the order in
// which their records follow each other.
type Files struct {
	Paths   []string
	Setting string // the setting that Paths comes from, for errors: "data_paths"
	Limit   int    // how many records to take of each file, 0 for all
	Total   int    // how many to take in all, 0 for all

	// Columns names the fields that the records will be asked for; nil stands for all.
	// Of a file that keeps fields apart the others are not read.
	Columns []string

	// Splits are the splits of a DatasetDict to read, the first that it has; nil stands
	// for "train".
	Splits []string

	Unreadable Unreadable // what becomes of what is no text
	MaxRecord  int        // bytes that a record may take, 0 for DefaultMaxRecord
}

// Records yields every record of f's files in order, reading as it goes. The
// first error ends it. A file without a record is an error.
func (f Files) Records() iter.Seq2[Record, error] { return f.RecordsFrom(Place{}) }

// RecordsFrom yields the records from a place on, as Records would have gone on there.
// Limit and Total count the records before it too.
func (f Files) RecordsFrom(from Place) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		paths, err := f.List()
		if err != nil {
			yield(nil, err)
			return
		}
		if from.File > len(paths) {
			yield(nil, fmt.Errorf("%s means %d files; the place to begin at is in file %d; begin again at the first record, or give the files as they were", f.Setting, len(paths), from.File+1))
			return
		}
		for from.File < len(paths) {
			read, goOn := f.read(paths[from.File], from, yield)
			if !goOn {
				return
			}
			from.Read += read
			from = from.nextFile()
		}
	}
}

// read yields the records of one file from a place on. It returns how many they were,
// and whether to go on with the next file.
func (f Files) read(path string, from Place, yield func(Record, error) bool) (read int64, goOn bool) {
	left := func(limit int, before int64) bool { return limit == 0 || before+read < int64(limit) }
	if !left(f.Total, from.Read) {
		return 0, false
	}
	if !left(f.Limit, from.Row) {
		return 0, true
	}
	for record, err := range f.open(path, from) {
		read++
		if !yield(record, err) || err != nil || !left(f.Total, from.Read) {
			return read, false
		}
		if !left(f.Limit, from.Row) {
			return read, true
		}
	}
	if read == 0 && from.Row == 0 {
		yield(nil, fmt.Errorf("%s: no record in this file", path))
		return 0, false
	}
	return read, true
}

// open yields the records of one file, whatever kind it is of.
func (f Files) open(path string, from Place) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		in, err := openInput(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer in.Close()
		if err := f.readInput(in, from, yield); err != nil && err != errStopped {
			yield(nil, err)
		}
	}
}

func (f Files) maxRecord() int { return cmp.Or(f.MaxRecord, DefaultMaxRecord) }

// readInput yields the records of an open file from a place on.
func (f Files) readInput(in *input, from Place, yield func(Record, error) bool) error {
	read := map[*fileKind]func(Files, *input, Place, func(Record, error) bool) error{
		jsonLines:     readLines,
		jsonArray:     readArray,
		jsonWrapped:   readWrapped,
		jsonObjects:   readObjects,
		csvTable:      readCSV,
		plainText:     readPlain,
		arrowFile:     readArrow,
		arrowStream:   readArrow,
		parquetKind:   readParquet,
		datasetFolder: readDataset,
	}[in.kind]
	return read(f, in, from, yield)
}
