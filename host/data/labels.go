package data

import (
	"cmp"
	"slices"
	"strconv"
)

// Unseen is the label of a class that a head does not have: it can be neither
// learned nor predicted.
const Unseen = -1

// Labeler numbers the classes of examples: by head, then by class.
type Labeler map[string]map[string]int64

// NewLabeler returns a labeler that numbers the classes of each head by their
// place in its list; of a name that is listed twice, by the first place.
func NewLabeler(classes map[string][]string) Labeler {
	l := Labeler{}
	for head, names := range classes {
		l[head] = map[string]int64{}
		for i, name := range names {
			if _, twice := l[head][name]; !twice {
				l[head][name] = int64(i)
			}
		}
	}
	return l
}

// Label returns examples with a label under each of l's heads: Ignore where an
// example has no class, Unseen where the head has no such class. A labeler of
// no heads returns examples as they are.
func (l Labeler) Label(examples []Example) []Example {
	if len(l) == 0 {
		return examples
	}
	labelled := slices.Clone(examples)
	for i := range labelled {
		labelled[i].Labels = l.labels(labelled[i].Classes)
	}
	return labelled
}

// labels numbers the classes of one example.
func (l Labeler) labels(classes map[string]string) map[string]int64 {
	labels := map[string]int64{}
	for head, numbers := range l {
		labels[head] = Ignore
		class, has := classes[head]
		if !has {
			continue
		}
		number, known := numbers[class]
		if !known {
			number = Unseen
		}
		labels[head] = number
	}
	return labels
}

// sortClasses sorts names of classes: in the order of numbers where all of
// them are numbers, else of texts.
func sortClasses(names []string) {
	numbers := map[string]float64{}
	for _, name := range names {
		if v, err := strconv.ParseFloat(name, 64); err == nil {
			numbers[name] = v
		}
	}
	numeric := len(numbers) == len(names)
	slices.SortFunc(names, func(a, b string) int {
		if numeric && numbers[a] != numbers[b] {
			return cmp.Compare(numbers[a], numbers[b])
		}
		return cmp.Compare(a, b)
	})
}
