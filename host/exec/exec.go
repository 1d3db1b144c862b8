// Package exec runs checked programs over libtorch. It adds the libtorch call
// to each entry of the op table in sdk/op, which defines what a program means.
// Start at Compile, which decides once what each kind of run computes.
package exec

import (
	"fmt"
	"slices"

	"llmhost/host/tensor"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// Target says on which device a program runs, and what its type f32 is:
// Float32 in training, Float64 where gradients are checked.
type Target struct {
	Device tensor.Device
	Real   tensor.DType
}

// Inputs are what a run reads. It asks only for those that its results
// depend on, each once, in the order of the program: random numbers are then
// drawn, and gradients added up, in one order whatever the nodes are.
type Inputs interface {
	// Input returns the input that the program calls name, undefined where
	// there is none.
	Input(name string) tensor.Tensor
	// Size returns the size of a named dimension.
	Size(dim string) (size int64, known bool)
}

// Given are inputs that are known before the run.
type Given struct {
	Inputs map[string]tensor.Tensor
	Sizes  map[string]int64
}

// Input implements Inputs.
func (g Given) Input(name string) tensor.Tensor { return g.Inputs[name] }

// Size implements Inputs.
func (g Given) Size(dim string) (size int64, known bool) {
	size, known = g.Sizes[dim]
	return size, known
}

// Means are the values of a program's global means over a whole step, scalars
// in the order of program.Globals. Where they are nil each is that of the batch
// alone.
type Means []tensor.Tensor

// Fraction is a sum and a count, both scalars; a count that the program leaves
// out is the undefined tensor and means 1.
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
// the sums and counts of its global means; none where their values were given.
type Outputs struct{ Terms, Metrics, Globals []Fraction }

// Loss runs a loss program. Its sums can be differentiated.
func (c *Compiled) Loss(in Inputs, means Means) Outputs {
	schedule := c.alone
	if means != nil {
		schedule = c.known
	}
	values := c.run(schedule, in, means)
	var out Outputs
	if means == nil {
		out.Globals = c.globalFractions(values)
	}
	for _, t := range c.program.Terms {
		out.Terms = append(out.Terms, fraction(values, t.Sum, t.Count))
	}
	for _, m := range c.program.Metrics {
		out.Metrics = append(out.Metrics, fraction(values, m.Sum, m.Count))
	}
	return out
}

// Globals computes the sums and counts of the global means, a fraction a mean.
func (c *Compiled) Globals(in Inputs) []Fraction {
	return c.globalFractions(c.run(c.globals, in, nil))
}

func (c *Compiled) globalFractions(values []tensor.Tensor) (fractions []Fraction) {
	for _, g := range c.program.Globals() {
		fractions = append(fractions, fraction(values, g.Sum, g.Count))
	}
	return fractions
}

// Updates returns the states after a step with these global means,
// scalars in the order of the program's States.
func (c *Compiled) Updates(in Inputs, means Means) (next []tensor.Tensor) {
	values := c.run(c.updates, in, means)
	for _, s := range c.program.States {
		next = append(next, values[s.Update])
	}
	return next
}

// Counts runs what the counts of a loss program's terms need, which is data
// alone, and returns them; 1 for a term without a count. The target is the CPU.
func (c *Compiled) Counts(in Inputs) []float64 {
	values := c.run(c.counts, in, nil)
	counts := make([]float64, len(c.program.Terms))
	for i, t := range c.program.Terms {
		counts[i] = 1
		if t.Count != program.None {
			counts[i] = values[t.Count].HostItem()
		}
	}
	return counts
}

// Pool runs a pooling program; the result is [N, hidden].
func (c *Compiled) Pool(in Inputs) tensor.Tensor {
	return c.run(c.pool, in, nil)[c.program.Output]
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
	Target
	in    Inputs
	means Means
}

// run computes the values of a schedule; the others stay undefined.
func (c *Compiled) run(s schedule, in Inputs, means Means) []tensor.Tensor {
	r := &run{Target: c.target, in: in, means: means}
	values := make([]tensor.Tensor, len(c.program.Inputs)+len(c.program.Nodes))
	for _, i := range s.inputs {
		values[i] = r.input(c.program.Inputs[i])
	}
	var operands []tensor.Tensor // of one node after the other: no kernel keeps them
	running := 0
	defer c.blame(&running)
	for i := range s.steps {
		step := &s.steps[i]
		running = step.node
		operands = operands[:0]
		for _, v := range step.in {
			operands = append(operands, values[v])
		}
		values[step.value] = step.kernel(call{
			run:    r,
			in:     operands,
			global: step.global,
			Attrs:  step.attrs,
		})
	}
	return values
}

// blame names the node at which an operation failed.
func (c *Compiled) blame(node *int) {
	r := recover()
	if r == nil {
		return
	}
	if e, failed := r.(*tensor.Error); failed {
		e.Op = fmt.Sprintf("%s, node %d of the %s program,", e.Op, *node, c.program.Kind)
	}
	panic(r)
}

// input fetches one input and compares it with the program's declaration, so
// that a wrong one is named here and not by some op deep inside.
func (r *run) input(declared op.Input) tensor.Tensor {
	t := r.in.Input(declared.Name)
	if !t.Defined() {
		panic(&tensor.Error{Op: "program input " + declared.Name, Cause: "the program reads it and nothing provides it"})
	}
	want := r.shape(declared.Value.Shape)
	shape := t.Shape()
	if !slices.Equal(want, shape) {
		panic(&tensor.Error{
			Op:     "program input " + declared.Name,
			Shapes: [][]int64{shape},
			Cause:  fmt.Sprintf("want %v, that is %v", declared.Value.Shape, want),
		})
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
	return r.Real
}

// size is the value of a dim. The program was checked against the
// dims that the host binds, so an unknown one is a bug of the host.
func (r *run) size(d op.Dim) int64 {
	if n, isName := r.in.Size(string(d)); isName { // as nearly all are
		return n
	}
	sizes := map[string]int64{}
	for _, name := range d.Names() {
		if n, known := r.in.Size(name); known {
			sizes[name] = n
		}
	}
	n, err := d.Eval(sizes)
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

// Compiled is a program ready to run on a target: what each kind of run
// computes is decided once.
type Compiled struct {
	program *program.Program
	target  Target

	alone   schedule // terms, metrics and what the global means are made of
	known   schedule // terms and metrics, where the global means are known
	globals schedule // what the global means are made of
	updates schedule // the next states, where the global means are known
	counts  schedule // the counts of the terms
	pool    schedule // the output of a pooling
}

// schedule is what one kind of run computes, in order.
type schedule struct {
	inputs []int // by number
	steps  []step
}

// step is one node of a schedule.
type step struct {
	node   int // its number among the nodes
	value  int // its number among all values
	in     []int
	attrs  op.Attrs
	kernel kernel
	global int // which of the program's global means it is, if any
}

// Compile makes p ready for a target.
func Compile(p *program.Program, t Target) *Compiled {
	c := &Compiled{program: p, target: t}
	if p.Kind == op.PoolingProgram {
		c.pool = c.schedule(p.Reach(p.Output))
		return c
	}
	var globals, updates, counts []int
	for _, g := range p.Globals() {
		globals = append(globals, g.Sum, g.Count)
	}
	for _, s := range p.States {
		updates = append(updates, s.Update)
	}
	for _, t := range p.Terms {
		counts = append(counts, t.Count)
	}
	c.alone = c.schedule(p.Reach(append(p.Results(), globals...)...))
	c.known = c.schedule(p.ReachLocal(p.Results()...))
	c.globals = c.schedule(p.Reach(globals...))
	c.updates = c.schedule(p.ReachLocal(updates...))
	c.counts = c.schedule(p.Reach(counts...))
	return c
}

// Program returns the program that c runs.
func (c *Compiled) Program() *program.Program { return c.program }

// Target returns what c was compiled for.
func (c *Compiled) Target() Target { return c.target }

// schedule lists the values that are reached.
func (c *Compiled) schedule(reached []bool) (s schedule) {
	for i := range c.program.Inputs {
		if reached[i] {
			s.inputs = append(s.inputs, i)
		}
	}
	globals := map[int]int{} // their order, by node
	for i, g := range c.program.Globals() {
		globals[g.Node] = i
	}
	for i, node := range c.program.Nodes {
		value := len(c.program.Inputs) + i
		if !reached[value] {
			continue
		}
		s.steps = append(s.steps, step{
			node:   i,
			value:  value,
			in:     node.In,
			attrs:  node.Attrs,
			kernel: kernels[node.Op],
			global: globals[i],
		})
	}
	return s
}
