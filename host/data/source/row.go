package source

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"llmhost/sdk"
)

// shownNames is how many field names of a record an error lists.
const shownNames = 8

// missing is the error of a record at a position that lacks a column that
// reader requires. names are the fields that it has.
func missing(at Position, c sdk.Column, reader string, names []string) error {
	return fmt.Errorf("%s: field %q missing; %s needs it as %s; the record has %s", at, c.Name, reader, c.Type, listNames(names))
}

// listNames lists a record's field names, sorted, the first few of many.
func listNames(names []string) string {
	if len(names) == 0 {
		return "no field"
	}
	var quoted []string
	for i, name := range slices.Sorted(slices.Values(names)) {
		if i == shownNames {
			quoted = append(quoted, fmt.Sprintf("and %d more", len(names)-i))
			break
		}
		quoted = append(quoted, strconv.Quote(name))
	}
	return strings.Join(quoted, ", ")
}
