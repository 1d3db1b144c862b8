package loss

import (
	"slices"
	"strings"

	"llmhost/sdk/sdktest"
)

// scene is a batch that can occur in training and that an author may not think
// of.
type scene struct {
	name string
	make func(l *loss) sdktest.Inputs

	// extreme is beyond what any parameter has to bear: it is tried with the defaults
	// and at bounds.
	extreme bool
}

// scenes are run in float32, as in training.
var scenes = []scene{
	{name: "ordinary numbers", make: func(l *loss) sdktest.Inputs { return l.draw.batch(3, 3, 4) }},
	{name: "one prompt, one candidate, one label token", make: func(l *loss) sdktest.Inputs { return l.draw.batch(1, 1, 1) }},
	{name: "a model that is certain (every log-probability 0)", make: logpsOf(func(float64) float64 { return 0 })},
	{name: "a model that is nearly certain (log-probabilities of -1e-7)", make: logpsOf(func(float64) float64 { return -1e-7 })},
	{name: "log-probabilities of -100", make: logpsOf(func(x float64) float64 { return x - 100 })},
	{name: "log-probabilities of -1000", make: logpsOf(func(x float64) float64 { return x - 1000 }), extreme: true},
	{name: "log-probabilities from 0 to -1000 in one batch", make: func(l *loss) sdktest.Inputs {
		return mapped(l.draw.batch(4, 4, 4), func(float64) float64 { return []float64{0, -1e-7, -0.5, -30, -1000}[l.draw.rng.IntN(5)] })
	}, extreme: true},
	{name: "a candidate without a label token", make: func(l *loss) sdktest.Inputs { return l.draw.fill([][]int{{2, 0}, {3, 1}}) }},
	{name: "a prompt none of whose candidates has a label token", make: func(l *loss) sdktest.Inputs { return l.draw.fill([][]int{{0, 0}, {1, 2}}) }},
	{name: "no label token at all", make: func(l *loss) sdktest.Inputs { return l.draw.fill([][]int{{0}}) }},
	{name: "candidates that are all equal", make: alike},
	{name: "columns that are all 0", make: columnsOf(func(float64) float64 { return 0 })},
	{name: "columns that are all below 0", make: func(l *loss) sdktest.Inputs { return below(l.draw, l.draw.batch(3, 3, 4)) }},
	{name: "columns that are all equal", make: columnsOf(func(float64) float64 { return 1 })},
	{name: "columns that are equal in each prompt, to a number that float32 has to round", make: evens},
	{name: "columns ten times as large", make: columnsOf(func(x float64) float64 { return 10 * x })},
	{name: "weights of 0", make: func(l *loss) sdktest.Inputs {
		return withColumn(l.draw.batch(2, 2, 3), func(name string) bool { return l.draw.columns[name].mayBeZero() }, func(float64) float64 { return 0 })
	}},
	{name: "the numbers that the loss gives as examples of its columns", make: func(l *loss) sdktest.Inputs { return exemplary(l.draw, l.draw.batch(4, 4, 3)) }},
	{name: "rewards of 1,000", make: func(l *loss) sdktest.Inputs { return rewardsOf(l, func(x float64) float64 { return 1000 * x }) }, extreme: true},
	{name: "rewards that are all equal", make: func(l *loss) sdktest.Inputs { return rewardsOf(l, func(float64) float64 { return 0.5 }) }},
	{name: "a model that is its reference (every KL 0)", make: func(l *loss) sdktest.Inputs { return klOf(l, func(float64) float64 { return 0 }) }},
	{name: "a model far from its reference (KLs of 100)", make: func(l *loss) sdktest.Inputs { return klOf(l, func(x float64) float64 { return 100 * x }) }},
	{name: "class logits of 1,000", make: func(l *loss) sdktest.Inputs { return logitsOf(l, 1000) }},
	{name: "class logits that are all 0", make: func(l *loss) sdktest.Inputs { return logitsOf(l, 0) }},
}

func logpsOf(f func(x float64) float64) func(l *loss) sdktest.Inputs {
	return func(l *loss) sdktest.Inputs { return mapped(l.draw.batch(3, 3, 4), f) }
}

// columnsOf changes the columns that may hold any real number: the others are
// limited to what the formatter gives.
func columnsOf(f func(x float64) float64) func(l *loss) sdktest.Inputs {
	return func(l *loss) sdktest.Inputs { return withColumn(l.draw.batch(3, 3, 4), l.draw.free, f) }
}

// evens gives all candidates of a prompt the same number, different for each
// prompt.
func evens(l *loss) sdktest.Inputs {
	var lengths [][]int
	for b := range 32 {
		lengths = append(lengths, slices.Repeat([]int{1}, 3+b%5))
	}
	in := withColumn(l.draw.fill(lengths), l.draw.free, func(x float64) float64 { return x })
	for _, input := range l.draw.needs { // in a fixed order, for each draws
		name, ofCandidates := strings.CutPrefix(input, "column.")
		if !ofCandidates || !l.draw.free(input) {
			continue
		}
		for _, row := range in.Columns[name] {
			level := 100 * l.draw.rng.Float64()
			for k := range row {
				row[k] = level
			}
		}
	}
	return in
}

// exemplary fills columns with the author's example values.
func exemplary(d *drawer, in sdktest.Inputs) sdktest.Inputs {
	for _, input := range d.needs { // in a fixed order, for each draws
		examples := d.columns[input].examples
		if examples != nil {
			in = withColumn(in, only(input), func(float64) float64 { return examples[d.rng.IntN(len(examples))] })
		}
	}
	return in
}

// alike gives every candidate of a prompt the same tokens and columns.
func alike(l *loss) sdktest.Inputs {
	return l.draw.batch(3, 3, 4).Reorder(func(n int) []int { return make([]int, n) })
}

func rewardsOf(l *loss, f func(x float64) float64) sdktest.Inputs {
	in := l.draw.batch(3, 3, 4)
	in.Rewards = applied2(in.Rewards, f)
	return in
}

func klOf(l *loss, f func(x float64) float64) sdktest.Inputs {
	in := l.draw.batch(3, 3, 4)
	in.ReverseKL, in.ForwardKL = applied3(in.ReverseKL, f), applied3(in.ForwardKL, f)
	return in
}

func logitsOf(l *loss, scale float64) sdktest.Inputs {
	in := l.draw.batch(3, 1, 2)
	for _, rows := range in.Logits {
		for _, row := range rows {
			for i := range row {
				row[i] *= scale
			}
		}
	}
	return in
}
