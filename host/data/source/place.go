package source

import "strconv"

// Position is where a record is, for people: a file as the run names it, and the
// line, from 1, on which the record begins. A file that has no lines, such as
// Parquet, has rows instead, from 1.
type Position struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	Row  int    `json:"row,omitempty"` // 0 where the file has lines
}

// String returns "file:line", or "file: row 17".
func (p Position) String() string {
	if p.Row > 0 {
		return p.File + ": row " + strconv.Itoa(p.Row)
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// To names the records from p to another: both, or one where they are the same.
func (p Position) To(last Position) string {
	if p == last {
		return p.String()
	}
	return p.String() + " to " + last.String()
}

// Place is where reading can begin without reading what is before: between two
// records of a list of files. Its zero value is the beginning of the first file.
// It is plain data, to be kept in a checkpoint as JSON and compared with ==. It
// means the same only with the same Files over files that did not change (see
// File.Identity); whoever keeps a Place checks that.
//
// How far a reader must go for it depends on the kind of file:
//   - JSON lines, JSON arrays, CSV, TSV, text: it seeks to the byte Offset.
//   - Parquet: it seeks to the row group and the page of Row, by the file's index.
//   - Arrow: it goes from batch to batch, reading a header of each, to that of Row.
//   - Compressed files: everything before is decompressed, but not parsed.
type Place struct {
	File int   `json:"file"` // index in Files.List
	Row  int64 `json:"row"`  // how many records of that file are before it
	Read int64 `json:"read"` // how many records of all files are before it, as RecordsFrom counts them

	// Of a file that is text: the byte, after decompression, at which reading goes on,
	// and its line and column, from 1. They are 0 at the beginning of a file.
	Offset int64 `json:"offset,omitempty"`
	Line   int   `json:"line,omitempty"`
	Column int   `json:"column,omitempty"`
}

// nextRow is the place behind one more record of the same file.
func (p Place) nextRow() Place {
	p.Row++
	p.Read++
	return p
}

// nextFile is the beginning of the file after that of p.
func (p Place) nextFile() Place { return Place{File: p.File + 1, Read: p.Read} }
