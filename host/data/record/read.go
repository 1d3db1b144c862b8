package record

import (
	"fmt"

	"llmhost/host/data/source"
	"llmhost/sdk"
)

// Read reads all fields of a record of a data file. The error is that of a broken
// record, with its place.
func Read(from source.Record) (Record, error) {
	names, err := from.Fields()
	if err != nil {
		return nil, err
	}
	columns := make([]sdk.Column, len(names))
	for i, name := range names {
		columns[i] = sdk.Column{Name: name, Type: sdk.JSON}
	}
	row, err := from.Row("the check", columns)
	if err != nil {
		return nil, err
	}
	r := make(Record, len(names))
	for i, name := range names {
		r[i] = Member{Name: name, Value: Value{Kind: Null}}
		if row.Has(i) {
			if r[i].Value, err = Parse(row.JSON(i)); err != nil {
				return nil, fmt.Errorf("%s: field %q: %w", from.Position(), name, err)
			}
		}
	}
	return r, nil
}
