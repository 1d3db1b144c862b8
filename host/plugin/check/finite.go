package check

import (
	"fmt"
	"math"
	"slices"

	"llmhost/sdk/op"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// scene is a batch that training can meet and that an author may not think of.
type scene struct {
	name string
	make func(l *loss) sdktest.Inputs
}

// scenes are run in float32, as training runs them.
var scenes = []scene{
	{"ordinary numbers", func(l *loss) sdktest.Inputs { return l.draw.batch(3, 3, 4) }},
	{"one prompt, one candidate, one label token", func(l *loss) sdktest.Inputs { return l.draw.batch(1, 1, 1) }},
	{"a model that is certain (every log-probability 0)", logpsOf(func(float64) float64 { return 0 })},
	{"a model that is nearly certain (log-probabilities of -1e-7)", logpsOf(func(float64) float64 { return -1e-7 })},
	{"log-probabilities of -100", logpsOf(func(x float64) float64 { return x - 100 })},
	{"log-probabilities of -1000", logpsOf(func(x float64) float64 { return x - 1000 })},
	{"log-probabilities from 0 to -1000 in one batch", func(l *loss) sdktest.Inputs {
		return mapped(l.draw.batch(4, 4, 4), func(float64) float64 { return []float64{0, -1e-7, -0.5, -30, -1000}[l.draw.rng.IntN(5)] })
	}},
	{"a candidate without a label token", func(l *loss) sdktest.Inputs { return l.draw.fill([][]int{{2, 0}, {3, 1}}) }},
	{"a prompt none of whose candidates has a label token", func(l *loss) sdktest.Inputs { return l.draw.fill([][]int{{0, 0}, {1, 2}}) }},
	{"no label token at all", func(l *loss) sdktest.Inputs { return l.draw.fill([][]int{{0}}) }},
	{"candidates that are all alike", alike},
	{"columns that are all 0", columnsOf(func(float64) float64 { return 0 })},
	{"columns that are all below 0", func(l *loss) sdktest.Inputs { return below(l.draw, l.draw.batch(3, 3, 4)) }},
	{"columns that are all equal", columnsOf(func(float64) float64 { return 1 })},
	{"columns that are equal in each prompt, to a number that float32 has to round", evens},
	{"columns ten times as large", columnsOf(func(x float64) float64 { return 10 * x })},
	{"weights of 0", func(l *loss) sdktest.Inputs {
		return withColumn(l.draw.batch(2, 2, 3), func(name string) bool { return l.draw.columns[name].positive }, func(float64) float64 { return 0 })
	}},
	{"rewards of 1,000", func(l *loss) sdktest.Inputs { return rewardsOf(l, func(x float64) float64 { return 1000 * x }) }},
	{"rewards that are all equal", func(l *loss) sdktest.Inputs { return rewardsOf(l, func(float64) float64 { return 0.5 }) }},
	{"a model that is its reference (every KL 0)", func(l *loss) sdktest.Inputs { return klOf(l, func(float64) float64 { return 0 }) }},
	{"a model far from its reference (KLs of 100)", func(l *loss) sdktest.Inputs { return klOf(l, func(x float64) float64 { return 100 * x }) }},
	{"class logits of 1,000", func(l *loss) sdktest.Inputs { return logitsOf(l, 1000) }},
	{"class logits that are all 0", func(l *loss) sdktest.Inputs { return logitsOf(l, 0) }},
}

func logpsOf(f func(x float64) float64) func(l *loss) sdktest.Inputs {
	return func(l *loss) sdktest.Inputs { return mapped(l.draw.batch(3, 3, 4), f) }
}

// columnsOf changes the columns that hold any real number: others are what the
// formatter makes them.
func columnsOf(f func(x float64) float64) func(l *loss) sdktest.Inputs {
	return func(l *loss) sdktest.Inputs { return withColumn(l.draw.batch(3, 3, 4), l.draw.free, f) }
}

// evens gives all candidates of a prompt the same number, another in each.
func evens(l *loss) sdktest.Inputs {
	var lengths [][]int
	for b := range 32 {
		lengths = append(lengths, slices.Repeat([]int{1}, 3+b%5))
	}
	in := withColumn(l.draw.fill(lengths), l.draw.free, func(x float64) float64 { return x })
	for name, rows := range in.Columns {
		for _, row := range rows {
			level := 100 * l.draw.rng.Float64()
			for k := range row {
				if l.draw.free("column." + name) {
					row[k] = level
				}
			}
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

// finite runs every scene in float32: sums, counts and gradients must be numbers.
func (l *loss) finite() error {
	bad := 0
	for _, s := range scenes {
		in := s.make(l)
		a, err := in.Arguments()
		if err != nil {
			return err
		}
		a.Single = true
		e, err := l.run1(in, a)
		if err != nil {
			return fmt.Errorf("with %s it %w", s.name, err)
		}
		if l.infinite(s.name, in, e) {
			if bad++; bad == 3 {
				break
			}
		}
	}
	l.note = fmt.Sprintf("%d kinds of batches in float32", len(scenes))
	return nil
}

// infinite reports the first figure or gradient that is no finite number.
func (l *loss) infinite(scene string, in sdktest.Inputs, e *sdktest.Evaluation) bool {
	for _, f := range l.results() {
		if isFinite(e.Number(f.value)) {
			continue
		}
		at := l.source(e, f.value)
		l.find(Finding{Text: fmt.Sprintf("with %s, %s is %v", scene, f.name, e.Number(f.value)), Cause: infiniteCause(l.p, at), Places: place(l.p, at), Probe: l.show(in)})
		return true
	}
	for i, g := range l.termGradient(in, e, e.LossSeeds()) {
		if isFinite(g) {
			continue
		}
		at := l.steep(e)
		l.find(Finding{
			Text:   fmt.Sprintf("with %s, the loss is %s but its gradient is %v (element %d)", scene, number(e.Loss()), g, i),
			Cause:  "a slope is infinite there, and a mask afterwards does not help, for 0 times infinity is no number: clamp what goes into the op, not what comes out",
			Places: place(l.p, at), Probe: l.show(in),
		})
		return true
	}
	return false
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// source is the first value on the way to target that is not finite although
// what it is computed from is.
func (l *loss) source(e *sdktest.Evaluation, target int) int {
	at := culprit(l.p, target, func(v int) bool {
		if l.p.Value(v).DType != op.F32 || allFinite(e.Values[v].Data) {
			return false
		}
		node := l.p.Nodes[v-len(l.p.Inputs)]
		if (node.Op == "masked_fill" || node.Op == "where_scalar") && !isFinite(node.Attrs.Value()) {
			return false // an infinity that the author wrote is no fault by itself
		}
		for _, in := range node.In {
			if !allFinite(e.Values[in].Data) {
				return false
			}
		}
		return true
	})
	if at == program.None {
		return target
	}
	return at
}

func allFinite(data []float64) bool {
	for _, x := range data {
		if !isFinite(x) {
			return false
		}
	}
	return true
}

// steep is the first op whose slope is infinite at its inputs.
func (l *loss) steep(e *sdktest.Evaluation) int {
	for i, node := range l.p.Nodes {
		if len(node.In) == 0 {
			continue
		}
		for _, x := range e.Values[node.In[0]].Data {
			switch {
			case node.Op == "log" && x == 0, node.Op == "sqrt" && x == 0, node.Op == "pow_scalar" && x == 0 && node.Attrs.Value() < 1:
				return len(l.p.Inputs) + i
			}
		}
	}
	return program.None
}

// infiniteCause says what mends an op that overflows.
func infiniteCause(p *sdktest.Traced, v int) string {
	switch nodeOp(p, v) {
	case "div", "div_scalar":
		return "a division by 0: ClampMin the divisor (a count by 1)"
	case "log":
		return "a logarithm of 0: LogSigmoid instead of Sigmoid().Log(), LogSumExp instead of Exp().Sum().Log(), or ClampMin before it"
	case "exp", "pow", "pow_scalar", "square":
		return "it overflows float32, whose largest exponential is that of 88: work with logarithms, or clamp first"
	case "mul":
		return "0 times infinity, or an overflow of float32"
	case "sub", "add":
		return "an infinity (of a MaskedFill, say) meets another: use a large finite number, or mask after the difference"
	}
	return "an intermediate result overflows or is no number"
}
