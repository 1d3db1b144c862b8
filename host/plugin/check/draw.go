package check

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"llmhost/sdk/sdktest"
)

// drawer makes up batches that have what a loss reads.
type drawer struct {
	rng     *rand.Rand
	needs   []string          // the inputs of the program
	columns map[string]values // what columns hold, by input name
	fixed   int               // candidates of every prompt; 0 for any number
	classes int               // of every classification head
}

// values say what the numbers of a column are like.
type values struct {
	set      []float64 // one of these; nil: any real number
	positive bool      // above 0
}

func newDrawer(p *sdktest.Traced, k knowledge) *drawer {
	d := &drawer{rng: rand.New(rand.NewPCG(k.seed, 1)), columns: map[string]values{}, fixed: k.candidates, classes: 3}
	for _, input := range p.Inputs {
		d.needs = append(d.needs, input.Name)
		v, learned := k.columns[input.Name]
		if !learned {
			v = values{positive: strings.Contains(input.Name, "weight")}
		}
		d.columns[input.Name] = v
	}
	return d
}

// number draws one number of a column.
func (d *drawer) number(column string) float64 {
	v := d.columns[column]
	switch {
	case v.set != nil:
		return v.set[d.rng.IntN(len(v.set))]
	case v.positive:
		return rounded(0.2 + 1.8*d.rng.Float64())
	}
	return rounded(d.rng.NormFloat64() * 1.5)
}

// free says whether a column holds any real number.
func (d *drawer) free(column string) bool {
	v := d.columns[column]
	return v.set == nil && !v.positive
}

// rounded keeps probes short to read.
func rounded(x float64) float64 { return math.Round(x*1e4) / 1e4 }

// batch draws b prompts with up to k candidates of one to t label tokens; the
// first prompt has k and t of them, so that the dimensions are as asked.
func (d *drawer) batch(b, k, t int) sdktest.Inputs {
	lengths := make([][]int, b)
	for i := range lengths {
		n := 1 + d.rng.IntN(k)
		if i == 0 {
			n = k
		}
		for range n {
			lengths[i] = append(lengths[i], 1+d.rng.IntN(t))
		}
	}
	lengths[0][d.rng.IntN(k)] = t
	return d.fill(lengths)
}

// allowed has as many candidates a prompt as there must be.
func (d *drawer) allowed(lengths [][]int) [][]int {
	if d.fixed == 0 {
		return lengths
	}
	out := make([][]int, len(lengths))
	for b, prompt := range lengths {
		for k := range d.fixed {
			out[b] = append(out[b], prompt[k%len(prompt)])
		}
	}
	return out
}

// fill draws all numbers of a batch whose candidates have the given label
// tokens, in as many candidates as there must be.
func (d *drawer) fill(lengths [][]int) sdktest.Inputs {
	lengths = d.allowed(lengths)
	in := sdktest.Inputs{Columns: map[string][][]float64{}, ExampleColumns: map[string][]float64{}, Logits: map[string][][]float64{}, Labels: map[string][]int{}}
	for _, prompt := range lengths {
		var logps, reference [][]float64
		for _, n := range prompt {
			own, other := make([]float64, n), make([]float64, n)
			for i := range own {
				own[i] = rounded(-0.05 - 2.5*d.rng.Float64())
				other[i] = rounded(min(own[i]+0.5*d.rng.NormFloat64(), -0.01))
			}
			logps, reference = append(logps, own), append(reference, other)
		}
		in.Logps, in.RefLogps = append(in.Logps, logps), append(in.RefLogps, reference)
	}
	for _, name := range d.needs {
		d.column(&in, name, lengths)
		d.ofModel(&in, name, lengths)
	}
	return in
}

// ofModel draws what else of the model's an input is. States have their first values.
func (d *drawer) ofModel(in *sdktest.Inputs, input string, lengths [][]int) {
	switch input {
	case "rewards":
		for _, prompt := range lengths {
			row := make([]float64, len(prompt))
			for i := range row {
				row[i] = rounded(d.rng.NormFloat64())
			}
			in.Rewards = append(in.Rewards, row)
		}
	case "kl.reverse":
		in.ReverseKL = d.tokens(lengths, func(n int) int { return n }, func() float64 { return d.rng.Float64() })
	case "kl.forward":
		in.ForwardKL = d.tokens(lengths, func(n int) int { return n }, func() float64 { return d.rng.Float64() })
	case "mismatched.policy.logps":
		in.MismatchedLogps = d.tokens(lengths, d.otherLength, func() float64 { return -0.05 - 2.5*d.rng.Float64() })
	case "mismatched.ref.logps":
		in.MismatchedRefLogps = d.tokens(lengths, d.otherLength, func() float64 { return -0.05 - 2.5*d.rng.Float64() })
	}
}

