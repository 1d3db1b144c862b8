package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// maxBatch is how many bytes a batch of an Arrow file may take in memory.
const maxBatch = 512 << 20

// maxMetadata is how many bytes the description of a batch may take.
const maxMetadata = 64 << 20

// arrowMagic begins an Arrow file; a stream of the same messages follows it.
const arrowMagic = "ARROW1\x00\x00"

// arrowMessages reads the messages of a stream, without the batches of the rows that
// are skipped: of these it reads the description alone.
type arrowMessages struct {
	in   io.Reader
	skip int64 // rows that are still to be skipped
}

// Retain and Release do nothing: the garbage collector frees what is read.
func (m *arrowMessages) Retain()  {}
func (m *arrowMessages) Release() {}

// Message reads the next message; at the end of the stream the error is io.EOF.
func (m *arrowMessages) Message() (*ipc.Message, error) {
	for {
		meta, err := m.metadata()
		if err != nil {
			return nil, err
		}
		kind, rows, size, err := describe(meta)
		if err != nil {
			return nil, err
		}
		if kind == ipc.MessageSchema {
			if err := checkSchema(meta); err != nil {
				return nil, err
			}
		}
		if kind == ipc.MessageRecordBatch && rows <= m.skip {
			if err := m.discard(size); err != nil {
				return nil, err
			}
			m.skip -= rows
			continue
		}
		if size < 0 || size > maxBatch {
			return nil, fmt.Errorf("a batch of %d rows takes %d bytes, and at most %s are read at once; write it in smaller batches", rows, size, bytesText(maxBatch))
		}
		body := new(bytes.Buffer) // grows as bytes come, whatever size promises
		if _, err := io.CopyN(body, m.in, size); err != nil {
			return nil, cutShort(err)
		}
		return ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body.Bytes())), nil
	}
}

// metadata reads what describes the next message.
func (m *arrowMessages) metadata() ([]byte, error) {
	const continued = 0xffffffff // stands before the length, but in files of before 2019
	var word [4]byte
	if _, err := io.ReadFull(m.in, word[:]); err != nil {
		return nil, cutShort(err) // every writer marks the end, and without the mark a lost batch would not show
	}
	length := binary.LittleEndian.Uint32(word[:])
	if length == continued {
		if _, err := io.ReadFull(m.in, word[:]); err != nil {
			return nil, cutShort(err)
		}
		length = binary.LittleEndian.Uint32(word[:])
	}
	if length == 0 {
		return nil, io.EOF
	}
	if length > maxMetadata {
		return nil, fmt.Errorf("the description of a batch takes %d bytes; want at most %s", length, bytesText(maxMetadata))
	}
	meta := new(bytes.Buffer)
	_, err := io.CopyN(meta, m.in, int64(length))
	return meta.Bytes(), cutShort(err)
}

// discard skips bytes of a message.
func (m *arrowMessages) discard(size int64) error {
	if seeker, can := m.in.(io.Seeker); can && size >= 0 {
		_, err := seeker.Seek(size, io.SeekCurrent)
		return err
	}
	_, err := io.CopyN(io.Discard, m.in, size)
	return cutShort(err)
}

var errCutShort = errors.New("the Arrow data ends in its middle; the file was cut short, so copy or write it again")

// cutShort names an end of the file inside a message.
func cutShort(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errCutShort
	}
	return err
}

// boundedMemory allocates for decompressed batches, up to maxBatch a buffer.
type boundedMemory struct{ memory.Allocator }

// Allocate allocates; the reader of batches turns the panic into an error.
func (m boundedMemory) Allocate(size int) []byte {
	if size < 0 || size > maxBatch {
		panic(fmt.Errorf("a batch decompresses to %d bytes, and at most %s are read at once; write it in smaller batches", size, bytesText(maxBatch)))
	}
	return m.Allocator.Allocate(size)
}

// Reallocate bounds like Allocate.
func (m boundedMemory) Reallocate(size int, old []byte) []byte {
	if size < 0 || size > maxBatch {
		return m.Allocate(size)
	}
	return m.Allocator.Reallocate(size, old)
}

// arrowReader reads the rows of a stream of batches.
type arrowReader struct {
	batches  *ipc.Reader
	messages *arrowMessages
	features *feature
	names    *header
	wanted   []bool
}

// openArrow opens a stream of batches at its beginning, such that so many rows are
// skipped.
func (f Files) openArrow(in io.Reader, skip int64, features *feature) (*arrowReader, error) {
	r := &arrowReader{messages: &arrowMessages{in: in, skip: skip}, features: features}
	var err error
	r.batches, err = ipc.NewReaderFromMessageReader(r.messages, ipc.WithAllocator(boundedMemory{memory.DefaultAllocator}))
	if err != nil {
		return nil, arrowError(err)
	}
	schema := r.batches.Schema()
	if text, has := schema.Metadata().GetValue("huggingface"); has {
		if found := schemaFeatures(text); found != nil {
			r.features = found
		}
	}
	var names []string
	for _, field := range schema.Fields() {
		if slices.Contains(names, field.Name) {
			return nil, fmt.Errorf("field %q occurs twice", field.Name)
		}
		names = append(names, field.Name)
	}
	r.names = newHeader(names)
	r.wanted = f.wantedFields(names)
	return r, nil
}

