package source

import "llmhost/sdk"

// Record is one record of a data file, not yet read into cells.
type Record interface {
	Position() Position

	// Place is where reading begins again so that this record comes first; After is
	// the same for the record behind it, whatever file that is in.
	Place() Place
	After() Place

	// Bytes is about how much memory the record takes.
	Bytes() int

	// Fields names the record's fields in their order, also those that are null.
	// The error is that of a broken record, as Row has it.
	Fields() ([]string, error)

	// Row returns the cells that columns declare. reader names who declares
	// them, for errors. A bad record is an error that names its
	// file and line, and the column of the line where that is known: broken
	// syntax, a missing field that a column requires, a field of another type.
	Row(reader string, columns []sdk.Column) (sdk.Row, error)

	// Nulls names the columns whose field the record has as null, which a row does
	// not tell from none. It is for errors.
	Nulls(columns []sdk.Column) []string
}

// Unreadable says what becomes of what is no text: bytes that are not UTF-8, halves of
// surrogate pairs. The values are those of Python's encoding errors.
type Unreadable string

// Strict makes them an error with their place, as does the zero value; Replace reads
// U+FFFD in their stead.
const (
	Strict  Unreadable = "strict"
	Replace Unreadable = "replace"
)
