package sdktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmhost/sdk/op"
)

// Inputs is a batch as a loss sees it, written without padding: Logps has a
// list for each candidate of a prompt, with a number for each of its label
// tokens. Shorter lists are padded as a host does: log-probabilities 0, columns
// 0, both masks false. Leave out what the loss does not read.
type Inputs struct {
	Logps    [][][]float64 // [prompt][candidate][label token], nats
	RefLogps [][][]float64 // the same of the reference model
	Score    [][]float64   // [prompt][candidate]: the column "score"

	Rewards              [][]float64        // [prompt][candidate], of the score head
	ReverseKL, ForwardKL [][][]float64      // laid out as Logps: KL(policy ‖ reference) and KL(reference ‖ policy)
	VocabMeanLogps       [][][]float64      // laid out as Logps: means over the vocabulary
	MismatchedLogps      [][][]float64      // [prompt][candidate][token]: of another prompt's answer, which may be of any length
	MismatchedRefLogps   [][][]float64      // the same of the reference model
	States               map[string]float64 // by name; one left out has its initial value

	Columns        map[string][][]float64 // further columns, as Score
	ExampleColumns map[string][]float64   // one number a prompt

	Logits map[string][][]float64 // by head: [prompt][class]
	Labels map[string][]int       // by head: the class of each prompt, -100 for none

	K, T, U int // pad to at least this many candidates, label tokens and tokens of mismatched answers
}

// NoLabel is the label of a prompt that has none.
const NoLabel = -100

// candidates is the number of label tokens of each candidate of each prompt: 0 in
// a batch without per-token numbers. A batch with only classes has one candidate
// a prompt.
func (in Inputs) candidates() [][]int {
	for _, rows := range [][][][]float64{in.Logps, in.RefLogps, in.ReverseKL, in.ForwardKL, in.VocabMeanLogps} {
		if rows != nil {
			return lengthsOf(rows)
		}
	}
	for _, rows := range [][][]float64{in.Rewards, in.Score} {
		if rows != nil {
			return noTokens(rows)
		}
	}
	rows := len(in.MismatchedLogps)
	for _, logits := range in.Logits {
		rows = len(logits)
	}
	return slices.Repeat([][]int{{0}}, rows)
}

func lengthsOf(rows [][][]float64) [][]int {
	all := make([][]int, len(rows))
	for i, prompt := range rows {
		all[i] = make([]int, len(prompt))
		for j, row := range prompt {
			all[i][j] = len(row)
		}
	}
	return all
}

func noTokens(rows [][]float64) [][]int {
	all := make([][]int, len(rows))
	for i, prompt := range rows {
		all[i] = make([]int, len(prompt))
	}
	return all
}

// sizes are the dimensions of the padded batch.
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

// mismatched is the dimension U of the padded batch.
func (in Inputs) mismatched() int {
	u := max(in.U, 1)
	for _, prompt := range append(lengthsOf(in.MismatchedLogps), lengthsOf(in.MismatchedRefLogps)...) {
		for _, n := range prompt {
			u = max(u, n)
		}
	}
	return u
}

// Arguments lays the batch out as a program reads it.
func (in Inputs) Arguments() (Arguments, error) {
	b, k, t := in.sizes()
	labels := NewArray(op.Bool, b, k, t)
	real := NewArray(op.Bool, b, k)
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
		Sizes: map[string]int64{
			"B": int64(b),
			"K": int64(k),
			"T": int64(t),
			"U": int64(in.mismatched()),
		},
	}
	for name, value := range in.States {
		a.Inputs["state."+name] = Scalar(op.F32, value)
	}
	for _, add := range []func(Arguments) error{in.addTokens, in.addMismatched, in.addColumns, in.addClasses} {
		if err := add(a); err != nil {
			return Arguments{}, err
		}
	}
	return a, nil
}

// addTokens lays out the inputs with one number a label token, all in one
// shape.
func (in Inputs) addTokens(a Arguments) error {
	b, k, t := in.sizes()
	lengths := in.candidates()
	for name, rows := range in.tokens() {
		if rows == nil {
			continue
		}
		if got := lengthsOf(rows); !slices.EqualFunc(got, lengths, slices.Equal[[]int]) {
			return fmt.Errorf("%s has candidates of %v tokens; want %v, as Logps has", name, got, lengths)
		}
		a.Inputs[name] = filled(rows, b, k, t)
	}
	return nil
}

