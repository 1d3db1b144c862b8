package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// parquetMagic begins and ends a Parquet file.
const parquetMagic = "PAR1"

// maxFooter is how many bytes the metadata at the end of a Parquet file may take.
const maxFooter = 256 << 20

// parquetFile is an open Parquet file.
type parquetFile struct {
	in       io.ReaderAt
	size     int64
	metadata format.FileMetaData
	fields   []*parquetNode
	leaves   []*parquetNode
	decoders []parquet.ColumnChunk // of the pages of each leaf
	names    *header
	features *feature
}

// openParquet reads the metadata of a file.
func openParquet(in io.ReaderAt, size int64) (p *parquetFile, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("the metadata is damaged (%v); copy or write the file again", reason)
		}
	}()
	p = &parquetFile{in: in, size: size}
	if err := p.readFooter(); err != nil {
		return nil, err
	}
	if p.fields, p.leaves, err = parquetFields(p.metadata.Schema); err != nil {
		return nil, err
	}
	if p.decoders, err = leafDecoders(p.metadata.Schema, len(p.leaves)); err != nil {
		return nil, err
	}
	if err := p.checkGroups(); err != nil {
		return nil, err
	}
	var names []string
	for _, field := range p.fields {
		names = append(names, field.name)
	}
	for _, pair := range p.metadata.KeyValueMetadata {
		if pair.Key == "huggingface" {
			p.features = schemaFeatures(pair.Value)
		}
	}
	p.names = newHeader(names)
	if len(p.names.index) < len(names) {
		return nil, errors.New("two fields have the same name")
	}
	return p, nil
}

// readFooter reads the metadata at the end of the file.
func (p *parquetFile) readFooter() error {
	const ending = 8 // length and magic
	if p.size < ending+int64(len(parquetMagic)) {
		return errParquetShort
	}
	end := make([]byte, ending)
	if _, err := p.in.ReadAt(end, p.size-ending); err != nil {
		return err
	}
	length := int64(binary.LittleEndian.Uint32(end))
	switch magic := string(end[4:]); {
	case magic == "PARE":
		return errors.New("the Parquet file is encrypted; write it without")
	case magic != parquetMagic:
		return errParquetShort
	case length > p.size-ending || length > maxFooter:
		return fmt.Errorf("the metadata claims %d bytes of a file of %d; copy or write the file again", length, p.size)
	}
	footer := make([]byte, length)
	if _, err := p.in.ReadAt(footer, p.size-ending-length); err != nil {
		return err
	}
	return decodeThrift(footer, &p.metadata)
}

var errParquetShort = errors.New("the Parquet data ends in its middle; the file was cut short, so copy or write it again")

// leafDecoders are what decodes the pages of each leaf of a schema. The library makes
// them of a file: here it is one that holds nothing but a schema, and columns that are
// not compressed and as long as may be, whose pages a pageStream gives.
func leafDecoders(schema []format.SchemaElement, leaves int) ([]parquet.ColumnChunk, error) {
	group := format.RowGroup{Columns: make([]format.ColumnChunk, leaves)}
	for i := range group.Columns {
		group.Columns[i].MetaData = format.ColumnMetaData{TotalCompressedSize: 1 << 62, NumValues: 1 << 62}
	}
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), &format.FileMetaData{Version: 1, Schema: schema, RowGroups: []format.RowGroup{group}})
	if err != nil {
		return nil, err
	}
	file := append([]byte(parquetMagic), footer...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(footer)))
	file = append(file, parquetMagic...)
	opened, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("the metadata is damaged (%w); copy or write the file again", err)
	}
	return opened.RowGroups()[0].ColumnChunks(), nil
}

// checkGroups checks that each row group has what the schema says.
func (p *parquetFile) checkGroups() error {
	for i, group := range p.metadata.RowGroups {
		if len(group.Columns) != len(p.leaves) || group.NumRows < 0 {
			return fmt.Errorf("row group %d has %d columns and %d rows, and the schema %d columns; copy or write the file again", i, len(group.Columns), group.NumRows, len(p.leaves))
		}
		for _, column := range group.Columns {
			if column.FilePath != "" {
				return fmt.Errorf("a column of row group %d is in another file, %q; write it as one file", i, column.FilePath)
			}
		}
	}
	return nil
}

// readParquet yields the rows of a Parquet file.
func readParquet(f Files, in *input, from Place, yield func(Record, error) bool) error {
	size, err := in.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	p, err := openParquet(in.file, size)
	if err != nil {
		return fmt.Errorf("%s: %w", in.path, err)
	}
	before := int64(0)
	wanted := f.wantedFields(p.names.names)
	for i := range p.metadata.RowGroups {
		rows := p.metadata.RowGroups[i].NumRows
		if from.Row < before+rows {
			from, err = f.readGroup(in.path, p.openGroup(i, wanted), from, from.Row-before, yield)
			if err != nil {
				return err
			}
		}
		before += rows
	}
	if from.Row > before {
		return fewerRows(in.path, before, from.Row)
	}
	return nil
}

// readGroup yields the rows of a row group behind those that are skipped, and returns the
// place behind the last.
func (f Files) readGroup(path string, g *parquetGroup, from Place, skip int64, yield func(Record, error) bool) (Place, error) {
	located := func(err error) error { return fmt.Errorf("%s: %w", Position{File: path, Row: int(from.Row) + 1}, err) }
	if err := g.skip(skip); err != nil {
		return from, located(err)
	}
	for range g.rows - skip {
		values, size, err := g.next()
		if err == nil && size > f.maxRecord() {
			err = fmt.Errorf("the record is longer than %s, the most that is read of one; split it", bytesText(f.maxRecord()))
		}
		if err != nil {
			return from, located(err)
		}
		row := typedRow{
			file:    path,
			place:   from,
			after:   from.nextRow(),
			names:   g.file.names,
			values:  values,
			size:    size,
			replace: f.Unreadable == Replace,
		}
		from = row.after
		if !yield(row, nil) {
			return from, errStopped
		}
	}
	return from, nil
}
