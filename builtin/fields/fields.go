// Package fields holds what formatters share to read the fields of a record by
// name. It is not a plugin.
package fields

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"llmhost/sdk"
)

// Or returns name, or otherwise if name is empty.
func Or(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

// Distinct returns an error if two columns have the same name; parameters are those
// that name the columns, in the same order.
func Distinct(columns []sdk.Column, parameters ...string) error {
	seen := map[string]string{}
	for i, parameter := range parameters {
		name := columns[i].Name
		if other, twice := seen[name]; twice {
			return errors.New(other + " and " + parameter + " are both " + strconv.Quote(name) + "; want different fields")
		}
		seen[name] = parameter
	}
	return nil
}

// Blank tells whether a text is empty or all blanks.
func Blank(text string) bool { return strings.TrimSpace(text) == "" }

// Weight returns the weight in column i, the field called name: 0 or more, and 1 if
// the record has none.
func Weight(r *sdk.Row, i int, name string) (float64, error) {
	if !r.Has(i) {
		return 1, nil
	}
	w := r.Float(i)
	if w < 0 {
		return 0, errors.New("field " + strconv.Quote(name) + " is " + strconv.FormatFloat(w, 'g', -1, 64) + "; want 0 or more")
	}
	return w, nil
}

// WeightColumn is the declared column of a record's weight.
func WeightColumn(name string, examples ...string) sdk.Column {
	return sdk.Column{
		Name:     name,
		Type:     sdk.Float,
		Role:     sdk.WeightRole,
		Doc:      "how much the record counts, 1 where absent",
		Examples: examples,
	}
}

// WeightOutput is the example column "weight", which holds what Weight reads.
func WeightOutput() sdk.Output {
	return sdk.Output{
		Name: "weight",
		Kind: sdk.ExampleColumn,
		Role: sdk.WeightRole,
	}
}

// RankedOutputs are the score of each candidate and the weight of the example.
func RankedOutputs() []sdk.Output {
	return []sdk.Output{{Name: "score", Role: sdk.ScoreRole, Padding: sdk.ScoreRole.Padding()}, WeightOutput()}
}

// ReadWeight is that column as a loss reads it, f32 [B].
func ReadWeight(g *sdk.Graph) sdk.Tensor {
	return g.ExampleColumn("weight", sdk.Role(sdk.WeightRole), sdk.Values(1, 0.5, 2, 0))
}

// MarginColumn is the declared column of the gap that a pair is to have.
func MarginColumn(name string, examples ...string) sdk.Column {
	return sdk.Column{
		Name:     name,
		Type:     sdk.Float,
		Doc:      "gap wanted between the rewards of the pair, 0 where absent",
		Examples: examples,
	}
}

// MarginOutput is the example column "margin", which holds that gap.
func MarginOutput() sdk.Output { return sdk.Output{Name: "margin", Kind: sdk.ExampleColumn} }

// ReadMargin is that column as a loss reads it, f32 [B]; 0 where the formatter gives none.
func ReadMargin(g *sdk.Graph) sdk.Tensor {
	return g.ExampleColumn("margin", sdk.Optional(), sdk.Values(0, 0.5, 2, -1))
}

// Quoted is the JSON of a text, or of a list of them.
func Quoted[T string | []string](value T) string {
	text, _ := json.Marshal(value) // texts always marshal
	return string(text)
}

// Present returns the index of the one column that the record has among those
// called names, the first of which is column first.
func Present(r *sdk.Row, first int, names []string, parameter string) (int, error) {
	found := -1
	for i := range names {
		switch {
		case !r.Has(first + i):
		case found >= 0:
			return 0, errors.New("fields " + strconv.Quote(names[found-first]) + " and " + strconv.Quote(names[i]) + " both present; want one of them, or " + parameter + " to say which")
		default:
			found = first + i
		}
	}
	if found < 0 {
		return 0, errors.New("field " + strconv.Quote(names[0]) + " missing" + orOther(names) + "; " + parameter + " names another")
	}
	return found, nil
}

func orOther(names []string) string {
	if len(names) < 2 {
		return ""
	}
	return ", and so is " + strconv.Quote(names[1])
}

// Scalar returns the text of a field called name that holds a text, a number, true
// or false as JSON: what a class may be called.
func Scalar(name, value string) (string, error) {
	value = strings.TrimSpace(value)
	var text string
	switch {
	case value == "" || value[0] == '{' || value[0] == '[':
	case value[0] != '"':
		return value, nil
	case json.Unmarshal([]byte(value), &text) == nil:
		return text, nil
	}
	return "", errors.New("field " + strconv.Quote(name) + " is " + value + "; want a text, a number, true or false")
}
