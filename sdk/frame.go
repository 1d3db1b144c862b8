package sdk

import (
	"encoding/binary"
	"errors"
	"math"
	"sort"
	"strconv"
)

// Rows cross the plugin border in frames, many at a time. All numbers are
// little-endian; uvarint is that of encoding/binary; a text is a uvarint
// length and so many bytes of UTF-8.
//
//	request: u32 rows, u8 columns, then the cells row by row
//	cell:    u8 column type, uvarint length, that many bytes; a lone 0 where the field is absent
//	         String, JSON: the text · Float: f64 · Int: i64 · Bool: u8
//	         StringList: uvarint count, texts · FloatList: f64s
//	reply:   u32 rows, uvarint count of column names, names, then one answer a row
//	answer:  u8 0: columns, uvarint candidates, candidates · u8 1: text, why it was dropped · u8 2: text, the error
//	columns: uvarint count, then for each, in order of name: uvarint index of the name, f64
//	candidate: u8 1 and the prompt's text, or u8 0 for the prompt of the candidate before; the answer's text; columns
const (
	answerExample = 0
	answerDrop    = 1
	answerError   = 2
)

// Result is what a formatter made of one row: an Example, or a reason to drop
// the row, or what is wrong with it. One of the three is set.
type Result struct {
	Example Example
	Dropped string
	Err     string
}

// FormatRows runs f over rows. One bad row does not keep the others back.
func FormatRows(f Formatter, rows []Row) []Result {
	results := make([]Result, len(rows))
	for i := range rows {
		example, err := FormatRow(f, &rows[i])
		var dropped *Dropped
		switch {
		case err == nil:
			results[i].Example = example
		case errors.As(err, &dropped):
			results[i].Dropped = orUnknown(dropped.Reason)
		default:
			results[i].Err = orUnknown(err.Error())
		}
	}
	return results
}

func orUnknown(reason string) string {
	if reason == "" {
		return "no reason given"
	}
	return reason
}

// EncodeRows returns the request frame of rows, each with a cell for each of columns columns.
func EncodeRows(columns int, rows []Row) ([]byte, error) {
	if columns < 1 || columns > math.MaxUint8 {
		return nil, errors.New("row frame: " + strconv.Itoa(columns) + " columns; want 1 to 255")
	}
	frame := binary.LittleEndian.AppendUint32(nil, uint32(len(rows)))
	frame = append(frame, byte(columns))
	for i, row := range rows {
		if len(row.cells) != columns {
			return nil, errors.New("row frame: row " + strconv.Itoa(i) + " has " + strconv.Itoa(len(row.cells)) + " cells; want " + strconv.Itoa(columns))
		}
		for _, cell := range row.cells {
			frame = appendCell(frame, cell)
		}
	}
	return frame, nil
}

func appendCell(frame []byte, cell Cell) []byte {
	frame = append(frame, byte(cell.Type))
	switch cell.Type {
	case String, JSON:
		return appendText(frame, cell.Str)
	case Float:
		return appendFloat(append(frame, 8), cell.Float)
	case Int:
		return binary.LittleEndian.AppendUint64(append(frame, 8), uint64(cell.Int))
	case Bool:
		return append(frame, 1, byte(cell.Int))
	case StringList:
		var list []byte
		list = binary.AppendUvarint(list, uint64(len(cell.Strs)))
		for _, s := range cell.Strs {
			list = appendText(list, s)
		}
		return append(binary.AppendUvarint(frame, uint64(len(list))), list...)
	case FloatList:
		frame = binary.AppendUvarint(frame, uint64(8*len(cell.Floats)))
		for _, v := range cell.Floats {
			frame = appendFloat(frame, v)
		}
	}
	return frame
}

func appendText(frame []byte, s string) []byte {
	return append(binary.AppendUvarint(frame, uint64(len(s))), s...)
}

func appendFloat(frame []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(frame, math.Float64bits(v))
}

// DecodeRows reads a request frame.
func DecodeRows(frame []byte) ([]Row, error) {
	r := frameReader{rest: frame}
	count, columns := r.uint32(), int(r.byte())
	if r.err == nil && (columns == 0 || count > len(r.rest)/columns) {
		r.fail("rows")
	}
	if r.err != nil {
		return nil, r.err
	}
	rows := make([]Row, count)
	cells := make([]Cell, count*columns)
	for i := range cells {
		cells[i] = r.cell()
	}
	for i := range rows {
		rows[i] = NewRow(cells[i*columns : (i+1)*columns : (i+1)*columns])
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return rows, nil
}

// EncodeResults returns the reply frame of results.
func EncodeResults(results []Result) []byte {
	names := columnNames(results)
	index := map[string]int{}
	frame := binary.LittleEndian.AppendUint32(nil, uint32(len(results)))
	frame = binary.AppendUvarint(frame, uint64(len(names)))
	for i, name := range names {
		index[name] = i
		frame = appendText(frame, name)
	}
	for _, result := range results {
		switch {
		case result.Err != "":
			frame = appendText(append(frame, answerError), result.Err)
		case result.Dropped != "":
			frame = appendText(append(frame, answerDrop), result.Dropped)
		default:
			frame = appendExample(append(frame, answerExample), result.Example, names, index)
		}
	}
	return frame
}

// columnNames lists every column name that results use, in order.
func columnNames(results []Result) []string {
	seen := map[string]bool{}
	for _, r := range results {
		for name := range r.Example.Columns {
			seen[name] = true
		}
		for _, c := range r.Example.Candidates {
			for name := range c.Columns {
				seen[name] = true
			}
		}
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func appendExample(frame []byte, e Example, names []string, index map[string]int) []byte {
	frame = appendColumns(frame, e.Columns, names, index)
	frame = binary.AppendUvarint(frame, uint64(len(e.Candidates)))
	for i, c := range e.Candidates {
		if i > 0 && c.Prompt == e.Candidates[i-1].Prompt {
			frame = append(frame, 0)
		} else {
			frame = appendText(append(frame, 1), c.Prompt)
		}
		frame = appendText(frame, c.Answer)
		frame = appendColumns(frame, c.Columns, names, index)
	}
	return frame
}

func appendColumns(frame []byte, columns map[string]float64, names []string, index map[string]int) []byte {
	frame = binary.AppendUvarint(frame, uint64(len(columns)))
	for _, name := range names {
		if v, has := columns[name]; has {
			frame = appendFloat(binary.AppendUvarint(frame, uint64(index[name])), v)
		}
	}
	return frame
}

// DecodeResults reads a reply frame, which must answer rows rows. The reply
// may come from a plugin that is not trusted: every example is checked as
// FormatRow checks it, and every text must be valid UTF-8.
func DecodeResults(frame []byte, rows int) ([]Result, error) {
	r := frameReader{rest: frame}
	if count := r.uint32(); r.err == nil && count != rows {
		return nil, errors.New("row frame: " + strconv.Itoa(count) + " answers to " + strconv.Itoa(rows) + " rows")
	}
	names := make([]string, r.count(1))
	for i := range names {
		names[i] = r.text()
	}
	results := make([]Result, rows)
	for i := 0; i < rows && r.err == nil; i++ {
		results[i] = r.result(names)
		if results[i].Err == "" && results[i].Dropped == "" && r.err == nil {
			if err := results[i].Example.check(); err != nil {
				results[i] = Result{Err: err.Error()}
			}
		}
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return results, nil
}
