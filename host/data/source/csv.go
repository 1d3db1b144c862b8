package source

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// separators are what may stand between the cells of a row, the usual one first.
const separators = ",\t;|"

// readCSV yields the rows of a table. Its first row names the cells.
func readCSV(f Files, in *input, from Place, yield func(Record, error) bool) error {
	c, err := f.openCSV(in)
	if err != nil {
		return err
	}
	if from.Line != 0 {
		c.Close()
		if c.text, err = f.openText(in, from); err != nil {
			return err
		}
	}
	defer func() { c.Close() }()
	for {
		row, err := c.row()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !yield(row, nil) {
			return nil
		}
	}
}

const (
	nulByte = "a NUL byte, which no text has; write the file again as UTF-8 text"
	loneCR  = `the lines end in CR alone, as old programs for the Macintosh write them; convert it: tr '\r' '\n' < `
)

// csvReader reads the rows of a table.
type csvReader struct {
	*text
	separator byte
	names     *header

	begin Place  // of the row
	raw   []byte // its text
	cells []cellAt
}

// cellAt is where a cell is in the text of its row.
type cellAt struct {
	begin, end int
	doubled    bool // quotes in it are doubled
}

// openCSV reads the names of the cells.
func (f Files) openCSV(in *input) (*csvReader, error) {
	t, err := f.openText(in, Place{})
	if err != nil {
		return nil, err
	}
	c := &csvReader{text: t, separator: separatorOf(in)}
	switch err := c.read(); {
	case err == io.EOF:
		c.names = newHeader(nil)
	case err != nil:
		t.Close()
		return nil, err
	case bytes.IndexByte(bytes.TrimSuffix(bytes.TrimSuffix(c.raw, []byte("\n")), []byte("\r")), '\r') >= 0 && bytes.IndexByte(c.raw, '"') < 0:
		t.Close()
		return nil, fmt.Errorf("%s: %s%s", c.position(c.begin), loneCR, in.path)
	default:
		c.names = newHeader(uniqueNames(c.texts()))
		f.typeColumns(in, c.names)
	}
	return c, nil
}

// typeColumns says of each column whether its cells are texts, even those that spell a
// number: pandas looks at all rows for that, here it is those at the file's beginning.
func (f Files) typeColumns(in *input, names *header) {
	head := trimMark(in.head)
	if len(in.head) == headBytes {
		head = head[:bytes.LastIndexByte(head, '\n')+1]
	}
	c := &csvReader{
		text:      &text{in: bufio.NewReaderSize(bytes.NewReader(head), readAhead), file: in.path, most: headBytes},
		separator: separatorOf(in),
		names:     names,
	}
	names.isText = make([]bool, len(names.names))
	names.isValue = make([]bool, len(names.names))
	if c.read() != nil { // the names
		return
	}
	for {
		row, err := c.row()
		if err != nil {
			return
		}
		for i, cell := range row.cells {
			if !row.isNull(i) {
				names.isText[i] = names.isText[i] || !spellsValue(cell)
				names.isValue[i] = !names.isText[i]
			}
		}
	}
}

// spellsValue says whether a cell spells a number, true or false, or a list or object.
func spellsValue(cell string) bool {
	v := valueOf(cell)
	return v.kind != 0 && v.kind != kindString || boolOf(v, cell).kind == kindBool || looksLikePython(cell)
}

// separatorOf is what stands between the names in the first row of a table: what its
// ending says, and, where the row has none of that, what it has most of.
func separatorOf(in *input) byte {
	line, _, _ := bytes.Cut(bytes.TrimLeft(trimMark(in.head), "\r\n"), []byte("\n"))
	best := usualSeparator(in.path)
	most := countOutsideQuotes(line, best)
	if most > 0 {
		return best
	}
	for _, c := range []byte(separators) {
		if n := countOutsideQuotes(line, c); n > most {
			best, most = c, n
		}
	}
	return best
}

// usualSeparator is the separator that a file's name says.
func usualSeparator(path string) byte {
	if ending, _ := splitName(path); ending == ".tsv" || ending == ".tab" {
		return '\t'
	}
	return ','
}

// uniqueNames names the cells as pandas does: one without a name, such as that of an
// index, is "Unnamed: 0" by its number from 0, and the second of a name is "name.1".
func uniqueNames(names []string) []string {
	seen := map[string]int{}
	for i, name := range names {
		if name == "" {
			name = "Unnamed: " + strconv.Itoa(i)
		}
		unique := name
		for seen[unique] > 0 {
			unique = name + "." + strconv.Itoa(seen[name])
			seen[name]++
		}
		seen[unique]++
		names[i] = unique
	}
	return names
}

// row reads the next row that is not blank.
func (c *csvReader) row() (textRow, error) {
	err := c.read()
	if err != nil {
		return textRow{}, err
	}
	if len(c.cells) != len(c.names.names) {
		return textRow{}, fmt.Errorf("%s: the row has %d cells between %q, and the first row has %d; quote a cell that holds a separator or a line end",
			c.position(c.begin), len(c.cells), string(c.separator), len(c.names.names))
	}
	c.at = c.at.nextRow()
	return textRow{
		file:    c.file,
		place:   c.begin,
		after:   c.at,
		names:   c.names,
		cells:   c.texts(),
		size:    len(c.raw),
		replace: c.replace,
	}, nil
}

// texts are the cells of the row just read.
func (c *csvReader) texts() []string {
	raw := string(c.raw)
	texts := make([]string, len(c.cells))
	for i, at := range c.cells {
		texts[i] = raw[at.begin:at.end]
		if at.doubled {
			texts[i] = strings.ReplaceAll(texts[i], `""`, `"`)
		}
	}
	return texts
}
