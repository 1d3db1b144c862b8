package source

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// parquet writes what the row that was read has at a node.
func (w *valueWriter) parquet(g *parquetGroup, n *parquetNode, f *feature) {
	if n.repeated { // a list without the groups around its elements
		w.parquetList(g, n, n, f.element())
		return
	}
	w.parquetOne(g, n, f)
}

// parquetOne writes one value, of a node that is repeated one of its elements.
func (w *valueWriter) parquetOne(g *parquetGroup, n *parquetNode, f *feature) {
	first := g.leaves[n.leaf]
	switch {
	case first.current().DefinitionLevel() < n.def:
		w.literal(kindNull, "null")
		g.pass(n)
	case len(n.children) == 0:
		w.parquetLeaf(n, first.current(), f)
		first.at++
	case n.isList() && len(n.children) == 1 && n.children[0].repeated:
		w.parquetList(g, n.children[0], n.element(), f.element())
	case n.isMap() && len(n.children) == 1 && n.children[0].repeated && len(n.children[0].children) == 2:
		w.parquetMap(g, n.children[0])
	default:
		w.parquetStruct(g, n, f)
	}
}

// parquetStruct writes the fields that a struct has, without those that are null, as
// arrowStruct does.
func (w *valueWriter) parquetStruct(g *parquetGroup, n *parquetNode, f *feature) {
	w.open('{', kindObject)
	for _, child := range n.children {
		if !child.repeated && g.leaves[child.leaf].current().DefinitionLevel() < child.def {
			g.pass(child)
			continue
		}
		w.comma()
		w.name(child.name)
		w.parquet(g, child, f.of(child.name))
	}
	w.close('}')
}

// pass goes over the one value that each leaf of a node has where the node has none.
func (g *parquetGroup) pass(n *parquetNode) {
	for leaf := n.leaf; leaf < n.leaf+n.leaves; leaf++ {
		g.leaves[leaf].at++
	}
}

// elements calls each for every element of a list, whose repeated node is given.
func (g *parquetGroup) elements(repeated *parquetNode, each func()) {
	first := g.leaves[repeated.leaf]
	if first.current().DefinitionLevel() < repeated.def {
		g.pass(repeated)
		return
	}
	for more := true; more; {
		before := first.at
		each()
		more = first.at > before && first.at < len(first.row) && first.current().RepetitionLevel() >= repeated.rep
	}
}

func (w *valueWriter) parquetList(g *parquetGroup, repeated, element *parquetNode, f *feature) {
	w.open('[', kindArray)
	g.elements(repeated, func() {
		w.comma()
		if element == repeated {
			w.parquetOne(g, element, f)
			return
		}
		w.parquet(g, element, f)
	})
	w.close(']')
}

// parquetMap writes an object where the keys are texts, else a list of pairs.
func (w *valueWriter) parquetMap(g *parquetGroup, repeated *parquetNode) {
	key, item := repeated.children[0], repeated.children[1]
	_, named := parquetText(key, parquet.Value{})
	named = named && len(key.children) == 0
	begin, end, kind := byte('['), byte(']'), kindArray
	if named {
		begin, end, kind = '{', '}', kindObject
	}
	w.open(begin, kind)
	g.elements(repeated, func() {
		w.comma()
		if named {
			text, _ := parquetText(key, g.leaves[key.leaf].current())
			w.name(string(text))
			g.pass(key)
			w.parquet(g, item, nil)
			return
		}
		w.open('[', kindArray)
		w.parquet(g, key, nil)
		w.comma()
		w.parquet(g, item, nil)
		w.close(']')
	})
	w.close(end)
}

// parquetText is the text of a value, where the leaf holds texts or bytes.
func parquetText(n *parquetNode, v parquet.Value) (text []byte, is bool) {
	if t := n.schema.Type.V; t != format.ByteArray && t != format.FixedLenByteArray {
		return nil, false
	}
	switch n.schema.LogicalType.Value.(type) {
	case *format.DecimalType, *format.UUIDType, *format.Float16Type, *format.JsonType:
		return nil, false
	}
	if n.converted(deprecated.Decimal, deprecated.Interval, deprecated.Json) {
		return nil, false
	}
	if v.IsNull() {
		return nil, true
	}
	return v.ByteArray(), true
}

// parquetLeaf writes the value of a leaf.
func (w *valueWriter) parquetLeaf(n *parquetNode, v parquet.Value, f *feature) {
	if text, is := parquetText(n, v); is {
		w.text(string(text), f)
		return
	}
	switch n.schema.Type.V {
	case format.Boolean:
		w.literal(kindBool, strconv.FormatBool(v.Boolean()))
	case format.Int32:
		w.parquetInt(n, int64(v.Int32()), 32, f)
	case format.Int64:
		w.parquetInt(n, v.Int64(), 64, f)
	case format.Int96:
		w.time(int96Time(v.Int96()), false)
	case format.Float:
		w.float(float64(v.Float()), 32)
	case format.Double:
		w.float(v.Double(), 64)
	default:
		w.parquetBytes(n, v.ByteArray())
	}
}

