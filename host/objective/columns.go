package objective

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmhost/host/data"
	"llmhost/host/nearest"
)

// Check reports the data columns that the program asks for and the examples lack.
func (o *Objective) Check(examples []data.Example) error {
	if len(examples) == 0 {
		return nil
	}
	for _, input := range o.program.InputNames() {
		kind, name, _ := strings.Cut(input, ".")
		var given []string
		switch kind {
		case "column":
			given = slices.Sorted(maps.Keys(examples[0].Columns))
		case "example_column":
			given = slices.Sorted(maps.Keys(examples[0].ExampleColumns))
		case "label":
			given = labelNames(examples)
		default:
			continue
		}
		if !slices.Contains(given, name) {
			return lacks(strings.ReplaceAll(kind, "_", " "), name, given)
		}
	}
	return nil
}

// labelNames are the heads that any of the examples has a label for.
func labelNames(examples []data.Example) []string {
	names := map[string]bool{}
	for _, g := range examples {
		for name := range g.Labels {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// lacks is the error of a column that the formatter does not give.
func lacks(kind, name string, given []string) error {
	list := "none"
	if len(given) > 0 {
		list = strings.Join(given, ", ")
	}
	return fmt.Errorf("the loss reads %s %q, which the formatter does not give (of these it gives %s)%s", kind, name, list, nearest.Hint(name, given))
}
