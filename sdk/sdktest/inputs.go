package sdktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmhost/sdk/op"
)

// Inputs is a batch as a loss sees it, written down without padding: a row of
// Logps has as many numbers as the candidate has label tokens, a prompt as many
// rows as it has candidates. What is shorter than the longest is filled up as a
// host does it: log-probabilities 0, columns 0, both masks false. Leave out
// what the loss does not read.
type Inputs struct {
	Logps    [][][]float64 // [prompt][candidate][label token], nats
	RefLogps [][][]float64 // the same of the reference model
	Score    [][]float64   // [prompt][candidate]: the column "score"

	Columns        map[string][][]float64 // further columns, as Score
	ExampleColumns map[string][]float64   // one number a prompt

	Logits map[string][][]float64 // by head: [prompt][class]
	Labels map[string][]int       // by head: the class of each prompt, -100 for none

	K, T int // fill up to at least so many candidates and label tokens
}

// NoLabel is the label of a prompt that has none.
const NoLabel = -100

// candidates says how many label tokens each candidate of each prompt has. A
// batch without log-probabilities has one candidate a prompt.
func (in Inputs) candidates() [][]int {
	if in.Logps == nil {
		rows := 0
		for _, logits := range in.Logits {
			rows = len(logits)
		}
		return slices.Repeat([][]int{{0}}, rows)
	}
	var all [][]int
	for _, prompt := range in.Logps {
		lengths := []int{}
		for _, row := range prompt {
			lengths = append(lengths, len(row))
		}
		all = append(all, lengths)
	}
	return all
}

// sizes are the dimensions of the filled batch.
func (in Inputs) sizes() (b, k, t int) {
	k, t = max(in.K, 1), max(in.T, 1)
	prompts := in.candidates()
	for _, lengths := range prompts {
		k = max(k, len(lengths))
		for _, n := range lengths {
			t = max(t, n)
		}
	}
	return len(prompts), k, t
}

// Arguments lays the batch out as a program reads it.
func (in Inputs) Arguments() (Arguments, error) {
	b, k, t := in.sizes()
	labels, real := NewArray(op.Bool, b, k, t), NewArray(op.Bool, b, k)
	for i, lengths := range in.candidates() {
		for j, n := range lengths {
			real.Data[i*k+j] = 1
			for l := range n {
				labels.Data[(i*k+j)*t+l] = 1
			}
		}
	}
	a := Arguments{
		Inputs: map[string]Array{"label_mask": labels, "candidate_mask": real},
		Sizes:  map[string]int64{"B": int64(b), "K": int64(k), "T": int64(t)},
	}
	for _, add := range []func(Arguments) error{in.addLogps, in.addColumns, in.addClasses} {
		if err := add(a); err != nil {
			return Arguments{}, err
		}
	}
	return a, nil
}

// addLogps lays out both models' log-probabilities, which have one shape.
func (in Inputs) addLogps(a Arguments) error {
	b, k, t := in.sizes()
	lengths := in.candidates()
	for name, rows := range map[string][][][]float64{"policy.logps": in.Logps, "ref.logps": in.RefLogps} {
		if rows == nil {
			continue
		}
		if got := (Inputs{Logps: rows}).candidates(); !slices.EqualFunc(got, lengths, slices.Equal[[]int]) {
			return fmt.Errorf("%s has candidates of %v tokens; want %v, as Logps has", name, got, lengths)
		}
		logps := NewArray(op.F32, b, k, t)
		for i, prompt := range rows {
			for j, row := range prompt {
				copy(logps.Data[(i*k+j)*t:], row)
			}
		}
		a.Inputs[name] = logps
	}
	return nil
}

// addColumns lays out the columns, which must be as many numbers as there are
// candidates or prompts.
func (in Inputs) addColumns(a Arguments) error {
	b, k, _ := in.sizes()
	lengths := in.candidates()
	for name, rows := range in.columns() {
		column := NewArray(op.F32, b, k)
		if len(rows) != b {
			return fmt.Errorf("column %s has %d rows for %d prompts", name, len(rows), b)
		}
		for i, row := range rows {
			if len(row) != len(lengths[i]) {
				return fmt.Errorf("column %s has %d numbers for the %d candidates of prompt %d", name, len(row), len(lengths[i]), i)
			}
			copy(column.Data[i*k:], row)
		}
		a.Inputs["column."+name] = column
	}
	for name, numbers := range in.ExampleColumns {
		if len(numbers) != b {
			return fmt.Errorf("example column %s has %d numbers for %d prompts", name, len(numbers), b)
		}
		a.Inputs["example_column."+name] = Array{op.F32, []int{b}, slices.Clone(numbers)}
	}
	return nil
}

// columns are all columns of candidates.
func (in Inputs) columns() map[string][][]float64 {
	all := maps.Clone(in.Columns)
	if all == nil {
		all = map[string][][]float64{}
	}
	if in.Score != nil {
		all["score"] = in.Score
	}
	return all
}

// addClasses lays out logits and labels.
func (in Inputs) addClasses(a Arguments) error {
	b, _, _ := in.sizes()
	for head, rows := range in.Logits {
		if len(rows) != b || b == 0 {
			return fmt.Errorf("head %s has logits of %d prompts; want %d", head, len(rows), b)
		}
		logits := NewArray(op.F32, b, len(rows[0]))
		for i, row := range rows {
			if len(row) != len(rows[0]) {
				return fmt.Errorf("head %s has %d classes in prompt %d, %d in prompt 0", head, len(row), i, len(rows[0]))
			}
			copy(logits.Data[i*len(row):], row)
		}
		a.Inputs["logits."+head] = logits
		a.Sizes["C_"+head] = int64(len(rows[0]))
	}
	for head, classes := range in.Labels {
		if len(classes) != b {
			return fmt.Errorf("head %s has %d labels for %d prompts", head, len(classes), b)
		}
		labels := NewArray(op.I64, b)
		for i, class := range classes {
			labels.Data[i] = float64(class)
		}
		a.Inputs["label."+head] = labels
	}
	return nil
}

// String writes the batch so that it can be copied into a test.
func (in Inputs) String() string {
	var b strings.Builder
	part := func(name string, v any) {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s: %s", name, nested(v))
	}
	if in.Logps != nil {
		part("Logps", in.Logps)
	}
	if in.RefLogps != nil {
		part("RefLogps", in.RefLogps)
	}
	inOrder(in.columns(), func(name string, v [][]float64) { part("column "+name, v) })
	inOrder(in.ExampleColumns, func(name string, v []float64) { part("example column "+name, v) })
	inOrder(in.Logits, func(name string, v [][]float64) { part("logits "+name, v) })
	inOrder(in.Labels, func(name string, v []int) { part("labels "+name, v) })
	if _, k, t := in.sizes(); in.K > 0 || in.T > 0 {
		fmt.Fprintf(&b, ", K: %d, T: %d", k, t)
	}
	return b.String()
}

// nested writes nested slices as Go does: {{1, 2}, {3}}.
func nested(v any) string {
	return strings.NewReplacer("[", "{", "]", "}", " ", ", ").Replace(fmt.Sprint(v))
}

// inOrder calls f with every entry, by name.
func inOrder[V any](m map[string]V, f func(name string, v V)) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		f(name, m[name])
	}
}