// otherLength is how many tokens an answer has that stands in the place of one of n.
func (d *drawer) otherLength(n int) int { return 1 + d.rng.IntN(n+2) }

// tokens draws a number for each token of each candidate.
func (d *drawer) tokens(lengths [][]int, length func(n int) int, draw func() float64) [][][]float64 {
	var all [][][]float64
	for _, prompt := range lengths {
		var rows [][]float64
		for _, n := range prompt {
			row := make([]float64, length(n))
			for i := range row {
				row[i] = rounded(draw())
			}
			rows = append(rows, row)
		}
		all = append(all, rows)
	}
	return all
}

// column draws what one input reads besides log-probabilities.
func (d *drawer) column(in *sdktest.Inputs, input string, lengths [][]int) {
	kind, name, _ := strings.Cut(input, ".")
	for _, prompt := range lengths {
		switch kind {
		case "column":
			row := make([]float64, len(prompt))
			for i := range row {
				row[i] = d.number(input)
			}
			in.Columns[name] = append(in.Columns[name], row)
		case "example_column":
			in.ExampleColumns[name] = append(in.ExampleColumns[name], d.number(input))
		case "logits":
			row := make([]float64, d.classes)
			for i := range row {
				row[i] = rounded(2 * d.rng.NormFloat64())
			}
			in.Logits[name] = append(in.Logits[name], row)
		case "label":
			in.Labels[name] = append(in.Labels[name], d.rng.IntN(d.classes))
		}
	}
}

// scored says whether the loss reads scores, of which the higher is the better.
func (d *drawer) scored() bool { return d.reads("column.score") }

func (d *drawer) reads(input string) bool {
	for _, name := range d.needs {
		if name == input {
			return true
		}
	}
	return false
}

// readsKind says whether an input of the kind is read, such as "column".
func (d *drawer) readsKind(kind string) bool {
	for _, name := range d.needs {
		if strings.HasPrefix(name, kind+".") {
			return true
		}
	}
	return false
}

// mapped returns the batch with f applied to every log-probability of the
// policy, the reference moving along with it.
func mapped(in sdktest.Inputs, f func(x float64) float64) sdktest.Inputs {
	out := in
	out.Logps, out.RefLogps = nil, nil
	for b, prompt := range in.Logps {
		var logps, reference [][]float64
		for k, row := range prompt {
			own, other := make([]float64, len(row)), make([]float64, len(row))
			for i, x := range row {
				own[i] = f(x)
				other[i] = own[i] + in.RefLogps[b][k][i] - x
			}
			logps, reference = append(logps, own), append(reference, other)
		}
		out.Logps, out.RefLogps = append(out.Logps, logps), append(out.RefLogps, reference)
	}
	return out
}

// withColumn returns the batch with f applied to every number of the columns
// that pick names.
func withColumn(in sdktest.Inputs, pick func(input string) bool, f func(x float64) float64) sdktest.Inputs {
	out := in
	out.Columns, out.ExampleColumns = map[string][][]float64{}, map[string][]float64{}
	for name, rows := range in.Columns {
		for _, row := range rows {
			out.Columns[name] = append(out.Columns[name], applied(row, pick("column."+name), f))
		}
	}
	for name, row := range in.ExampleColumns {
		out.ExampleColumns[name] = applied(row, pick("example_column."+name), f)
	}
	return out
}

// applied3 is f of every number; nil stays nil.
func applied3(rows [][][]float64, f func(x float64) float64) [][][]float64 {
	var out [][][]float64
	for _, prompt := range rows {
		out = append(out, applied2(prompt, f))
	}
	return out
}

func applied2(rows [][]float64, f func(x float64) float64) [][]float64 {
	var out [][]float64
	for _, row := range rows {
		out = append(out, applied(row, true, f))
	}
	return out
}

func applied(row []float64, on bool, f func(x float64) float64) []float64 {
	out := append([]float64(nil), row...)
	for i, x := range out {
		if on {
			out[i] = f(x)
		}
	}
	return out
}

// number writes a number short enough to read.
func number(x float64) string { return fmt.Sprintf("%.6g", x) }

// listed writes numbers as "1, 1.5, 1.33333".
func listed(numbers []float64) string {
	text := ""
	for i, x := range numbers {
		if i > 0 {
			text += ", "
		}
		text += number(x)
	}
	return text
}
