package source

import (
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// featureOf is the feature of a field: the one known, or what its extension type says.
func featureOf(known *feature, field arrow.Field) *feature {
	if name, has := field.Metadata.GetValue("ARROW:extension:name"); has && name == "arrow.json" {
		return &feature{isJSON: true}
	}
	return known
}

// arrowValue is the value of a cell.
func arrowValue(a arrow.Array, i int, f *feature) value {
	a, i = plainArray(a, i)
	if isNull(a, i) {
		return value{kind: kindNull, raw: []byte("null")}
	}
	if text, is := arrowText(a, i); is && (f == nil || !f.isJSON) {
		return value{kind: kindString, raw: []byte(text), plain: true}
	}
	w := valueWriter{}
	w.arrow(a, i, f)
	return w.value()
}

// isNull says whether a cell is null.
func isNull(a arrow.Array, i int) bool {
	_, nothing := a.(*array.Null)
	return nothing || a.IsNull(i)
}

// plainArray looks through encodings of an array that say nothing of its values:
// dictionaries, runs and extension types.
func plainArray(a arrow.Array, i int) (arrow.Array, int) {
	for {
		switch encoded := a.(type) {
		case *array.Dictionary:
			if encoded.IsNull(i) {
				return a, i
			}
			a, i = encoded.Dictionary(), encoded.GetValueIndex(i)
		case *array.RunEndEncoded:
			a, i = encoded.Values(), encoded.GetPhysicalIndex(i)
		case array.ExtensionArray:
			a = encoded.Storage()
		case array.Union:
			child := encoded.ChildID(i)
			if dense, is := a.(*array.DenseUnion); is {
				i = int(dense.ValueOffset(i))
			}
			a = encoded.Field(child)
		default:
			return a, i
		}
	}
}

// arrowText is the text of a cell that holds text or bytes.
func arrowText(a arrow.Array, i int) (text string, is bool) {
	switch a := a.(type) {
	case array.StringLike:
		return a.Value(i), true
	case *array.Binary:
		return string(a.Value(i)), true
	case *array.LargeBinary:
		return string(a.Value(i)), true
	case *array.BinaryView:
		return string(a.Value(i)), true
	case *array.FixedSizeBinary:
		return string(a.Value(i)), true
	}
	return "", false
}

// arrow writes the value of a cell.
func (w *valueWriter) arrow(a arrow.Array, i int, f *feature) {
	a, i = plainArray(a, i)
	if isNull(a, i) {
		w.literal(kindNull, "null")
		return
	}
	if text, is := arrowText(a, i); is {
		w.text(text, f)
		return
	}
	switch a := a.(type) {
	case array.ListLike:
		w.arrowList(a, i, f)
	case *array.Struct:
		w.arrowStruct(a, i, f)
	case *array.Boolean:
		w.literal(kindBool, strconv.FormatBool(a.Value(i)))
	default:
		w.arrowNumber(a, i, f)
	}
}

// arrowNumber writes a cell of a single value that is neither text nor true or false.
func (w *valueWriter) arrowNumber(a arrow.Array, i int, f *feature) {
	switch a := a.(type) {
	case *array.Int8:
		w.int(int64(a.Value(i)), f)
	case *array.Int16:
		w.int(int64(a.Value(i)), f)
	case *array.Int32:
		w.int(int64(a.Value(i)), f)
	case *array.Int64:
		w.int(a.Value(i), f)
	case *array.Uint8:
		w.int(int64(a.Value(i)), f)
	case *array.Uint16:
		w.int(int64(a.Value(i)), f)
	case *array.Uint32:
		w.int(int64(a.Value(i)), f)
	case *array.Uint64:
		w.literal(kindNumber, strconv.FormatUint(a.Value(i), 10))
	case *array.Float16:
		w.float(float64(a.Value(i).Float32()), 32)
	case *array.Float32:
		w.float(float64(a.Value(i)), 32)
	case *array.Float64:
		w.float(a.Value(i), 64)
	default:
		w.arrowOther(a, i)
	}
}

// arrowOther writes a cell whose type JSON has no value of its own for.
func (w *valueWriter) arrowOther(a arrow.Array, i int) {
	switch a := a.(type) {
	case *array.Decimal32, *array.Decimal64, *array.Decimal128, *array.Decimal256:
		w.literal(kindNumber, a.ValueStr(i))
	case *array.Timestamp:
		kind := a.DataType().(*arrow.TimestampType)
		w.time(a.Value(i).ToTime(kind.Unit), kind.TimeZone != "")
	case *array.Date32:
		w.text(a.Value(i).ToTime().Format(time.DateOnly), nil)
	case *array.Date64:
		w.text(a.Value(i).ToTime().Format(time.DateOnly), nil)
	case *array.Time32:
		w.clock(a.Value(i).ToTime(a.DataType().(*arrow.Time32Type).Unit))
	case *array.Time64:
		w.clock(a.Value(i).ToTime(a.DataType().(*arrow.Time64Type).Unit))
	case *array.Duration:
		unit := a.DataType().(*arrow.DurationType).Unit
		w.float(float64(a.Value(i))*unit.Multiplier().Seconds(), 64)
	default:
		w.other(fmt.Sprintf("of the Arrow type %s, which is neither text nor number", a.DataType()))
	}
}

// arrowList writes a list. A map is an object where its keys are texts, else a list of
// pairs.
func (w *valueWriter) arrowList(a array.ListLike, i int, f *feature) {
	begin, end := a.ValueOffsets(i)
	values := a.ListValues()
	if m, is := a.(*array.Map); is {
		w.arrowMap(m, int(begin), int(end))
		return
	}
	element := f.element()
	if field, is := a.DataType().(arrow.ListLikeType); is {
		element = featureOf(element, field.ElemField())
	}
	w.open('[', kindArray)
	for j := int(begin); j < int(end); j++ {
		w.comma()
		w.arrow(values, j, element)
	}
	w.close(']')
}

func (w *valueWriter) arrowMap(m *array.Map, begin, end int) {
	keys, items := m.Keys(), m.Items()
	_, named := keys.(array.StringLike)
	if named {
		w.open('{', kindObject)
	} else {
		w.open('[', kindArray)
	}
	for j := begin; j < end; j++ {
		w.comma()
		if named {
			text, _ := arrowText(keys, j)
			w.name(text)
			w.arrow(items, j, nil)
			continue
		}
		w.open('[', kindArray)
		w.arrow(keys, j, nil)
		w.comma()
		w.arrow(items, j, nil)
		w.close(']')
	}
	w.close(map[bool]byte{true: '}', false: ']'}[named])
}

// arrowStruct writes the fields that a struct has. Those that are null are left out: a table
// has every field in every struct, and null where the record that it was made of had none.
func (w *valueWriter) arrowStruct(a *array.Struct, i int, f *feature) {
	fields := a.DataType().(*arrow.StructType).Fields()
	w.open('{', kindObject)
	for j, field := range fields {
		if cells, at := plainArray(a.Field(j), i); isNull(cells, at) {
			continue
		}
		w.comma()
		w.name(field.Name)
		w.arrow(a.Field(j), i, featureOf(f.of(field.Name), field))
	}
	w.close('}')
}