// tokens are the inputs with one number a label token.
func (in Inputs) tokens() map[string][][][]float64 {
	return map[string][][][]float64{
		"policy.logps":            in.Logps,
		"ref.logps":               in.RefLogps,
		"kl.reverse":              in.ReverseKL,
		"kl.forward":              in.ForwardKL,
		"policy.vocab_mean_logps": in.VocabMeanLogps,
	}
}

// addMismatched lays out the mismatched answers, whose lengths differ from the
// labels'.
func (in Inputs) addMismatched(a Arguments) error {
	b, k, _ := in.sizes()
	want := in.candidates()
	for name, rows := range map[string][][][]float64{"mismatched.policy.logps": in.MismatchedLogps, "mismatched.ref.logps": in.MismatchedRefLogps} {
		if rows == nil {
			continue
		}
		if !slices.EqualFunc(rows, want, func(a [][]float64, b []int) bool { return len(a) == len(b) }) {
			return fmt.Errorf("%s does not have a list for each of the candidates %v", name, want)
		}
		a.Inputs[name] = filled(rows, b, k, in.mismatched())
	}
	return nil
}

// filled copies lists into an array of shape [b, k, t].
func filled(rows [][][]float64, b, k, t int) Array {
	out := NewArray(op.F32, b, k, t)
	for i, prompt := range rows {
		for j, row := range prompt {
			copy(out.Data[(i*k+j)*t:], row)
		}
	}
	return out
}

// addColumns lays out the columns and the rewards, which must have one number
// for each candidate or prompt.
func (in Inputs) addColumns(a Arguments) error {
	b, k, _ := in.sizes()
	lengths := in.candidates()
	all := map[string][][]float64{}
	for name, rows := range in.columns() {
		all["column."+name] = rows
	}
	if in.Rewards != nil {
		all["rewards"] = in.Rewards
	}
	for name, rows := range all {
		column := NewArray(op.F32, b, k)
		what := strings.Replace(name, ".", " ", 1)
		if len(rows) != b {
			return fmt.Errorf("%s has %d lists for %d prompts", what, len(rows), b)
		}
		for i, row := range rows {
			if len(row) != len(lengths[i]) {
				return fmt.Errorf(
					"%s has %d numbers for the %d candidates of prompt %d",
					what,
					len(row),
					len(lengths[i]),
					i,
				)
			}
			copy(column.Data[i*k:], row)
		}
		a.Inputs[name] = column
	}
	for name, numbers := range in.ExampleColumns {
		if len(numbers) != b {
			return fmt.Errorf("example column %s has %d numbers for %d prompts", name, len(numbers), b)
		}
		a.Inputs["example_column."+name] = Array{op.F32, []int{b}, slices.Clone(numbers)}
	}
	return nil
}

// columns are all candidate columns.
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
				return fmt.Errorf(
					"head %s has %d classes in prompt %d, %d in prompt 0",
					head,
					len(row),
					i,
					len(rows[0]),
				)
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
	for _, tokens := range []struct {
		name string
		rows [][][]float64
	}{{"Logps", in.Logps}, {"RefLogps", in.RefLogps}, {"ReverseKL", in.ReverseKL}, {"ForwardKL", in.ForwardKL},
		{"VocabMeanLogps", in.VocabMeanLogps}, {"MismatchedLogps", in.MismatchedLogps}, {"MismatchedRefLogps", in.MismatchedRefLogps}} {
		if tokens.rows != nil {
			part(tokens.name, tokens.rows)
		}
	}
	if in.Rewards != nil {
		part("Rewards", in.Rewards)
	}
	inOrder(in.States, func(name string, v float64) { part("state "+name, v) })
	inOrder(in.columns(), func(name string, v [][]float64) { part("column "+name, v) })
	inOrder(in.ExampleColumns, func(name string, v []float64) { part("example column "+name, v) })
	inOrder(in.Logits, func(name string, v [][]float64) { part("logits "+name, v) })
	inOrder(in.Labels, func(name string, v []int) { part("labels "+name, v) })
	if _, k, t := in.sizes(); in.K > 0 || in.T > 0 {
		fmt.Fprintf(&b, ", K: %d, T: %d", k, t)
	}
	return b.String()
}

// nested formats nested slices as Go literals: {{1, 2}, {3}}.
func nested(v any) string {
	return strings.NewReplacer("[", "{", "]", "}", " ", ", ").Replace(fmt.Sprint(v))
}

// inOrder calls f with every entry, by name.
func inOrder[V any](m map[string]V, f func(name string, v V)) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		f(name, m[name])
	}
}
