package objective

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/data"
	"llmhost/host/nearest"
)

// Check reports the data columns that the program reads and the surveyed
// examples lack, unless they are optional.
func (o *Objective) Check(s data.Survey) error {
	if s.Examples == 0 {
		return nil
	}
	given := map[string][]string{
		"column":         s.Columns,
		"example_column": s.ExampleColumns,
		"label":          o.needs.Classes, // every head that it reads has labels
	}
	for _, input := range o.program.InputNames() {
		kind, name, _ := strings.Cut(input, ".")
		names, checked := given[kind]
		if checked && !slices.Contains(names, name) && !slices.Contains(o.Optional, input) {
			return lacks(strings.ReplaceAll(kind, "_", " "), name, names)
		}
	}
	return nil
}

// lacks is the error about a column that the formatter does not give.
func lacks(kind, name string, given []string) error {
	list := "none"
	if len(given) > 0 {
		list = strings.Join(given, ", ")
	}
	return fmt.Errorf(
		"the loss reads %s %q, which the formatter does not give (of these it gives %s)%s",
		kind,
		name,
		list,
		nearest.Hint(name, given),
	)
}
