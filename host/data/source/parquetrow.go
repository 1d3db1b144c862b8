package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// parquetGroup reads the rows of a row group.
type parquetGroup struct {
	file   *parquetFile
	rows   int64
	fields []int         // that are read
	leaves []*leafReader // by leaf, nil where it is not read
}

// openGroup opens the columns of a row group that hold the wanted fields.
func (p *parquetFile) openGroup(group int, wanted []bool) *parquetGroup {
	g := &parquetGroup{file: p, rows: p.metadata.RowGroups[group].NumRows, leaves: make([]*leafReader, len(p.leaves))}
	for i, field := range p.fields {
		if !wanted[i] {
			continue
		}
		g.fields = append(g.fields, i)
		for leaf := field.leaf; leaf < field.leaf+field.leaves; leaf++ {
			g.leaves[leaf] = p.openLeaf(group, leaf)
		}
	}
	return g
}

// skip goes over rows.
func (g *parquetGroup) skip(rows int64) (err error) {
	defer recoverParquet(&err)
	for _, leaf := range g.leaves {
		if leaf != nil && err == nil {
			err = leaf.skip(rows)
		}
	}
	return err
}

// next makes the values of the next row.
func (g *parquetGroup) next() (values []value, size int, err error) {
	defer recoverParquet(&err)
	values = make([]value, len(g.file.fields))
	for _, i := range g.fields {
		field := g.file.fields[i]
		for leaf := field.leaf; leaf < field.leaf+field.leaves; leaf++ {
			if err := g.leaves[leaf].readRow(); err != nil {
				return nil, 0, fmt.Errorf("field %q: %w", field.name, err)
			}
		}
		values[i] = g.value(field, g.file.features.of(field.name))
		size += len(values[i].raw)
	}
	return values, size, nil
}

// recoverParquet turns a panic about damaged data into an error.
func recoverParquet(err *error) {
	if reason := recover(); reason != nil {
		*err = fmt.Errorf("the Parquet data is damaged (%v); copy or write the file again", reason)
	}
}

// value is the value of a field in the row that was read.
func (g *parquetGroup) value(field *parquetNode, f *feature) value {
	if len(field.children) == 0 && !field.repeated {
		v := g.leaves[field.leaf].row[0]
		if text, is := parquetText(field, v); is && (f == nil || !f.isJSON) && v.DefinitionLevel() == field.def {
			return value{kind: kindString, raw: bytes.Clone(text), plain: true}
		}
	}
	w := valueWriter{}
	w.parquet(g, field, f)
	return w.value()
}

// leafReader reads the values of a leaf in a row group, row by row.
type leafReader struct {
	stream *pageStream
	pages  *parquet.FilePages
	flat   bool // each value is a row

	page parquet.ValueReader // at hand, nil for none
	buf  []parquet.Value     // some of its values
	next int                 // in buf

	row []parquet.Value // of the row that was read
	at  int             // in row
}

// valuesAtOnce is how many values are taken from a page at a time.
const valuesAtOnce = 128

func (p *parquetFile) openLeaf(group, leaf int) *leafReader {
	flat := p.leaves[leaf].rep == 0
	stream := newPageStream(p.in, &p.metadata.RowGroups[group].Columns[leaf], flat)
	return &leafReader{
		stream: stream,
		pages:  p.decoders[leaf].(*parquet.FileColumnChunk).PagesFrom(stream),
		flat:   flat,
		buf:    make([]parquet.Value, 0, valuesAtOnce),
	}
}

// errNoValue says that a column has fewer values than its row group has rows.
var errNoValue = errors.New("the column ends before its row group; copy or write the file again")

// peek returns the next value; at the end of the column ok is false.
func (r *leafReader) peek() (v parquet.Value, ok bool, err error) {
	for r.next == len(r.buf) {
		if r.page == nil {
			if err := r.nextPage(); err == io.EOF {
				return v, false, nil
			} else if err != nil {
				return v, false, err
			}
		}
		n, err := r.page.ReadValues(r.buf[:cap(r.buf)])
		if err != nil && err != io.EOF {
			return v, false, err
		}
		r.buf = r.buf[:n]
		r.next = 0
		if err == io.EOF || n == 0 {
			r.page = nil
		}
	}
	return r.buf[r.next], true, nil
}

// nextPage decodes the next page.
func (r *leafReader) nextPage() error {
	page, err := r.pages.ReadPage()
	if r.stream.err != nil && r.stream.err != io.EOF {
		return r.stream.err // the library calls it an end of the file
	}
	if err == nil {
		r.page = page.Values()
	} else if err != io.EOF {
		err = fmt.Errorf("a page is damaged (%w); copy or write the file again", err)
	}
	return err
}

// readRow reads the values of the next row.
func (r *leafReader) readRow() error {
	r.row = r.row[:0]
	r.at = 0
	for {
		v, ok, err := r.peek()
		switch first := len(r.row) == 0; {
		case err != nil:
			return err
		case !ok && first:
			return errNoValue
		case !ok, !first && v.RepetitionLevel() == 0:
			return nil
		}
		r.row = append(r.row, v)
		r.next++
		if r.flat {
			return nil
		}
	}
}

// skip goes over rows.
func (r *leafReader) skip(rows int64) error {
	rows, err := r.stream.skip(rows)
	for err == nil && rows > 0 {
		err = r.readRow()
		rows--
	}
	return err
}

// current is the value of the row that is next in it.
func (r *leafReader) current() parquet.Value { return r.row[r.at] }
