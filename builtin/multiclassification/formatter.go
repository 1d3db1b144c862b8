package multiclassification

import (
	"encoding/json"
	"errors"
	"sort"
	"strconv"
	"strings"

	"llmhost/builtin/classification"
	"llmhost/builtin/fields"
	"llmhost/sdk"
)

// Formatter makes an example of a text and its classes:
//
//	{"text": "Cats purr.", "labels": {"source": "web", "rank": 2}}
//
// A class is a text, a number, true or false, as for classification. A record may lack objectives, or
// have null for them; one that cls_objectives does not list is an error.
// classification.Texts says which texts are read. A record without any label is
// dropped.
type Formatter struct {
	classification.Texts
	LabelsName string `llmhost:"cls_data_labels_name,default=labels,doc=field that holds the classes, by objective; empty: labels"`
	Objectives string `llmhost:"cls_objectives,default=label=1,values=source=1.0|rank=0.5,doc=names and weights of the objectives, such as source=1.0,rank=0.5; without a number the weight is 1"`
}

// Validate checks the list of objectives, and that the fields have different names.
func (f Formatter) Validate() error {
	if _, err := parse(f.Objectives); err != nil {
		return err
	}
	return fields.Distinct(f.Columns(), "cls_data_text_name", "cls_data_text_pair_name", "cls_data_labels_name")
}

func (f Formatter) labels() string { return fields.Or(f.LabelsName, "labels") }

// Columns declares the texts and the labels.
func (f Formatter) Columns() []sdk.Column {
	return append(f.Texts.Columns(), sdk.Column{
		Name:     f.labels(),
		Type:     sdk.JSON,
		Required: true,
		Doc:      "the names of its classes, by objective",
		Examples: f.examples(),
	})
}

// examples are labels of the first objective and of all of them.
func (f Formatter) examples() []string {
	objectives, _ := parse(f.Objectives) // Validate has seen them
	var all []string
	for i, o := range objectives {
		all = append(all, fields.Quoted(o.name)+": "+strconv.Itoa(i))
	}
	if len(all) == 0 {
		return nil
	}
	return []string{"{" + all[0] + "}", "{" + strings.Join(all, ", ") + "}"}
}

// Gives declares the class under the head of each objective.
func (f Formatter) Gives() []sdk.Output {
	objectives, _ := parse(f.Objectives) // Validate has seen them
	var outputs []sdk.Output
	for _, o := range objectives {
		outputs = append(outputs, sdk.Output{Name: o.name, Kind: sdk.ClassLabel})
	}
	return outputs
}

// Format makes the one candidate.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	var labels map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.JSON(2)), &labels); err != nil {
		return errors.New("field " + strconv.Quote(f.labels()) + " is " + r.JSON(2) + "; want classes by objective, such as {\"source\": \"web\"}")
	}
	names := sortedNames(labels)
	if err := f.declared(names); err != nil {
		return err
	}
	found := false
	for _, name := range names {
		value := labels[name]
		if string(value) == "null" {
			continue
		}
		label, err := fields.Scalar(f.labels()+"."+name, string(value))
		if err != nil {
			return err
		}
		found = true
		o.Label(name, label)
	}
	if !found {
		return o.Drop("no label")
	}
	return f.Add(r, o)
}

// declared returns an error for objectives that the list does not have, the first by name.
func (f Formatter) declared(names []string) error {
	objectives, err := parse(f.Objectives)
	if err != nil {
		return err
	}
	var known, unknown []string
	for _, o := range objectives {
		known = append(known, o.name)
	}
	for _, name := range names {
		if !contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return errors.New("field " + strconv.Quote(f.labels()) + " has the objective " + strconv.Quote(unknown[0]) + "; cls_objectives has " + strings.Join(known, ", ") + ": add it there, or take it out of the record")
}

// sortedNames returns the names of labels in order, so that of several mistakes the
// same one is always reported.
func sortedNames(labels map[string]json.RawMessage) []string {
	names := make([]string, 0, len(labels))
	for name := range labels {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}
