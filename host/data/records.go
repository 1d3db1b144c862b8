package data

import (
	"bufio"
	"bytes"
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

// Record is one JSON object of a data file, not yet parsed.
type Record struct {
	Position
	column int // of the record's first character in its line, from 1
	text   []byte
}

// List returns the data files that f means: a file as it is, a folder as
// all .json and .jsonl files in and below it, sorted by name.
func (f Files) List() ([]string, error) {
	if len(f.Paths) == 0 {
		return nil, fmt.Errorf("%s names no file", f.Setting)
	}
	var all []string
	for _, path := range f.Paths {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%s: no such file; %s names it", path, f.Setting)
		case err != nil:
			return nil, fmt.Errorf("%w; %s names it", err, f.Setting)
		case info.IsDir():
			found, err := listFolder(path)
			if err != nil {
				return nil, err
			}
			if len(found) == 0 {
				return nil, fmt.Errorf("%s: no .json or .jsonl file in this folder; %s names it", path, f.Setting)
			}
			all = append(all, found...)
		case !isDataFile(path):
			return nil, fmt.Errorf("%s: unknown kind of file %q; want .jsonl (one object a line) or .json (one array of objects)", path, filepath.Ext(path))
		default:
			all = append(all, path)
		}
	}
	return all, nil
}

func isDataFile(path string) bool {
	extension := strings.ToLower(filepath.Ext(path))
	return extension == ".json" || extension == ".jsonl"
}

// listFolder returns the data files below folder. Names that begin with a dot are passed over.
func listFolder(folder string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != folder && strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return filepath.SkipDir
			}
		case !entry.IsDir() && isDataFile(path):
			found = append(found, path)
		}
		return nil
	})
	return found, err
}

// Records yields every record of f's files in order, reading as it goes. The
// first error ends it. A file without a record is an error.
func (f Files) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		files, err := f.List()
		if err != nil {
			yield(Record{}, err)
			return
		}
		for _, path := range files {
			if !f.read(path, yield) {
				return
			}
		}
	}
}

// read yields the records of one file and reports whether to go on with the next.
func (f Files) read(path string, yield func(Record, error) bool) bool {
	file, err := os.Open(path)
	if err != nil {
		yield(Record{}, err)
		return false
	}
	defer file.Close()
	records, wanted := 0, true
	counted := func(r Record) bool {
		records++
		wanted = yield(r, nil)
		return wanted && records != f.Limit
	}
	s := &splitter{in: bufio.NewReaderSize(file, 1<<16), at: Position{File: path, Line: 1}, column: 1}
	s.skipMark()
	if strings.EqualFold(filepath.Ext(path), ".jsonl") {
		err = s.lines(counted)
	} else {
		err = s.array(counted)
	}
	if err == nil && records == 0 {
		err = fmt.Errorf("%s: no record in this file", path)
	}
	if err != nil {
		yield(Record{}, err)
		return false
	}
	return wanted
}

// splitter cuts a file into the texts of its records. It looks only as far
// into the JSON as it must; the parser finds what is wrong inside a record.
type splitter struct {
	in     *bufio.Reader
	at     Position
	column int // of the next character, from 1
}

// skipMark skips the byte order mark that some editors write first.
func (s *splitter) skipMark() {
	if mark, err := s.in.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = s.in.Discard(3)
	}
}

// lines yields each line that is not blank, until yield says no more.
func (s *splitter) lines(yield func(Record) bool) error {
	for ; ; s.at.Line++ {
		line, err := s.in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return fmt.Errorf("%s: %w", s.at, err)
		}
		switch text := bytes.TrimSpace(line); {
		case len(text) == 0:
		case text[0] == '[':
			return fmt.Errorf("%s: found an array; want one object a line, or name the file .json if it is one array of objects", s.at)
		case !yield(Record{Position: s.at, column: 1, text: bytes.TrimRight(line, "\r\n")}):
			return nil
		}
		if err == io.EOF {
			return nil
		}
	}
}

// array yields each element of the one array that the file is, until yield says no more.
func (s *splitter) array(yield func(Record) bool) error {
	c, err := s.skipSpace()
	switch {
	case err == io.EOF:
		return nil
	case err == nil && c != '[':
		return s.wrong(c, "[, for a .json file is one array of objects; a file with one object a line is named .jsonl")
	case err == nil:
		c, err = s.skipSpace()
	}
	if err == nil && c == ']' {
		return s.atEnd()
	}
	for err == nil {
		record, failed := s.element(c)
		if failed != nil || !yield(record) {
			return failed
		}
		switch c, err = s.skipSpace(); {
		case err != nil:
		case c == ']':
			return s.atEnd()
		case c != ',':
			return s.wrong(c, "a comma or ]")
		default:
			c, err = s.skipSpace()
		}
	}
	return s.ended(err)
}

// atEnd demands that nothing follows the array.
func (s *splitter) atEnd() error {
	switch c, err := s.skipSpace(); err {
	case io.EOF:
		return nil
	case nil:
		return s.wrong(c, "the end of the file after the array")
	default:
		return s.ended(err)
	}
}

// element reads one object of the array; c is its first byte, just read.
func (s *splitter) element(c byte) (Record, error) {
	if c != '{' {
		return Record{}, s.wrong(c, "an object")
	}
	r := Record{Position: s.at, column: s.column - 1, text: []byte{c}}
	inText, escaped := false, false
	for depth := 1; depth > 0; {
		c, err := s.next()
		if err != nil {
			return Record{}, s.ended(err)
		}
		r.text = append(r.text, c)
		switch {
		case escaped:
			escaped = false
		case inText:
			escaped, inText = c == '\\', c != '"'
		case c == '"':
			inText = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
	}
	return r, nil
}

// next reads a byte and keeps count of lines and columns; a character of
// several bytes is one column.
func (s *splitter) next() (byte, error) {
	c, err := s.in.ReadByte()
	switch {
	case err != nil:
	case c == '\n':
		s.at.Line, s.column = s.at.Line+1, 1
	case c&0xc0 != 0x80:
		s.column++
	}
	return c, err
}

func (s *splitter) skipSpace() (byte, error) {
	for {
		c, err := s.next()
		if err != nil || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, err
		}
	}
}

// wrong says that c, just read, is not what was wanted.
func (s *splitter) wrong(c byte, wanted string) error {
	return fmt.Errorf("%s:%d: found %q; want %s", s.at, s.column-1, rune(c), wanted)
}

func (s *splitter) ended(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%s:%d: the file ends inside its array", s.at, s.column)
	}
	return fmt.Errorf("%s: %w", s.at, err)
}
