package sink

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"llmhost/host/atomicfile"
	"llmhost/host/data/record"
)

// A batch is written when it has so many rows, as of datasets, or so many bytes.
const (
	batchRows  = 1000
	batchBytes = 16 << 20
)

// arrowOutput writes batches of rows.
type arrowOutput struct {
	fields  []*field
	builder *array.RecordBuilder
	out     interface {
		Write(arrow.RecordBatch) error
		io.Closer
	}
	rows, bytes int
}

func newArrow(schema *Schema) (*arrowOutput, *arrow.Schema, error) {
	if err := complete(schema.fields, ""); err != nil {
		return nil, nil, err
	}
	types := arrow.NewSchema(arrowFields(schema.fields), nil)
	return &arrowOutput{fields: schema.fields, builder: array.NewRecordBuilder(memory.DefaultAllocator, types)}, types, nil
}

func newArrowFile(file io.Writer, schema *Schema) (output, error) {
	o, types, err := newArrow(schema)
	if err != nil {
		return nil, err
	}
	o.out, err = ipc.NewFileWriter(file, ipc.WithSchema(types))
	return o, err
}

func arrowFields(fields []*field) []arrow.Field {
	all := make([]arrow.Field, len(fields))
	for i, f := range fields {
		all[i] = arrow.Field{Name: f.name, Type: arrowType(f), Nullable: true}
	}
	return all
}

func arrowType(f *field) arrow.DataType {
	switch f.kind {
	case boolean:
		return arrow.FixedWidthTypes.Boolean
	case integer:
		return arrow.PrimitiveTypes.Int64
	case float:
		return arrow.PrimitiveTypes.Float64
	case list:
		return arrow.ListOf(arrowType(f.item))
	case object:
		return arrow.StructOf(arrowFields(f.sub)...)
	}
	return arrow.BinaryTypes.String
}

func (o *arrowOutput) write(r record.Record) error {
	for i, f := range o.fields {
		n, err := appendArrow(o.builder.Field(i), f, r.Get(f.name))
		if err != nil {
			return fmt.Errorf("field %q %w", f.name, err)
		}
		o.bytes += n
	}
	o.rows++
	if o.rows >= batchRows || o.bytes >= batchBytes {
		return o.flush()
	}
	return nil
}

// appendArrow appends a value and returns about how many bytes it takes.
func appendArrow(to array.Builder, f *field, v record.Value) (size int, err error) {
	if kindOfValue(v) == null {
		to.AppendNull()
		return 1, nil
	}
	switch to := to.(type) {
	case *array.BooleanBuilder:
		to.Append(v.Text == "true")
	case *array.Int64Builder:
		n, err := strconv.ParseInt(v.Text, 10, 64)
		if err != nil {
			return 0, errOtherKind
		}
		to.Append(n)
	case *array.Float64Builder:
		x, err := strconv.ParseFloat(v.Text, 64)
		if err != nil {
			return 0, fmt.Errorf("is %s; want a number that a float64 holds", v.Text)
		}
		to.Append(x)
	case *array.StringBuilder:
		to.Append(v.Text)
		size = len(v.Text)
	case *array.ListBuilder:
		to.Append(true)
		for _, item := range v.Items {
			n, err := appendArrow(to.ValueBuilder(), f.item, item)
			if err != nil {
				return 0, err
			}
			size += n
		}
	case *array.StructBuilder:
		to.Append(true)
		for i, sub := range f.sub {
			n, err := appendArrow(to.FieldBuilder(i), sub, v.Get(sub.name))
			if err != nil {
				return 0, err
			}
			size += n
		}
	}
	return size + 8, nil
}

var errOtherKind = fmt.Errorf("is of another kind than the schema says: the records changed while they were read")

// flush writes the rows that were gathered.
func (o *arrowOutput) flush() error {
	batch := o.builder.NewRecordBatch()
	defer batch.Release()
	o.rows, o.bytes = 0, 0
	return o.out.Write(batch)
}

func (o *arrowOutput) close() error {
	if o.rows > 0 {
		if err := o.flush(); err != nil {
			return err
		}
	}
	return o.out.Close()
}

// datasetOutput writes a folder of datasets.
type datasetOutput struct {
	*arrowOutput
	folder string
	file   *os.File
	sum    hash.Hash // of the rows
}

// dataFile is the file of the rows, by the name that datasets gives the only one.
const dataFile = "data-00000-of-00001.arrow"

func createDataset(path string, schema *Schema) (output, target, error) {
	rows, types, err := newArrow(schema)
	if err != nil {
		return nil, nil, err
	}
	folder, err := atomicfile.CreateDir(path)
	if err != nil {
		return nil, nil, err
	}
	o := &datasetOutput{arrowOutput: rows, folder: folder.Path(), sum: sha256.New()}
	if o.file, err = os.Create(filepath.Join(o.folder, dataFile)); err != nil {
		return nil, folder, err
	}
	o.out = ipc.NewWriter(io.MultiWriter(o.file, o.sum), ipc.WithSchema(types))
	return o, folder, nil
}

func (o *datasetOutput) close() error {
	defer o.file.Close() // a second close is harmless
	if err := o.arrowOutput.close(); err != nil {
		return err
	}
	if err := o.file.Close(); err != nil {
		return err
	}
	state := map[string]any{
		"_data_files":         []any{map[string]any{"filename": dataFile}},
		"_fingerprint":        hex.EncodeToString(o.sum.Sum(nil)[:8]), // names what datasets caches of it
		"_format_columns":     nil,
		"_format_kwargs":      map[string]any{},
		"_format_type":        nil,
		"_output_all_columns": false,
		"_split":              nil,
	}
	if err := o.writeJSON("state.json", state); err != nil {
		return err
	}
	return o.writeJSON("dataset_info.json", map[string]any{"citation": "", "description": "", "homepage": "", "license": ""})
}

func (o *datasetOutput) writeJSON(name string, content any) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.folder, name), text, 0o666)
}
