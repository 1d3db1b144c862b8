package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"llmhost/host/jsonobject"
)

// labelKeys are the keys of config.json about classes.
type labelKeys struct {
	Architectures []string
	Names         map[string]json.RawMessage `json:"id2label"`
	IDs           map[string]json.RawMessage `json:"label2id"`
	Number        *int                       `json:"num_labels"`
	Problem       string                     `json:"problem_type"`
	Info          map[string]struct {
		Labels []string
		Coeff  float64
	} `json:"cls_info"`
}

// ReadClassHeads returns the heads of classes that a model folder has, none
// where it is a model without, and what a user should know about them.
func ReadClassHeads(folder string) (heads []ClassHead, notes []string, err error) {
	f, err := readFolder(folder)
	if err != nil {
		return nil, nil, err
	}
	name := filepath.Join(folder, ConfigName)
	var keys labelKeys
	if err := json.Unmarshal(f.ConfigText, &keys); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, inJSON(f.ConfigText, err))
	}
	if len(keys.Info) > 0 {
		heads, err = inFileOrder(f.ConfigText, func(name string) ClassHead {
			return ClassHead{
				Name:        name,
				Labels:      keys.Info[name].Labels,
				Coefficient: keys.Info[name].Coeff,
			}
		})
		return heads, nil, err
	}
	if len(keys.Architectures) == 0 ||
		!strings.HasSuffix(keys.Architectures[0], "ForSequenceClassification") {
		return nil, nil, nil
	}
	labels, err := keys.labels()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return []ClassHead{{Labels: labels, Coefficient: 1}}, keys.notes(name, labels), nil
}

// labels are the names of the classes as transformers reads them: two without a
// name where nothing says otherwise; num_labels wins over an id2label of another size.
func (k labelKeys) labels() ([]string, error) {
	switch {
	case k.Number != nil && *k.Number < 1:
		return nil, fmt.Errorf("num_labels is %d; want at least 1", *k.Number)
	case k.Number != nil && *k.Number != len(k.Names):
		return Unnamed(*k.Number), nil
	case k.Names == nil:
		return Unnamed(2), nil
	case len(k.Names) == 0:
		return nil, errors.New("id2label is empty; want a name for each class, or no such key for two classes")
	}
	labels := make([]string, len(k.Names))
	ids := map[string]string{} // by name
	for _, id := range slices.Sorted(maps.Keys(k.Names)) {
		n, err := strconv.Atoi(strings.TrimSpace(id))
		if err != nil || n < 0 || n >= len(labels) || labels[n] != "" {
			return nil, fmt.Errorf("id2label has the id %q; want each of 0 to %d once, as it has %d names", id, len(labels)-1, len(labels))
		}
		label, err := labelText(k.Names[id])
		if err != nil {
			return nil, fmt.Errorf("id2label has %s for the id %s; %w", k.Names[id], id, err)
		}
		if other, taken := ids[label]; taken {
			return nil, fmt.Errorf("id2label has the name %q for the ids %s and %s; want a name of its own for each", label, other, id)
		}
		labels[n], ids[label] = label, id
	}
	return labels, nil
}

// labelText is the name of a class that config.json spells as a string or a number.
func labelText(value json.RawMessage) (string, error) {
	var text string
	var number float64
	switch {
	case json.Unmarshal(value, &text) == nil && text != "":
		return text, nil
	case string(value) == "true" || string(value) == "false":
		return string(value), nil
	case string(value) != "null" && json.Unmarshal(value, &number) == nil:
		return strconv.FormatFloat(number, 'f', -1, 64), nil
	}
	return "", errors.New("want a name")
}

// notes says which keys do not count.
func (k labelKeys) notes(name string, labels []string) (notes []string) {
	note := func(format string, args ...any) {
		notes = append(notes, fmt.Sprintf("%s: "+format, append([]any{name}, args...)...))
	}
	if k.Number != nil && k.Names != nil && *k.Number != len(k.Names) {
		note("num_labels = %d wins over id2label, which names %d classes, as in transformers; the classes are %s", *k.Number, len(k.Names), strings.Join(labels, ", "))
	}
	for i, label := range labels {
		if id, is := k.IDs[label]; len(k.IDs) > 0 && k.Names != nil && (!is || strings.Trim(string(id), `"`) != strconv.Itoa(i)) {
			note("label2id does not have %q = %d as id2label does, which holds, as in transformers", label, i)
			break
		}
	}
	if k.Names == nil && len(k.IDs) > 0 {
		note("label2id without id2label names no class, as in transformers; the classes are %s", strings.Join(labels, ", "))
	}
	if k.Problem != "" && k.Problem != oneClass {
		note("problem_type is %q; this task trains one class for each text, and what is saved says %q", k.Problem, oneClass)
	}
	return notes
}

// Unnamed are the names that transformers gives to n classes without.
func Unnamed(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("LABEL_%d", i)
	}
	return names
}

// inFileOrder lists the heads of cls_info in the order of the text.
func inFileOrder(text []byte, head func(name string) ClassHead) (heads []ClassHead, err error) {
	config, err := jsonobject.Parse(text)
	if err != nil {
		return nil, err
	}
	info, err := jsonobject.Parse(config.Get("cls_info"))
	if err != nil {
		return nil, errors.New("cls_info is not an object of heads")
	}
	for _, h := range info {
		heads = append(heads, head(h.Key))
	}
	return heads, nil
}
