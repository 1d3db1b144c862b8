package source

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// read reads the next row that is not blank: its text and where its cells are. At the
// end of the file the error is io.EOF.
func (c *csvReader) read() error {
	for {
		c.begin = c.at
		c.raw = c.raw[:0]
		if err := c.more(); err != nil {
			return err
		}
		if !c.blank() {
			return c.split()
		}
	}
}

// more adds a line to the text of the row.
func (c *csvReader) more() error {
	at := c.at
	line, err := c.line()
	switch {
	case err != nil && err != io.EOF:
		return c.located(at, err)
	case len(line) == 0:
		return io.EOF
	case len(c.raw)+len(line) > c.most:
		return wrongText(fmt.Sprintf("%s: the row is longer than %s, the most that is read of one; is a quote not closed?", c.position(c.begin), bytesText(c.most)))
	}
	if i := bytes.IndexByte(line, 0); i >= 0 {
		return c.wrongAt(at, line[:i], nulByte)
	}
	c.raw = append(c.raw, line...)
	return nil
}

// blank says whether the row is a line of nothing but spaces, which is no row.
func (c *csvReader) blank() bool {
	return len(bytes.Trim(c.raw, " \r\n")) == 0
}

// split finds the cells of the row, and reads on where a quoted one has line ends.
func (c *csvReader) split() error {
	c.cells = c.cells[:0]
	for at := 0; ; at++ {
		var cell cellAt
		var err error
		if at < len(c.raw) && c.raw[at] == '"' {
			cell, at, err = c.quoted(at)
		} else {
			cell = c.bare(at)
			at = cell.end
		}
		if err != nil {
			return err
		}
		c.cells = append(c.cells, cell)
		if at == c.end() {
			return nil
		}
	}
}

// end is where the row's text ends, without its line end.
func (c *csvReader) end() int {
	return len(bytes.TrimSuffix(bytes.TrimSuffix(c.raw, []byte("\n")), []byte("\r")))
}

// bare is the cell without quotes that begins at a byte of the row.
func (c *csvReader) bare(begin int) cellAt {
	end := c.end()
	if i := bytes.IndexByte(c.raw[begin:end], c.separator); i >= 0 {
		end = begin + i
	}
	return cellAt{begin: begin, end: end}
}

// quoted is the cell in quotes that begins at a byte of the row, and where it ends.
func (c *csvReader) quoted(begin int) (cell cellAt, after int, err error) {
	cell.begin = begin + 1
	for at := cell.begin; ; {
		i := bytes.IndexByte(c.raw[at:], '"')
		if i < 0 {
			at = len(c.raw)
			if err := c.more(); err == io.EOF {
				return cell, 0, c.wrongAt(c.begin, c.raw[:begin], "a quote that is not closed")
			} else if err != nil {
				return cell, 0, err
			}
			continue
		}
		cell.end = at + i
		at = cell.end + 1
		if at < len(c.raw) && c.raw[at] == '"' {
			cell.doubled = true
			at++
			continue
		}
		if at < c.end() && c.raw[at] != c.separator {
			return cell, 0, c.wrongAt(c.begin, c.raw[:at], "text behind the closing quote of a cell; double a quote that is part of the text")
		}
		return cell, at, nil
	}
}

// wrongAt is the error of what is behind some text of the row that begins at a place.
func (c *csvReader) wrongAt(at Place, before []byte, what string) error {
	at.Line += bytes.Count(before, []byte("\n"))
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return wrongText(fmt.Sprintf("%s:%d: %s", c.position(at), column, what))
}
