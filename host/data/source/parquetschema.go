package source

import (
	"errors"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// parquetNode is a field of a schema, or a part of one.
type parquetNode struct {
	name     string
	schema   *format.SchemaElement
	children []*parquetNode // of a group
	leaf     int            // its number, or that of the first below it
	leaves   int            // how many there are in it

	optional, repeated bool
	rep, def           int // the levels of a value that is there
}

// maxParquetDepth bounds how deep a schema nests.
const maxParquetDepth = 64

var errSchema = errors.New("the schema is damaged; copy or write the file again")

// parquetFields makes a tree of a schema: its fields, and all leaves in their order.
func parquetFields(schema []format.SchemaElement) (fields, leaves []*parquetNode, err error) {
	b := schemaBuilder{schema: schema}
	root, err := b.node(nil, 0)
	if err != nil {
		return nil, nil, err
	}
	if b.next != len(schema) || root.schema.Type.Valid {
		return nil, nil, errSchema
	}
	return root.children, b.leaves, nil
}

type schemaBuilder struct {
	schema []format.SchemaElement
	next   int
	leaves []*parquetNode
}

// node makes the next node, with what is below it.
func (b *schemaBuilder) node(parent *parquetNode, depth int) (*parquetNode, error) {
	if b.next >= len(b.schema) || depth > maxParquetDepth {
		return nil, errSchema
	}
	element := &b.schema[b.next]
	b.next++
	n := &parquetNode{name: element.Name, schema: element, leaf: len(b.leaves)}
	if parent != nil {
		n.rep, n.def = parent.rep, parent.def
		n.optional = element.RepetitionType.V == format.Optional && element.RepetitionType.Valid
		n.repeated = element.RepetitionType.V == format.Repeated && element.RepetitionType.Valid
	}
	if n.optional || n.repeated {
		n.def++
	}
	if n.repeated {
		n.rep++
	}
	if element.Type.Valid {
		b.leaves = append(b.leaves, n)
		n.leaves = 1
		return n, nil
	}
	for range element.NumChildren.V {
		child, err := b.node(n, depth+1)
		if err != nil {
			return nil, err
		}
		n.children = append(n.children, child)
	}
	n.leaves = len(b.leaves) - n.leaf
	if n.leaves == 0 && parent != nil {
		return nil, fmt.Errorf("field %q is a struct without fields; take it out", n.name)
	}
	return n, nil
}

// converted says whether a node is annotated, in the old way, as one of some types.
func (n *parquetNode) converted(types ...deprecated.ConvertedType) bool {
	for _, t := range types {
		if n.schema.ConvertedType.Valid && n.schema.ConvertedType.V == t {
			return true
		}
	}
	return false
}

func (n *parquetNode) isList() bool {
	_, is := n.schema.LogicalType.Value.(*format.ListType)
	return is || n.converted(deprecated.List)
}

func (n *parquetNode) isMap() bool {
	_, is := n.schema.LogicalType.Value.(*format.MapType)
	return is || n.converted(deprecated.Map, deprecated.MapKeyValue)
}

// element is what a list holds, by the repeated child of the group that is annotated as
// a list. Old writers leave out the level of the elements; the rules are those of
// Parquet's own LogicalTypes.md.
func (n *parquetNode) element() *parquetNode {
	repeated := n.children[0]
	plain := len(repeated.children) != 1 || repeated.name == "array" || strings.HasSuffix(repeated.name, "_tuple")
	if plain {
		return repeated
	}
	return repeated.children[0]
}
