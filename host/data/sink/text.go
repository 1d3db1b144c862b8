package sink

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"llmhost/host/data/record"
	"llmhost/host/data/source"
)

// textFile writes text, compressed or not.
type textFile struct {
	*bufio.Writer
	packer io.WriteCloser // nil for none
}

func newText(file io.Writer, packed packing) (t *textFile, err error) {
	t = &textFile{}
	switch packed {
	case gzipped:
		t.packer = gzip.NewWriter(file)
	case zstandard:
		t.packer, err = zstd.NewWriter(file, zstd.WithEncoderConcurrency(1))
	}
	if t.packer != nil {
		file = t.packer
	}
	t.Writer = bufio.NewWriterSize(file, 1<<16)
	return t, err
}

func (t *textFile) close() error {
	err := t.Flush()
	if t.packer != nil {
		err = errors.Join(err, t.packer.Close())
	}
	return err
}

// jsonOutput writes an object a line, and around them the marks of an array.
type jsonOutput struct {
	text  *textFile
	array bool
	begun bool
	line  []byte
}

func (o *jsonOutput) write(r record.Record) error {
	o.line = o.line[:0]
	if o.array {
		o.line = append(o.line, o.separator()...)
	}
	o.line = r.Value().Append(o.line)
	if !o.array {
		o.line = append(o.line, '\n')
	}
	_, err := o.text.Write(o.line)
	return err
}

// separator is what stands before an element.
func (o *jsonOutput) separator() string {
	if !o.begun {
		o.begun = true
		return "[\n"
	}
	return ",\n"
}

func (o *jsonOutput) close() error {
	if o.array {
		end := "\n]\n"
		if !o.begun {
			end = "[]\n"
		}
		if _, err := o.text.WriteString(end); err != nil {
			return err
		}
	}
	return o.text.close()
}

// plainOutput writes records of one text, a line each.
type plainOutput struct{ text *textFile }

func (o plainOutput) write(r record.Record) error {
	if len(r) != 1 || r[0].Value.Kind != record.String {
		return fmt.Errorf("it has the fields %s; a .txt file holds records of one text alone; write .jsonl", strings.Join(r.Names(), ", "))
	}
	if strings.ContainsAny(r[0].Value.Text, "\n\r") {
		return errors.New("its text has line ends, and in a .txt file each line is a record; write .jsonl")
	}
	_, err := o.text.WriteString(r[0].Value.Text + "\n")
	return err
}

func (o plainOutput) close() error { return o.text.close() }

// tableOutput writes rows of cells between separators.
type tableOutput struct {
	text      *textFile
	fields    []*field
	separator byte
	line      []byte
}

func newTable(text *textFile, schema *Schema, separator byte) (*tableOutput, error) {
	o := &tableOutput{text: text, fields: schema.fields, separator: separator}
	for _, f := range o.fields {
		o.cell(f.name)
	}
	return o, o.end()
}

func (o *tableOutput) write(r record.Record) error {
	for _, f := range o.fields {
		cell, err := cellOf(r.Get(f.name))
		if err != nil {
			return fmt.Errorf("field %q %w", f.name, err)
		}
		o.cell(cell)
	}
	return o.end()
}

// cellOf is the text of a cell, as pandas writes it.
func cellOf(v record.Value) (string, error) {
	switch v.Kind {
	case record.List, record.Object:
		return v.JSON(), nil
	case record.Bool:
		return strings.ToUpper(v.Text[:1]) + v.Text[1:], nil
	case record.String:
		if v.Text != "" && source.IsNullText(v.Text) {
			return "", fmt.Errorf("is the text %q, which every reader of tables takes for null; write .jsonl or .parquet", v.Text)
		}
		return v.Text, nil
	case record.Number:
		return v.Text, nil
	}
	return "", nil
}

// cell adds a cell to the line.
func (o *tableOutput) cell(text string) {
	if strings.ContainsAny(text, "\"\r\n"+string(o.separator)) || text == "" && len(o.fields) == 1 {
		text = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	o.line = append(append(o.line, text...), o.separator)
}

// end writes the line.
func (o *tableOutput) end() error {
	if len(o.line) > 0 {
		o.line[len(o.line)-1] = '\n'
	}
	_, err := o.text.Write(o.line)
	o.line = o.line[:0]
	return err
}

func (o *tableOutput) close() error { return o.text.close() }