// arrowError is an error of the library without what only its authors need.
func arrowError(err error) error {
	if errors.Is(err, errCutShort) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errCutShort
	}
	return fmt.Errorf("the Arrow data is damaged (%w); copy or write the file again", err)
}

// next returns the next batch, and the first of its rows that is not skipped. At the end
// the error is io.EOF.
func (r *arrowReader) next() (batch arrow.RecordBatch, first int, err error) {
	batch, err = r.batches.Read()
	if err != nil {
		if err != io.EOF {
			err = arrowError(err)
		}
		return nil, 0, err
	}
	first = int(r.messages.skip)
	r.messages.skip = 0
	return batch, first, nil
}

// row makes the values of a row of a batch.
func (r *arrowReader) row(batch arrow.RecordBatch, row int) (values []value, size int, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = arrowError(fmt.Errorf("%v", reason))
		}
	}()
	values = make([]value, len(r.wanted))
	for i, wanted := range r.wanted {
		if wanted {
			field := batch.Schema().Field(i)
			values[i] = arrowValue(batch.Column(i), row, featureOf(r.features.of(field.Name), field))
			size += len(values[i].raw)
		}
	}
	return values, size, nil
}

// readArrow yields the rows of an Arrow file or stream.
func readArrow(f Files, in *input, from Place, yield func(Record, error) bool) error {
	rows := arrowRows{f: f, path: in.path, at: from, skip: from.Row, yield: yield}
	if err := rows.readFile(in); err != nil {
		return err
	}
	return rows.end()
}

// arrowStream reads the messages of the file.
func (in *input) arrowStream() (io.ReadCloser, error) {
	at := int64(0)
	if in.kind == arrowFile {
		at = int64(len(arrowMagic))
		if err := in.endsWith(arrowMagic[:6]); err != nil {
			return nil, fmt.Errorf("%s: %w", in.path, err)
		}
	}
	r, err := in.from(at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.path, err)
	}
	return r, nil
}

// endsWith checks how a file that is not compressed ends.
func (in *input) endsWith(magic string) error {
	if in.pack != unpacked {
		return nil
	}
	end := make([]byte, len(magic))
	size, err := in.file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = in.file.ReadAt(end, size-int64(len(end)))
	}
	if err == nil && string(end) != magic {
		err = errCutShort
	}
	return err
}

// arrowRows yields the rows of one stream of batches, or of several that make up a data set.
type arrowRows struct {
	f        Files
	path     string // of the file or the data set
	at       Place  // of the next row
	skip     int64  // rows that are before it, of the streams that are not read yet
	features *feature
	yield    func(Record, error) bool
}

// errStopped says that whoever reads wants no more.
var errStopped = errors.New("no more records are wanted")

// readFile yields the rows of a stream of batches.
func (r *arrowRows) readFile(in *input) error {
	stream, err := in.arrowStream()
	if err != nil {
		return err
	}
	defer stream.Close()
	reader, err := r.f.openArrow(stream, r.skip, r.features)
	if err != nil {
		return fmt.Errorf("%s: %w", in.path, err)
	}
	for err == nil {
		err = r.readBatch(reader)
	}
	r.skip = reader.messages.skip
	switch {
	case err == io.EOF:
		return nil
	case err == errStopped || in.path == r.path:
		return err
	}
	return fmt.Errorf("%w (in %s)", err, in.path)
}

// readBatch yields the rows of the next batch. At the end of the stream the error is io.EOF.
func (r *arrowRows) readBatch(reader *arrowReader) error {
	batch, first, err := reader.next()
	if err != nil {
		return r.located(err)
	}
	for i := first; i < int(batch.NumRows()); i++ {
		values, size, err := reader.row(batch, i)
		if err == nil && size > r.f.maxRecord() {
			err = fmt.Errorf("the record is longer than %s, the most that is read of one; split it", bytesText(r.f.maxRecord()))
		}
		if err != nil {
			return r.located(err)
		}
		row := typedRow{
			file:    r.path,
			place:   r.at,
			after:   r.at.nextRow(),
			names:   reader.names,
			values:  values,
			size:    size,
			replace: r.f.Unreadable == Replace,
		}
		r.at = row.after
		if !r.yield(row, nil) {
			return errStopped
		}
	}
	return nil
}

// located says at which row an error came up.
func (r *arrowRows) located(err error) error {
	if err == io.EOF {
		return err
	}
	return fmt.Errorf("%s: %w", Position{File: r.path, Row: int(r.at.Row) + 1}, err)
}

// end checks that the rows before the place to begin at were there.
func (r *arrowRows) end() error {
	if r.skip > 0 {
		return fewerRows(r.path, r.at.Row-r.skip, r.at.Row)
	}
	return nil
}

// fewerRows is the error of a place that lies beyond the last row.
func fewerRows(path string, rows, before int64) error {
	return fmt.Errorf("%s: it has %d rows, and the place to begin at has %d before it; it is not the file that was read before", path, rows, before)
}
