package source

import (
	"errors"

	"github.com/apache/arrow-go/v18/arrow/ipc"
	flatbuffers "github.com/google/flatbuffers/go"
)

var errDescription = errors.New("the description of a batch is damaged")

// flatTable is a table of a message that describes a schema or a batch. Its methods
// panic where the message is damaged.
type flatTable struct{ flatbuffers.Table }

// flatMessage is the outermost table of a message.
func flatMessage(meta []byte) flatTable {
	return flatTable{flatbuffers.Table{Bytes: meta, Pos: flatbuffers.GetUOffsetT(meta)}}
}

// at is where a field of the table is, 0 where it has none.
func (t flatTable) at(field flatbuffers.VOffsetT) flatbuffers.UOffsetT {
	offset := flatbuffers.UOffsetT(t.Offset(4 + 2*field))
	if offset == 0 {
		return 0
	}
	return offset + t.Pos
}

// byte, long and table are fields of such types; 0 stands for one that is not there.
func (t flatTable) byte(field flatbuffers.VOffsetT) byte {
	if at := t.at(field); at != 0 {
		return t.GetByte(at)
	}
	return 0
}

func (t flatTable) long(field flatbuffers.VOffsetT) int64 {
	if at := t.at(field); at != 0 {
		return t.GetInt64(at)
	}
	return 0
}

func (t flatTable) table(field flatbuffers.VOffsetT) (to flatTable, has bool) {
	at := t.at(field)
	if at == 0 {
		return to, false
	}
	return flatTable{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(at)}}, true
}

// length is that of a field that is a list; it panics where the message cannot hold one
// of elements of so many bytes.
func (t flatTable) length(field flatbuffers.VOffsetT, size int) int {
	at := t.at(field)
	if at == 0 {
		return 0
	}
	n := t.VectorLen(at - t.Pos)
	if n < 0 || n > len(t.Bytes)/size {
		panic(errDescription)
	}
	return n
}

// element is an element of a field that is a list of tables.
func (t flatTable) element(field flatbuffers.VOffsetT, i int) flatTable {
	at := t.Vector(t.at(field)-t.Pos) + flatbuffers.UOffsetT(4*i)
	return flatTable{flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(at)}}
}

// Fields of the tables of Arrow's Message.fbs and Schema.fbs, by their numbers.
const (
	messageType, messageHeader, messageBody = 1, 2, 3

	batchRows = 0

	schemaFields, schemaMetadata, schemaFeatureList = 1, 2, 3

	fieldTypeType, fieldType, fieldChildren, fieldMetadata = 2, 3, 5, 6

	unionType, unionIDs = 14, 1
)

// describe reads a message's type, the bytes of its body and, of a batch, its rows.
func describe(meta []byte) (kind ipc.MessageType, rows, size int64, err error) {
	defer recoverDescription(&err)
	message := flatMessage(meta)
	kind = ipc.MessageType(message.byte(messageType))
	size = message.long(messageBody)
	if header, has := message.table(messageHeader); has && kind == ipc.MessageRecordBatch {
		rows = header.long(batchRows)
	}
	if rows < 0 {
		err = errDescription
	}
	return kind, rows, size, err
}

func recoverDescription(err *error) {
	if recover() != nil {
		*err = errDescription
	}
}

// checkSchema checks the lengths in a message that holds a schema, by which the library
// allocates.
func checkSchema(meta []byte) (err error) {
	defer recoverDescription(&err)
	schema, has := flatMessage(meta).table(messageHeader)
	if !has {
		return errDescription
	}
	schema.length(schemaMetadata, 4)
	schema.length(schemaFeatureList, 8)
	left := maxThriftItems
	for i := range schema.length(schemaFields, 4) {
		checkSchemaField(schema.element(schemaFields, i), 0, &left)
	}
	return nil
}

// checkSchemaField panics where a field of a schema is damaged. left is how many fields
// there may still be: a damaged one may be its own child.
func checkSchemaField(field flatTable, depth int, left *int) {
	if *left--; *left < 0 || depth > maxParquetDepth {
		panic(errDescription)
	}
	field.length(fieldMetadata, 4)
	if kind, has := field.table(fieldType); has && field.byte(fieldTypeType) == unionType {
		kind.length(unionIDs, 4)
	}
	for i := range field.length(fieldChildren, 4) {
		checkSchemaField(field.element(fieldChildren, i), depth+1, left)
	}
}
