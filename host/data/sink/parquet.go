package sink

import (
	"fmt"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"llmhost/host/data/record"
)

// A row group is written when it has so many rows, or so many bytes of values.
const (
	groupRows  = 100_000
	groupBytes = 64 << 20
)

// parquetOutput writes rows in groups.
type parquetOutput struct {
	fields  []*field
	out     *parquet.Writer
	columns [][]parquet.Value // of the row that is being written
	row     parquet.Row

	rows, bytes int // of the group
}

func newParquet(file io.Writer, schema *Schema) (output, error) {
	if err := complete(schema.fields, ""); err != nil {
		return nil, err
	}
	if len(schema.fields) == 0 {
		return nil, fmt.Errorf("there is no field to write, and Parquet needs one")
	}
	root := groupOf(schema.fields)
	o := &parquetOutput{
		fields: schema.fields,
		out:    parquet.NewWriter(file, parquet.NewSchema("schema", root), parquet.Compression(&parquet.Snappy)),
	}
	o.columns = make([][]parquet.Value, leaves(schema.fields))
	return o, nil
}

// group is a group whose fields keep their order.
type group struct {
	parquet.Group
	fields []parquet.Field
}

// Fields returns the fields in their order.
func (g group) Fields() []parquet.Field { return g.fields }

func groupOf(fields []*field) group {
	g := group{Group: parquet.Group{}}
	for _, f := range fields {
		g.Group[f.name] = parquet.Optional(nodeOf(f))
	}
	byName := map[string]parquet.Field{}
	for _, f := range g.Group.Fields() {
		byName[f.Name()] = f
	}
	for _, f := range fields {
		g.fields = append(g.fields, byName[f.name])
	}
	return g
}

func nodeOf(f *field) parquet.Node {
	switch f.kind {
	case boolean:
		return parquet.Leaf(parquet.BooleanType)
	case integer:
		return parquet.Leaf(parquet.Int64Type)
	case float:
		return parquet.Leaf(parquet.DoubleType)
	case list:
		return parquet.List(parquet.Optional(nodeOf(f.item)))
	case object:
		return groupOf(f.sub)
	}
	return parquet.String()
}

// leaves counts the columns of some fields.
func leaves(fields []*field) (n int) {
	for _, f := range fields {
		switch f.kind {
		case list:
			n += leaves([]*field{f.item})
		case object:
			n += leaves(f.sub)
		default:
			n++
		}
	}
	return n
}

func (o *parquetOutput) write(r record.Record) error {
	for i := range o.columns {
		o.columns[i] = o.columns[i][:0]
	}
	column := 0
	for _, f := range o.fields {
		next, err := o.shred(f, r.Get(f.name), column, level{})
		if err != nil {
			return fmt.Errorf("field %q %w", f.name, err)
		}
		column = next
	}
	o.row = o.row[:0]
	for _, values := range o.columns {
		o.row = append(o.row, values...)
	}
	if _, err := o.out.WriteRows([]parquet.Row{o.row}); err != nil {
		return err
	}
	if o.rows++; o.rows < groupRows && o.bytes < groupBytes {
		return nil
	}
	o.rows, o.bytes = 0, 0
	return o.out.Flush()
}

// level is where a value is in lists and in fields that may be null.
type level struct {
	rep, def int
	lists    int // around it
}

// shred takes a value apart into values of columns, the first of which is given, and
// returns the column behind those of the field.
func (o *parquetOutput) shred(f *field, v record.Value, column int, at level) (next int, err error) {
	if kindOfValue(v) == null {
		next = column + leaves([]*field{f})
		for ; column < next; column++ {
			o.add(column, parquet.NullValue(), at)
		}
		return next, nil
	}
	at.def++
	switch f.kind {
	case list:
		return o.shredList(f, v, column, at)
	case object:
		for _, sub := range f.sub {
			if column, err = o.shred(sub, v.Get(sub.name), column, at); err != nil {
				return 0, err
			}
		}
		return column, nil
	}
	value, err := parquetValue(f.kind, v)
	o.bytes += len(v.Text) + 8
	o.add(column, value, at)
	return column + 1, err
}

func (o *parquetOutput) shredList(f *field, v record.Value, column int, at level) (next int, err error) {
	next = column + leaves([]*field{f})
	if len(v.Items) == 0 {
		for ; column < next; column++ {
			o.add(column, parquet.NullValue(), at)
		}
		return next, nil
	}
	at.def++
	at.lists++
	for i, item := range v.Items {
		if i > 0 {
			at.rep = at.lists
		}
		if _, err := o.shred(f.item, item, column, at); err != nil {
			return 0, err
		}
	}
	return next, nil
}

func (o *parquetOutput) add(column int, v parquet.Value, at level) {
	o.columns[column] = append(o.columns[column], v.Level(at.rep, at.def, column))
}

func parquetValue(k kind, v record.Value) (parquet.Value, error) {
	switch k {
	case boolean:
		return parquet.BooleanValue(v.Text == "true"), nil
	case integer:
		n, err := strconv.ParseInt(v.Text, 10, 64)
		if err != nil {
			err = errOtherKind
		}
		return parquet.Int64Value(n), err
	case float:
		x, err := strconv.ParseFloat(v.Text, 64)
		if err != nil {
			err = fmt.Errorf("is %s; want a number that a float64 holds", v.Text)
		}
		return parquet.DoubleValue(x), err
	}
	return parquet.ByteArrayValue([]byte(v.Text)), nil
}

func (o *parquetOutput) close() error { return o.out.Close() }
