package lm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/classname"
	"llmhost/host/lora"
	"llmhost/host/model"
	"llmhost/host/nearest"
)

// HeadClasses are the classes that the training data has under one head of a loss.
type HeadClasses struct {
	Head        string
	Coefficient float64 // of the head's loss
	Named       bool    // never the one head of …ForSequenceClassification, which pools at the last token
	Found       []FoundClass
	Declared    []string // all classes in the order that the data declares; nil = Found, as it is ordered

	newHead string // how a new head is trained instead of one for other classes
}

// FoundClass is a class of the data.
type FoundClass struct {
	Name  string // as classname.Of has it
	First int    // its rank among the classes by the first record of each
	At    string // where that record is
}

// SettleClasses settles the classes of each head: those that the model has for
// it, or else those of the data. A class of the data that the model's head lacks
// is an error; with ignoreMismatched such a head is initialized again, except an adapter's. known are
// the heads that the data has classes for, for the error about one without.
// The notes say what a user should know about the choice.
func SettleClasses(src Source, wanted []HeadClasses, known []string, ignoreMismatched bool) (heads []model.ClassHead, notes []string, err error) {
	if len(wanted) == 0 {
		return nil, nil, nil
	}
	path, old, notes, err := src.classes()
	if err != nil {
		return nil, nil, err
	}
	newHead := "set ignore_mismatched_sizes = true to train a new head for the classes of the data"
	if src.Adapter != "" { // which brings its head
		newHead = "merge the adapter, and train a new head on the merged model with ignore_mismatched_sizes = true"
		ignoreMismatched = false
	}
	for _, w := range wanted {
		w.newHead = newHead
		head := model.ClassHead{Name: w.Head, Coefficient: w.Coefficient}
		if len(wanted) == 1 && !w.Named && isUnnamed(old) {
			head.Name = ""
		}
		note, err := w.settle(&head, path, old, ignoreMismatched)
		if err != nil {
			return nil, nil, err
		}
		if note != "" {
			notes = append(notes, note)
		}
		if len(head.Labels) == 0 {
			return nil, nil, fmt.Errorf(
				"no training record has a class of %s; the data has those of %s",
				w.Head,
				strings.Join(known, ", "),
			)
		}
		heads = append(heads, head)
	}
	return heads, notes, nil
}

// isUnnamed tells whether a single head is the one of …ForSequenceClassification:
// the model has that one, or none yet.
func isUnnamed(old []model.ClassHead) bool {
	return len(old) == 0 || len(old) == 1 && old[0].Name == ""
}

// classes are the class heads that a source has, and the folder that names them:
// the adapter's where that has any, else the model's.
func (s Source) classes() (path string, heads []model.ClassHead, notes []string, err error) {
	if s.Adapter == "" {
		heads, notes, err = model.ReadClassHeads(s.Weights)
		return s.Weights, heads, notes, err
	}
	heads, err = lora.ReadClasses(s.Adapter)
	if err != nil || heads != nil {
		return s.Adapter, heads, nil, err
	}
	held, err := lora.Heads(s.Adapter)
	if err != nil {
		return "", nil, nil, err
	}
	heads, notes, err = model.ReadClassHeads(s.Weights)
	switch {
	case err != nil:
		return "", nil, nil, err
	case held.Score:
		return "", nil, nil, fmt.Errorf("the adapter of %s has a head that gives one score, as a reward model's; want one of classes, or a task for rewards", s.Adapter)
	case len(held.Classes) == 1 && !(len(heads) == 1 && len(heads[0].Labels) == len(held.Classes[0].Labels)):
		return s.Adapter, held.Classes, nil, nil // a head of its own, whose classes nothing names
	}
	return s.Weights, heads, notes, nil
}

// settle sets the classes of a head; none where neither model nor data has any.
// The note says which class of the model is which of the data where the names do not.
func (w HeadClasses) settle(head *model.ClassHead, path string, old []model.ClassHead, ignoreMismatched bool) (note string, err error) {
	at := slices.IndexFunc(old, func(have model.ClassHead) bool { return have.Name == head.Name })
	if at >= 0 {
		have := w.named(old[at].Labels)
		err := w.fits(have, path)
		if err == nil {
			head.Labels = have
			return w.describe(old[at].Labels, have, path), nil
		}
		if !ignoreMismatched {
			return "", err
		}
		head.Fresh = true
	}
	if len(w.Found) == 1 {
		return "", fmt.Errorf(
			"all training records have the class %q of %s; want at least two classes",
			w.Found[0].Name,
			w.Head,
		)
	}
	head.Labels = w.names()
	return "", nil
}

// fits refuses classes of a model that are not those of the data. It advises to train a new
// head only where the trained one cannot have the data's classes.
func (w HeadClasses) fits(have []string, path string) error {
	if other := w.notAmong(have); other != nil {
		return fmt.Errorf("%s: the class %q of %s is not among those of %s, which are %s%s",
			other.At, other.Name, w.Head, path, strings.Join(have, ", "), w.adviceFor(other, have))
	}
	if len(have) == 1 {
		return fmt.Errorf("the head of %s has the one class %q, as a score has; want at least two; %s", path, have[0], w.newHead)
	}
	return nil
}

// adviceFor says what to do about a class that a head lacks.
func (w HeadClasses) adviceFor(other *FoundClass, have []string) string {
	hint := nearest.Hint(other.Name, have)
	switch {
	case slices.Equal(have, model.Unnamed(len(have))) && len(w.Found) < len(have):
		return fmt.Sprintf("; name the classes in the data by their numbers, 0 to %d, or give it all of them", len(have)-1)
	case hint != "":
		return hint
	}
	return "; " + w.newHead
}

// named are the classes of a model by their names in the data, where the model has
// none for them: by number where the data counts them, else in order.
func (w HeadClasses) named(have []string) []string {
	if !slices.Equal(have, model.Unnamed(len(have))) || w.notAmong(have) == nil {
		return have
	}
	var numbers []string
	for i := range have {
		numbers = append(numbers, strconv.Itoa(i))
	}
	switch {
	case w.notAmong(numbers) == nil:
		return numbers
	case len(w.names()) == len(have):
		return w.names()
	}
	return have
}

func (w HeadClasses) describe(have, named []string, path string) string {
	if slices.Equal(have, named) {
		return ""
	}
	return fmt.Sprintf("the classes of %s have no names, only %s; in this order they are %s of the data, and saved so", path, strings.Join(have, ", "), strings.Join(named, ", "))
}

func (w HeadClasses) names() (names []string) {
	if w.Declared != nil {
		return w.Declared
	}
	for _, c := range w.Found {
		names = append(names, c.Name)
	}
	return names
}

// notAmong is the first class of the data that is not among those known;
// nil where there is none.
func (w HeadClasses) notAmong(known []string) (first *FoundClass) {
	for i, c := range w.Found {
		if !hasClass(known, c.Name) && (first == nil || c.First < first.First) {
			first = &w.Found[i]
		}
	}
	return first
}

// hasClass tells whether a class is among those of a model, which may spell
// a number in its own way.
func hasClass(known []string, name string) bool {
	return slices.ContainsFunc(known, func(have string) bool { return classname.Of(have) == name })
}
