package source

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Bounds on a page of a Parquet file. Writers make pages of 1 MiB or so, and larger ones
// only of single large values.
const (
	maxPageBytes  = 256 << 20
	maxPageValues = 1 << 24
	maxPageHeader = 16 << 20
)

// pageStream is the pages of a column in a row group, decompressed, as the library reads
// them. The library would believe the sizes that a page claims and decompress whatever
// comes of it; and it can skip rows only by decoding them.
type pageStream struct {
	file  io.ReaderAt
	chunk *format.ColumnChunk
	flat  bool  // each value is a row
	left  int64 // values of the pages that are not read yet, -1 where that is not known
	end   int64 // of the pages in the file, where left is not known

	in      *bufio.Reader
	at      int64 // of in, in the file
	pending []byte
	err     error
}

func newPageStream(file io.ReaderAt, chunk *format.ColumnChunk, flat bool) *pageStream {
	s := &pageStream{file: file, chunk: chunk, flat: flat, left: chunk.MetaData.NumValues}
	s.end = s.begin() + chunk.MetaData.TotalCompressedSize
	s.readFrom(s.begin())
	return s
}

// begin is where the first page is.
func (s *pageStream) begin() int64 {
	m := &s.chunk.MetaData
	if at := m.DictionaryPageOffset; at > 0 && at < m.DataPageOffset {
		return at
	}
	return m.DataPageOffset
}

func (s *pageStream) readFrom(offset int64) {
	s.at = offset
	rest := io.NewSectionReader(s.file, offset, 1<<62-offset)
	if s.in == nil {
		s.in = bufio.NewReaderSize(rest, readAhead)
		return
	}
	s.in.Reset(rest)
}

// ReadAt gives the pages one after the other, whatever the offset: the library reads them
// in order.
func (s *pageStream) ReadAt(to []byte, _ int64) (int, error) {
	for len(s.pending) == 0 && s.err == nil {
		s.err = s.nextPage()
	}
	if len(s.pending) == 0 {
		return 0, s.err
	}
	n := copy(to, s.pending)
	s.pending = s.pending[n:]
	return n, nil
}

// nextPage reads the next page. At the end of the column the error is io.EOF.
func (s *pageStream) nextPage() error {
	if s.left == 0 || s.left < 0 && s.at >= s.end {
		return io.EOF
	}
	h, length, err := s.header()
	if err != nil {
		return err
	}
	s.discard(length)
	body, err := s.body(h)
	if err != nil {
		return err
	}
	if values, _ := s.extent(h); s.left > 0 {
		s.left = max(0, s.left-values)
	}
	return s.give(h, body)
}

// body reads what is behind the header of a page.
func (s *pageStream) body(h *format.PageHeader) ([]byte, error) {
	body := make([]byte, h.CompressedPageSize)
	n, err := io.ReadFull(s.in, body)
	s.at += int64(n)
	if err != nil {
		return nil, parquetShort(err)
	}
	if crc := uint32(h.CRC); crc != 0 && crc != crc32.ChecksumIEEE(body) {
		return nil, errors.New("a page does not have the checksum that it names; copy or write the file again")
	}
	return body, nil
}

// give decompresses a page and makes it the next that is read.
func (s *pageStream) give(h *format.PageHeader, body []byte) error {
	levels := 0 // of pages of version 2 these are not compressed
	packed := true
	if h.Type == format.DataPageV2 {
		v2 := &h.DataPageHeaderV2.V
		levels = int(v2.RepetitionLevelsByteLength) + int(v2.DefinitionLevelsByteLength)
		packed = !v2.IsCompressed.Valid || v2.IsCompressed.V
		v2.IsCompressed = thrift.New(false)
		v2.Statistics = format.Statistics{}
	}
	h.DataPageHeader.V.Statistics = format.Statistics{}
	if levels > len(body) || levels > int(h.UncompressedPageSize) {
		return errors.New("the header of a page is damaged; copy or write the file again")
	}
	if packed {
		unpacked, err := unpackPage(s.chunk.MetaData.Codec, body[levels:], int(h.UncompressedPageSize)-levels)
		if err != nil {
			return err
		}
		body = append(body[:levels:levels], unpacked...)
	}
	h.CRC = 0
	h.CompressedPageSize = int32(len(body))
	h.UncompressedPageSize = int32(len(body))
	text, err := thrift.Marshal(new(thrift.CompactProtocol), h)
	s.pending = append(text, body...)
	return err
}

// skip goes over rows, as far as these are whole pages that tell how many they have. It
// returns how many rows are still to be skipped.
func (s *pageStream) skip(rows int64) (left int64, err error) {
	rows, err = s.skipByIndex(rows)
	for err == nil && rows > 0 {
		h, length, err := s.header()
		if err != nil {
			return rows, err
		}
		values, n := s.extent(h)
		switch {
		case h.Type == format.DictionaryPage:
			if err := s.dictionary(); err != nil {
				return rows, err
			}
		case n < 0 || n > rows:
			return rows, nil
		default:
			s.discard(length + int(h.CompressedPageSize))
			rows -= n
			if s.left > 0 {
				s.left = max(0, s.left-values)
			}
		}
	}
	return rows, err
}

