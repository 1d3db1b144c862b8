package sdk

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
)

// Rows cross the plugin boundary in frames, many at a time. All numbers are
// little-endian; uvarint is that of encoding/binary; a text is a uvarint length
// and so many bytes of UTF-8.
//
//	request: u32 rows, u8 columns, then the cells row by row
//	cell:    u8 column type, uvarint length, that many bytes; a lone 0 where the field is absent
//	         String, JSON: the text · Float: f64 · Int: i64 · Bool: u8
//	         StringList: uvarint count, texts · FloatList: f64s
//	reply:   u32 rows, uvarint count of column names, names, then one answer a row
//	answer:  u8 0: columns, uvarint candidates, candidates · u8 1: text, why it was dropped · u8 2: text, the error
//	         u8 3: labels, then as 0 · u8 4: labels, then as 0 with chats in the place of candidates
//	labels:  uvarint count, then for each: uvarint index of the head's name, the class's text
//	columns: uvarint count, then for each: uvarint index of the name, f64
//	candidate: u8 1 and the prompt's text, or u8 0 for the prompt of the candidate before; the answer's text; columns
//	chat:     u8 1, the prompt's messages and the texts of tools, documents and args, or u8 0 for those of the chat before;
//	          the answer's messages; columns
//	messages: uvarint count, then for each: u8 learn, the text of its JSON
const (
	answerExample  = 0
	answerDrop     = 1
	answerError    = 2
	answerLabelled = 3
	answerChats    = 4 // since ABI 2.1
)

// EncodeRows returns the request frame of rows, each with a cell for each of columns columns.
func EncodeRows(columns int, rows []Row) ([]byte, error) { return AppendRows(nil, columns, rows) }

// AppendRows appends the frame that EncodeRows returns to frame, so that its
// memory can be reused.
func AppendRows(frame []byte, columns int, rows []Row) ([]byte, error) {
	if columns < 1 || columns > math.MaxUint8 {
		return nil, errors.New("row frame: " + strconv.Itoa(columns) + " columns; want 1 to 255")
	}
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(rows)))
	frame = append(frame, byte(columns))
	for i := range rows {
		cells := rows[i].cells
		if len(cells) != columns {
			return nil, errors.New("row frame: row " + strconv.Itoa(i) + " has " + strconv.Itoa(len(cells)) + " cells; want " + strconv.Itoa(columns))
		}
		for c := range cells {
			frame = appendCell(frame, &cells[c])
		}
	}
	return frame, nil
}

func appendCell(frame []byte, cell *Cell) []byte {
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
		return appendTexts(frame, cell.Strs)
	case FloatList:
		frame = binary.AppendUvarint(frame, uint64(8*len(cell.Floats)))
		for _, v := range cell.Floats {
			frame = appendFloat(frame, v)
		}
	}
	return frame
}

// appendTexts writes the encoded length of the list, then the list.
func appendTexts(frame []byte, list []string) []byte {
	size := uvarintSize(len(list))
	for _, s := range list {
		size += uvarintSize(len(s)) + len(s)
	}
	frame = binary.AppendUvarint(frame, uint64(size))
	frame = binary.AppendUvarint(frame, uint64(len(list)))
	for _, s := range list {
		frame = appendText(frame, s)
	}
	return frame
}

// uvarintSize is how many bytes n takes as a uvarint.
func uvarintSize(n int) int {
	size := 1
	for ; n >= 0x80; n >>= 7 {
		size++
	}
	return size
}

func appendText(frame []byte, s string) []byte {
	return append(binary.AppendUvarint(frame, uint64(len(s))), s...)
}

func appendFloat(frame []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(frame, math.Float64bits(v))
}

// rowReader reads the rows of a request frame one by one.
type rowReader struct {
	frameReader
	count, columns int
	cells          []Cell // of the last row read
	row            Row
}

func newRowReader(frame []byte) (*rowReader, error) {
	r := &rowReader{frameReader: frameReader{rest: string(frame)}} // one copy, which every string is a slice of
	r.count, r.columns = r.uint32(), int(r.byte())
	if r.err == nil && (r.columns == 0 || r.count > len(r.rest)/r.columns) {
		r.fail("rows")
	}
	r.cells = make([]Cell, r.columns)
	return r, r.err
}

// next reads a row into r.cells. The row is valid until the next one is read,
// its strings stay valid.
func (r *rowReader) next() (*Row, error) {
	for i := range r.cells {
		r.cell(&r.cells[i])
	}
	r.row.cells = r.cells
	r.row.err = nil
	return &r.row, r.err
}
