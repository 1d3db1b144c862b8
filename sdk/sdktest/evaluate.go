package sdktest

import (
	"fmt"
	"maps"
	"slices"

	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// Arguments are what one run of a program reads.
type Arguments struct {
	Inputs map[string]Array // by the program's input names; others are ignored
	Sizes  map[string]int64 // of the named dimensions

	// Single rounds every f32 value to float32, as in training.
	Single bool

	// Held fixes values at those given here instead of computing them.
	Held map[int]Array
}

// Evaluation is one run of a program: every value, in the program's numbering.
type Evaluation struct {
	Program *Traced
	Values  []Array

	backward []func(grad []float64) [][]float64 // of the nodes
}

// Evaluate computes every value of the program; a state without an input has
// its initial value. An error names the input that is missing or of the wrong
// shape, or the node that cannot be computed.
func (p *Traced) Evaluate(a Arguments) (*Evaluation, error) {
	if err := p.fits(a.Sizes); err != nil {
		return nil, err
	}
	e := &Evaluation{p, make([]Array, 0, len(p.Inputs)+len(p.Nodes)), make([]func([]float64) [][]float64, len(p.Nodes))}
	for _, s := range p.States {
		a = a.withState(s)
	}
	for _, input := range p.Inputs {
		if _, has := a.Inputs[input.Name]; !has && slices.Contains(p.Optional, input.Name) {
			shape, err := sizesOf(input.Value.Shape, a.Sizes)
			if err != nil {
				return nil, fmt.Errorf("input %s: %w", input.Name, err)
			}
			e.Values = append(e.Values, NewArray(input.Value.DType, shape...))
			continue
		}
		given, err := a.bind(input)
		if err != nil {
			return nil, err
		}
		e.Values = append(e.Values, given)
	}
	for i := range p.Nodes {
		if err := e.node(i, a); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Place(len(p.Inputs)+i), err)
		}
	}
	return e, nil
}

// withState gives a state its initial value if the inputs lack it.
func (a Arguments) withState(s program.State) Arguments {
	name := "state." + s.Name
	if _, given := a.Inputs[name]; given {
		return a
	}
	a.Inputs = maps.Clone(a.Inputs)
	a.Inputs[name] = Scalar(op.F32, s.Initial)
	return a
}

// maxElements bounds what an evaluation keeps: a program may ask for more than
// any machine has.
const maxElements = 1 << 26

// fits returns an error that names the node at which the values exceed
// maxElements elements in total.
func (p *Traced) fits(sizes map[string]int64) error {
	total := int64(0)
	for i, node := range p.Nodes {
		n, err := node.Out.Shape.Elements(sizes)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Place(len(p.Inputs)+i), err)
		}
		if total += n; total > maxElements {
			return fmt.Errorf(
				"%s: %v brings the program to more than %d elements; take smaller sizes",
				p.Place(len(p.Inputs)+i),
				node.Out,
				maxElements,
			)
		}
	}
	return nil
}

// bind fetches one input and checks it against its declaration.
func (a Arguments) bind(input op.Input) (Array, error) {
	given, found := a.Inputs[input.Name]
	if !found {
		return Array{}, fmt.Errorf("input %s: the program reads it and nothing provides it", input.Name)
	}
	shape, err := sizesOf(input.Value.Shape, a.Sizes)
	if err != nil {
		return Array{}, fmt.Errorf("input %s: %w", input.Name, err)
	}
	if given.DType != input.Value.DType ||
		!slices.Equal(given.Shape, shape) ||
		len(given.Data) != count(shape) {
		want := Array{DType: input.Value.DType, Shape: shape}
		return Array{}, fmt.Errorf(
			"input %s is %v with %d elements; want %v, that is %v",
			input.Name,
			given,
			len(given.Data),
			want,
			input.Value,
		)
	}
	if a.Single {
		given.Data = append([]float64(nil), given.Data...)
		single(given.DType, given.Data)
	}
	return given, nil
}

// node computes node i.
func (e *Evaluation) node(i int, a Arguments) (err error) {
	defer catch(&err)
	node := e.Program.Nodes[i]
	in := make([]Array, len(node.In))
	for j, v := range node.In {
		in[j] = e.Values[v]
	}
	out, backward, err := compute(node.Op, in, node.Attrs, a.Sizes, node.Out)
	if err != nil {
		return err
	}
	if held, is := a.Held[len(e.Values)]; is {
		copy(out.Data, held.Data)
	}
	if a.Single {
		single(out.DType, out.Data)
	}
	e.Values = append(e.Values, out)
	e.backward[i] = backward
	return nil
}

// Number is value v, a scalar; 1 for program.None.
func (e *Evaluation) Number(v int) float64 {
	if v == program.None {
		return 1
	}
	return e.Values[v].Data[0]
}

// Loss is the sum over the terms of coefficient · sum / count, where a count of
// 0 is replaced by 1, as the host does.
func (e *Evaluation) Loss() float64 {
	total := 0.0
	for _, t := range e.Program.Terms {
		total += t.Coefficient * e.Number(t.Sum) / orOne(e.Number(t.Count))
	}
	return total
}

func orOne(n float64) float64 {
	if n == 0 {
		return 1
	}
	return n
}

// Gradient is the gradient of Σ seeds[v] · value v with respect to every input
// that comes from the model, by its name. A seed has as many elements as its
// value.
func (e *Evaluation) Gradient(seeds map[int][]float64) map[string][]float64 {
	grads := make([][]float64, len(e.Values))
	for v, seed := range seeds {
		grads[v] = append([]float64(nil), seed...)
	}
	for i := len(e.backward) - 1; i >= 0; i-- {
		grad := grads[len(e.Program.Inputs)+i]
		if grad == nil || e.backward[i] == nil {
			continue
		}
		for j, g := range e.backward[i](grad) {
			if v := e.Program.Nodes[i].In[j]; e.Program.Value(v).DType == op.F32 {
				grads[v] = added(grads[v], g)
			}
		}
	}
	return e.modelInputs(grads)
}

func added(total, g []float64) []float64 {
	switch {
	case g == nil:
		return total
	case total == nil:
		return append([]float64(nil), g...)
	}
	for i := range g {
		total[i] += g[i]
	}
	return total
}

func (e *Evaluation) modelInputs(grads [][]float64) map[string][]float64 {
	found := map[string][]float64{}
	for i, input := range e.Program.Inputs {
		if !input.FromModel {
			continue
		}
		if found[input.Name] = grads[i]; grads[i] == nil {
			found[input.Name] = make([]float64, len(e.Values[i].Data))
		}
	}
	return found
}

// LossSeeds are the seeds whose gradient is that of the loss.
func (e *Evaluation) LossSeeds() map[int][]float64 {
	seeds := map[int][]float64{}
	for _, t := range e.Program.Terms {
		seeds[t.Sum] = added(seeds[t.Sum], []float64{t.Coefficient / orOne(e.Number(t.Count))})
	}
	return seeds
}