// parquetBytes writes bytes that are no text.
func (w *valueWriter) parquetBytes(n *parquetNode, b []byte) {
	switch t := n.schema.LogicalType.Value.(type) {
	case *format.UUIDType:
		if len(b) == 16 {
			w.text(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil)
			return
		}
	case *format.Float16Type:
		if len(b) == 2 {
			w.float(halfFloat(binary.LittleEndian.Uint16(b)), 32)
			return
		}
	case *format.DecimalType:
		w.decimal(signedBytes(b), t.Scale)
		return
	}
	switch _, isJSON := n.schema.LogicalType.Value.(*format.JsonType); {
	case isJSON || n.converted(deprecated.Json):
		w.text(string(b), &feature{isJSON: true})
	case n.converted(deprecated.Decimal):
		w.decimal(signedBytes(b), n.schema.Scale.V)
	default:
		w.other("an interval of time, which is neither text nor number")
	}
}

// parquetInt writes what a whole number stands for.
func (w *valueWriter) parquetInt(n *parquetNode, v int64, bits int, f *feature) {
	switch t := n.schema.LogicalType.Value.(type) {
	case *format.DecimalType:
		w.decimal(big.NewInt(v), t.Scale)
		return
	case *format.DateType:
		w.date(v)
		return
	case *format.TimeType:
		w.clock(inUnit(v, t.Unit))
		return
	case *format.TimestampType:
		w.time(inUnit(v, t.Unit), t.IsAdjustedToUTC)
		return
	case *format.IntType:
		w.parquetWhole(v, bits, t.IsSigned, f)
		return
	}
	w.convertedInt(n, v, bits, f)
}

// convertedInt writes what a whole number stands for, by the old annotation.
func (w *valueWriter) convertedInt(n *parquetNode, v int64, bits int, f *feature) {
	switch {
	case n.converted(deprecated.Decimal):
		w.decimal(big.NewInt(v), n.schema.Scale.V)
	case n.converted(deprecated.Date):
		w.date(v)
	case n.converted(deprecated.TimeMillis):
		w.clock(time.UnixMilli(v).UTC())
	case n.converted(deprecated.TimeMicros):
		w.clock(time.UnixMicro(v).UTC())
	case n.converted(deprecated.TimestampMillis):
		w.time(time.UnixMilli(v), true)
	case n.converted(deprecated.TimestampMicros):
		w.time(time.UnixMicro(v), true)
	default:
		w.parquetWhole(v, bits, !n.converted(deprecated.Uint8, deprecated.Uint16, deprecated.Uint32, deprecated.Uint64), f)
	}
}

func (w *valueWriter) parquetWhole(v int64, bits int, signed bool, f *feature) {
	switch {
	case signed:
		w.int(v, f)
	case bits == 32:
		w.int(int64(uint32(v)), f)
	default:
		w.literal(kindNumber, strconv.FormatUint(uint64(v), 10))
	}
}

func (w *valueWriter) date(days int64) {
	w.text(time.Unix(days*24*60*60, 0).UTC().Format(time.DateOnly), nil)
}

// inUnit is the time so many units after the beginning of 1970.
func inUnit(v int64, unit format.TimeUnit) time.Time {
	switch unit.Value.(type) {
	case *format.MilliSeconds:
		return time.UnixMilli(v).UTC()
	case *format.MicroSeconds:
		return time.UnixMicro(v).UTC()
	}
	return time.Unix(v/1e9, v%1e9).UTC()
}

// int96Time is a time as old writers have it: nanoseconds of a day by its Julian number.
func int96Time(v deprecated.Int96) time.Time {
	const epoch = 2440588 // the Julian day of 1970-01-01
	nanos := int64(v[1])<<32 | int64(v[0])
	return time.Unix((int64(v[2])-epoch)*24*60*60, nanos).UTC()
}

// decimal writes a decimal number with all of its digits.
func (w *valueWriter) decimal(unscaled *big.Int, scale int32) {
	if scale < 0 || scale > 1000 {
		w.other(fmt.Sprintf("a decimal number of scale %d", scale))
		return
	}
	text := new(big.Int).Abs(unscaled).String()
	for len(text) <= int(scale) {
		text = "0" + text
	}
	if scale > 0 {
		text = text[:len(text)-int(scale)] + "." + text[len(text)-int(scale):]
	}
	if unscaled.Sign() < 0 {
		text = "-" + text
	}
	w.literal(kindNumber, text)
}

// signedBytes is the number that bytes are, the highest first, in two's complement.
func signedBytes(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}
