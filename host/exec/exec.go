// Package exec runs checked programs over libtorch. It adds the libtorch call
// to each row of the op table in sdk/op; what a program means is said there.
// Start at Run.
package exec

import (
	"fmt"
	"slices"

	"llmhost/host/tensor"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// Where says on which device a program runs, and what its type f32 is:
// Float32 in training, Float64 where gradients are checked.
type Where struct {
	Device tensor.Device
	Real   tensor.DType
}

// Arguments are what one run of a program reads.
type Arguments struct {
	Inputs map[string]tensor.Tensor // by the names that the program lists
	Sizes  map[string]int64         // of the named dimensions

	// Globals are the values of the program's global means over the whole step,
	// by node. Where it is nil each is that of this batch alone.
	Globals map[int]float64
}

// Fraction is a sum and a count, both scalars; a count that the program leaves
// out is the undefined tensor and stands for 1.
type Fraction struct{ Sum, Count tensor.Tensor }

// Read returns both numbers; an undefined count is 1.
func (f Fraction) Read() (sum, count float64) {
	count = 1
	if f.Count.Defined() {
		count = f.Count.Item()
	}
	return f.Sum.Item(), count
}

// Outputs are the results of a loss, in the order of the program. Globals are
// what its global means are made of; none where Arguments gave their values.
type Outputs struct{ Terms, Metrics, Globals []Fraction }

// Loss runs a loss program. Its sums can be differentiated.
func Loss(p *program.Program, w Where, a Arguments) Outputs {
	values := evaluate(p, w, a, Reached(p, a.Globals != nil))
	var out Outputs
	if a.Globals == nil {
		for _, g := range p.Globals() {
			out.Globals = append(out.Globals, fraction(values, g.Sum, g.Count))
		}
	}
	for _, t := range p.Terms {
		out.Terms = append(out.Terms, fraction(values, t.Sum, t.Count))
	}
	for _, m := range p.Metrics {
		out.Metrics = append(out.Metrics, fraction(values, m.Sum, m.Count))
	}
	return out
}

// Reached says which values Loss computes: all that results are made of, and,
// where the means over the step are not known yet, what those are made of. It is
// nil, which means all, for a program without such means.
func Reached(p *program.Program, known bool) []bool {
	if len(p.Globals()) == 0 {
		return nil
	}
	if known {
		return p.ReachLocal(p.Results()...)
	}
	return p.Reach(append(p.Results(), globals(p)...)...)
}

func globals(p *program.Program) (values []int) {
	for _, g := range p.Globals() {
		values = append(values, g.Sum, g.Count)
	}
	return values
}

// Globals runs what the global means are made of, and returns a fraction a mean.
func Globals(p *program.Program, w Where, a Arguments) (fractions []Fraction) {
	values := evaluate(p, w, a, p.Reach(globals(p)...))
	for _, g := range p.Globals() {
		fractions = append(fractions, fraction(values, g.Sum, g.Count))
	}
	return fractions
}

// Updates returns what the states become after a step with these states and
// these means over it.
func Updates(p *program.Program, w Where, states map[string]float64, means map[int]float64) map[string]float64 {
	var wanted []int
	for _, s := range p.States {
		wanted = append(wanted, s.Update)
	}
	if len(wanted) == 0 {
		return nil
	}
	inputs := map[string]tensor.Tensor{}
	for name, value := range states {
		inputs["state."+name] = tensor.Full(w.Device, w.Real, value)
	}
	values := evaluate(p, w, Arguments{Inputs: inputs, Globals: means}, p.ReachLocal(wanted...))
	next := map[string]float64{}
	for i, s := range p.States {
		next[s.Name] = values[wanted[i]].Item()
	}
	return next
}

// Counts runs what the counts of a loss program's terms need, which is data
// alone, and returns them; 1 for a term without a count.
func Counts(p *program.Program, w Where, a Arguments) []float64 {
	wanted := make([]int, len(p.Terms))
	for i, t := range p.Terms {
		wanted[i] = t.Count
	}
	values := evaluate(p, w, a, p.Reach(wanted...))
	counts := make([]float64, len(p.Terms))
	for i, v := range wanted {
		counts[i] = 1
		if v != program.None {
			counts[i] = values[v].Item()
		}
	}
	return counts
}

// Pool runs a pooling program; the result is [N, hidden].
func Pool(p *program.Program, w Where, a Arguments) tensor.Tensor {
	return evaluate(p, w, a, nil)[p.Output]
}

func fraction(values []tensor.Tensor, sum, count int) Fraction {
	f := Fraction{Sum: values[sum]}
	if count != program.None {
		f.Count = values[count]
	}
	return f
}

// run is one evaluation of a program.
type run struct {
	device  tensor.Device
	real    tensor.DType
	sizes   map[string]int64
	globals map[int]float64
}

// evaluate computes the values that only names, or all where only is nil.
func evaluate(p *program.Program, w Where, a Arguments, only []bool) []tensor.Tensor {
	r := &run{device: w.Device, real: w.Real, sizes: a.Sizes, globals: a.Globals}
	values := make([]tensor.Tensor, len(p.Inputs)+len(p.Nodes))
	for i, input := range p.Inputs {
		if only == nil || only[i] {
			values[i] = r.input(input, a.Inputs)
		}
	}
	var in []tensor.Tensor // of one node after the other: no kernel keeps it
	running := 0
	defer blame(p, &running)
	for i, node := range p.Nodes {
		running = i
		at := len(p.Inputs) + i
		if only != nil && !only[at] {
			continue
		}
		in = in[:0]
		for _, v := range node.In {
			in = append(in, values[v])
		}
		values[at] = kernels[node.Op](call{run: r, in: in, node: i, Attrs: node.Attrs})
	}
	return values
}

// blame names the node at which an operation failed.
func blame(p *program.Program, node *int) {
	r := recover()
	if r == nil {
		return
	}
	if e, failed := r.(*tensor.Error); failed {
		e.Op = fmt.Sprintf("%s, node %d of the %s program,", e.Op, *node, p.Kind)
	}
	panic(r)
}

// input fetches one argument and holds it to the program's declaration, so
// that a wrong argument is named here and not by some op deep inside.
func (r *run) input(declared op.Input, given map[string]tensor.Tensor) tensor.Tensor {
	t, ok := given[declared.Name]
	if !ok {
		panic(&tensor.Error{Op: "program input " + declared.Name, Cause: "the program asks for it and nothing provides it"})
	}
	want, shape := r.shape(declared.Value.Shape), t.Shape()
	if !slices.Equal(want, shape) {
		panic(&tensor.Error{Op: "program input " + declared.Name, Shapes: [][]int64{shape}, Cause: fmt.Sprintf("want %v, that is %v", declared.Value.Shape, want)})
	}
	return t.To(r.dtype(declared.Value.DType))
}

func (r *run) dtype(d op.DType) tensor.DType {
	switch d {
	case op.I64:
		return tensor.Int64
	case op.Bool:
		return tensor.Bool
	}
	return r.real
}

// size is the number a dim stands for. The program was checked against the
// dims that the host binds, so an unknown one is the host's own mistake.
func (r *run) size(d op.Dim) int64 {
	if n, isName := r.sizes[string(d)]; isName { // as nearly all are
		return n
	}
	n, err := d.Eval(r.sizes)
	if err != nil {
		panic(&tensor.Error{Op: "program", Cause: err.Error()})
	}
	return n
}

func (r *run) shape(s op.Shape) []int64 {
	out := make([]int64, len(s))
	for i, d := range s {
		out[i] = r.size(d)
	}
	return out
}
