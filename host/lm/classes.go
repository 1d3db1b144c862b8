package lm

import (
	"fmt"
	"slices"
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
}

// FoundClass is a class of the data.
type FoundClass struct {
	Name  string // as classname.Of has it
	First int    // its rank among the classes by the first record of each
	At    string // where that record is
}

// SettleClasses settles the classes of each head: those that the model has for
// it, or else those of the data. A class of the data that the model's head lacks
// is an error; with ignoreMismatched such a head is initialized again. known are
// the heads that the data has classes for, for the error about one without.
func SettleClasses(src Source, wanted []HeadClasses, known []string, ignoreMismatched bool) ([]model.ClassHead, error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	path, old, err := src.classes()
	if err != nil {
		return nil, err
	}
	var heads []model.ClassHead
	for _, w := range wanted {
		head := model.ClassHead{Name: w.Head, Coefficient: w.Coefficient}
		if len(wanted) == 1 && !w.Named && isUnnamed(old) {
			head.Name = ""
		}
		if err := w.settle(&head, path, old, ignoreMismatched); err != nil {
			return nil, err
		}
		if len(head.Labels) == 0 {
			return nil, fmt.Errorf(
				"no training record has a class of %s; the data has those of %s",
				w.Head,
				strings.Join(known, ", "),
			)
		}
		heads = append(heads, head)
	}
	return heads, nil
}

// isUnnamed tells whether a single head is the one of …ForSequenceClassification:
// the model has that one, or none yet.
func isUnnamed(old []model.ClassHead) bool {
	return len(old) == 0 || len(old) == 1 && old[0].Name == ""
}

// classes are the class heads that a source has, and the folder that names them:
// the adapter's where that has any, else the model's.
func (s Source) classes() (path string, heads []model.ClassHead, err error) {
	if s.Adapter != "" {
		heads, err = lora.ReadClasses(s.Adapter)
		if err != nil || heads != nil {
			return s.Adapter, heads, err
		}
	}
	heads, err = model.ReadClassHeads(s.Weights)
	return s.Weights, heads, err
}

// settle sets the classes of a head; none where neither model nor data has any.
func (w HeadClasses) settle(head *model.ClassHead, path string, old []model.ClassHead, ignoreMismatched bool) error {
	at := slices.IndexFunc(old, func(have model.ClassHead) bool { return have.Name == head.Name })
	if at >= 0 {
		have := old[at].Labels
		if placeholders(have) && len(w.Found) == len(have) {
			have = w.names()
		}
		other := w.notAmong(have)
		if other == nil {
			head.Labels = have
			return nil
		}
		if !ignoreMismatched {
			return fmt.Errorf("%s: the class %q of %s is not among those of %s, which are %s%s; set ignore_mismatched_sizes = true to train a new head for the classes of the data",
				other.At, other.Name, w.Head, path, strings.Join(have, ", "), nearest.Hint(other.Name, have))
		}
		head.Fresh = true
	}
	if len(w.Found) == 1 {
		return fmt.Errorf(
			"all training records have the class %q of %s; want at least two classes",
			w.Found[0].Name,
			w.Head,
		)
	}
	head.Labels = w.names()
	return nil
}

func (w HeadClasses) names() (names []string) {
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

// placeholders tells whether classes have the names that transformers gives
// to unnamed ones.
func placeholders(names []string) bool {
	for i, name := range names {
		if name != fmt.Sprintf("LABEL_%d", i) {
			return false
		}
	}
	return true
}
