package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// readAhead is how many bytes of a file are read at a time.
const readAhead = 1 << 16

// DefaultMaxRecord is how many bytes a record may take where Files does not say.
const DefaultMaxRecord = 64 << 20

// text is a data file that is text, being read.
type text struct {
	in     *bufio.Reader
	closer io.Closer
	file   string
	at     Place // of the next byte
	most   int   // bytes that a record may take

	replace bool // U+FFFD is read for what is no text
}

// openText reads the file as text from a place on. The caller closes it.
func (f Files) openText(in *input, from Place) (*text, error) {
	if from.Line == 0 {
		from.Line = 1
		from.Column = 1
		from.Offset = int64(len(in.head) - len(trimMark(in.head)))
	}
	stream, err := in.from(from.Offset)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.path, err)
	}
	return &text{
		in:      bufio.NewReaderSize(stream, readAhead),
		closer:  stream,
		file:    in.path,
		at:      from,
		most:    f.maxRecord(),
		replace: f.Unreadable == Replace,
	}, nil
}

// Close ends the reading; it leaves the file open.
func (t *text) Close() error { return t.closer.Close() }

// line reads a line with its end. At the end of the file the error is io.EOF, with
// the rest of the file. The line is valid until the next is read.
func (t *text) line() ([]byte, error) {
	line, err := t.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = t.longLine(line)
	}
	if err != nil && err != io.EOF {
		return nil, err
	}
	t.at.Offset += int64(len(line))
	t.at.Line++
	return line, err
}

// longLine reads the rest of a line that does not fit into the buffer.
func (t *text) longLine(begin []byte) ([]byte, error) {
	line := append([]byte(nil), begin...)
	for {
		part, err := t.in.ReadSlice('\n')
		if len(line)+len(part) > t.most {
			return nil, t.tooLong(t.at)
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// tooLong is the error of a record that begins at a place.
func (t *text) tooLong(at Place) error {
	return wrongText(fmt.Sprintf("%s: the record is longer than %s, the most that is read of one; split it", t.position(at), bytesText(t.most)))
}

func (t *text) position(at Place) Position { return Position{File: t.file, Line: at.Line} }

// next reads a byte and keeps count of lines and columns; a character of
// several bytes is one column.
func (t *text) next() (byte, error) {
	c, err := t.in.ReadByte()
	if err != nil {
		return 0, err
	}
	t.at.Offset++
	switch {
	case c == '\n':
		t.at.Line++
		t.at.Column = 1
	case c&0xc0 != 0x80:
		t.at.Column++
	}
	return c, nil
}

// pass goes over bytes that were looked at.
func (t *text) pass(part []byte) {
	t.count(part)
	_, _ = t.in.Discard(len(part))
}

// count moves the place over bytes.
func (t *text) count(part []byte) {
	t.at.Offset += int64(len(part))
	if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
		t.at.Line += bytes.Count(part, []byte("\n"))
		t.at.Column = 1
		part = part[i+1:]
	}
	for _, c := range part {
		if c&0xc0 != 0x80 {
			t.at.Column++
		}
	}
}

// peek skips white space and returns the byte behind it, which is not read yet.
func (t *text) peek() (byte, error) {
	for {
		if _, err := t.in.Peek(1); err != nil {
			return 0, err
		}
		ahead, _ := t.in.Peek(t.in.Buffered())
		blanks := 0
		for blanks < len(ahead) && strings.IndexByte(" \t\r\n", ahead[blanks]) >= 0 {
			blanks++
		}
		found := blanks < len(ahead)
		c := byte(0)
		if found {
			c = ahead[blanks]
		}
		if t.pass(ahead[:blanks]); found {
			return c, nil
		}
	}
}

// wrong is the error that c, the next byte, is not what was wanted.
func (t *text) wrong(c byte, wanted string) error {
	return wrongText(fmt.Sprintf("%s:%d: found %q; want %s", t.position(t.at), t.at.Column, rune(c), wanted))
}

// wrongText is an error that says already where the text is wrong.
type wrongText string

func (e wrongText) Error() string { return string(e) }

// located says where an error of reading on came up.
func (t *text) located(at Place, err error) error {
	if _, known := err.(wrongText); known || err == nil {
		return err
	}
	return fmt.Errorf("%s: %w", t.position(at), err)
}

// bytesText writes a number of bytes for people: "64 MiB".
func bytesText(n int) string {
	for _, unit := range []string{"bytes", "KiB", "MiB"} {
		if n < 1<<10 || n%(1<<10) != 0 {
			return fmt.Sprintf("%d %s", n, unit)
		}
		n >>= 10
	}
	return fmt.Sprintf("%d GiB", n)
}
