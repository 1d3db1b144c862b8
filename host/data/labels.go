package data

import (
	"slices"
	"sort"
	"strconv"
)

// Unseen is the label of a class that a head does not have: it can be neither
// learned nor hit.
const Unseen = -1

// ClassNames lists the different classes that examples have under a head: in the
// order of numbers where all of them are numbers, else of texts.
func ClassNames(examples []Example, head string) []string {
	seen := map[string]bool{}
	var names []string
	for _, g := range examples {
		if name, has := g.Classes[head]; has && !seen[name] {
			seen[name], names = true, append(names, name)
		}
	}
	numbers := make(map[string]float64, len(names))
	for _, name := range names {
		if v, err := strconv.ParseFloat(name, 64); err == nil {
			numbers[name] = v
		}
	}
	sort.Slice(names, func(i, j int) bool {
		if len(numbers) == len(names) && numbers[names[i]] != numbers[names[j]] {
			return numbers[names[i]] < numbers[names[j]]
		}
		return names[i] < names[j]
	})
	return names
}

// SetLabels numbers the classes of examples by their place in classes, which holds
// those of each head. It returns the first example with a class that is not
// there, under its head, nil where there is none.
func SetLabels(examples []Example, classes map[string][]string) (unseen *Example, head string) {
	for i := range examples {
		g := &examples[i]
		g.Labels = map[string]int64{}
		for name, known := range classes {
			class, has := g.Classes[name]
			at := int64(slices.Index(known, class))
			switch {
			case !has:
				at = Ignore
			case at < 0:
				at = Unseen
				if unseen == nil {
					unseen, head = g, name
				}
			}
			g.Labels[name] = at
		}
	}
	return unseen, head
}