// dictionary reads the page of the dictionary ahead of the values.
func (s *pageStream) dictionary() error {
	before := s.pending
	err := s.nextPage()
	s.pending = append(before, s.pending...)
	return err
}

// skipByIndex goes to the page that holds a row where the file has an index of pages. It
// returns how many rows of that page are before it.
func (s *pageStream) skipByIndex(rows int64) (left int64, err error) {
	at, length := s.chunk.OffsetIndexOffset, int64(s.chunk.OffsetIndexLength)
	if rows == 0 || at <= 0 || length <= 0 || length > maxPageHeader {
		return rows, nil
	}
	text := make([]byte, length)
	if _, err := s.file.ReadAt(text, at); err != nil {
		return rows, parquetShort(err)
	}
	var index format.OffsetIndex
	if err := decodeThrift(text, &index); err != nil {
		return rows, err
	}
	page := format.PageLocation{}
	for _, location := range index.PageLocations {
		if location.FirstRowIndex <= rows {
			page = location
		}
	}
	if page.FirstRowIndex == 0 {
		return rows, nil
	}
	if s.begin() < s.chunk.MetaData.DataPageOffset {
		if err := s.dictionary(); err != nil {
			return rows, err
		}
	}
	s.readFrom(page.Offset)
	s.left = -1
	return rows - page.FirstRowIndex, nil
}

// extent is how many values and rows a page has; rows is -1 where it does not tell.
func (s *pageStream) extent(h *format.PageHeader) (values, rows int64) {
	switch {
	case h.Type == format.DataPageV2:
		return int64(h.DataPageHeaderV2.V.NumValues), int64(h.DataPageHeaderV2.V.NumRows)
	case h.Type == format.DataPage && s.flat:
		n := int64(h.DataPageHeader.V.NumValues)
		return n, n
	case h.Type == format.DataPage:
		return int64(h.DataPageHeader.V.NumValues), -1
	}
	return 0, -1
}

// header reads the header of the next page, without going on to what is behind it.
func (s *pageStream) header() (h *format.PageHeader, length int, err error) {
	for ahead := 512; ; ahead *= 8 {
		if ahead > s.in.Size() {
			s.in = bufio.NewReaderSize(s.in, ahead)
		}
		text, err := s.in.Peek(ahead)
		if err != nil && err != io.EOF {
			return nil, 0, err
		}
		length, err := thriftLength(text)
		if err == errThriftShort && len(text) == ahead && ahead < maxPageHeader {
			continue
		}
		if err == errThriftShort {
			return nil, 0, errParquetShort
		}
		h := new(format.PageHeader)
		if err := decodeThrift(text[:length], h); err != nil {
			return nil, 0, err
		}
		return h, length, checkPageHeader(h)
	}
}

// discard goes over bytes; where there are none, what is read next will show it.
func (s *pageStream) discard(n int) {
	if n > s.in.Buffered() {
		s.readFrom(s.at + int64(n))
		return
	}
	done, _ := s.in.Discard(n)
	s.at += int64(done)
}

// decodeThrift decodes a part of the metadata, whose lengths are checked first.
func decodeThrift(text []byte, to any) error {
	if _, err := thriftLength(text); err != nil {
		return fmt.Errorf("%w; copy or write the file again", err)
	}
	if err := thrift.NewDecoder(new(thrift.CompactProtocol).NewReaderFromBytes(text)).Decode(to); err != nil {
		return fmt.Errorf("%w (%w); copy or write the file again", errThriftBad, err)
	}
	return nil
}

// parquetShort names an end of the file inside a page.
func parquetShort(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errParquetShort
	}
	return err
}

// checkPageHeader refuses a page that would take more memory than pages do.
func checkPageHeader(h *format.PageHeader) error {
	values := max(h.DataPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues, h.DictionaryPageHeader.V.NumValues)
	least := min(h.DataPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues, h.DictionaryPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumNulls,
		h.DataPageHeaderV2.V.NumRows, h.DataPageHeaderV2.V.DefinitionLevelsByteLength, h.DataPageHeaderV2.V.RepetitionLevelsByteLength)
	switch {
	case least < 0 || h.CompressedPageSize < 0 || h.UncompressedPageSize < 0:
		return errors.New("the header of a page is damaged; copy or write the file again")
	case max(h.CompressedPageSize, h.UncompressedPageSize) > maxPageBytes:
		return fmt.Errorf("a page takes %d bytes, and at most %s are read; write the file with smaller pages", max(h.CompressedPageSize, h.UncompressedPageSize), bytesText(maxPageBytes))
	case values > maxPageValues:
		return fmt.Errorf("a page has %d values, and at most %d are read; write the file with smaller pages", values, maxPageValues)
	}
	return nil
}
