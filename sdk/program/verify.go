package program

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"llmhost/sdk/op"
)

// MaxProblems is how many faults an Error lists; it only counts the rest.
const MaxProblems = 20

// Problem is one fault of a program.
type Problem struct {
	Node int // the node at fault, or None
	Text string
}

// Error says everything that is wrong with a program.
type Error struct{ Problems []Problem }

// Error lists the problems, one a line.
func (e *Error) Error() string { return e.Text(nil) }

// Text lists the problems, one a line, with the author's source line if
// locations has one for the node.
func (e *Error) Text(locations []string) string {
	lines := make([]string, 0, len(e.Problems))
	for i, p := range e.Problems {
		if i == MaxProblems {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Problems)-i))
			break
		}
		line := "program: " + p.Text
		switch {
		case p.Node != None && p.Node < len(locations) && locations[p.Node] != "":
			line = fmt.Sprintf("%s: node %d: %s", locations[p.Node], p.Node, p.Text)
		case p.Node != None:
			line = fmt.Sprintf("program: node %d: %s", p.Node, p.Text)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// Parse reads a program and checks it. A malformed program gives a plain error;
// a well-formed one that breaks rules gives an *Error with every fault.
func Parse(data []byte) (*Program, error) {
	s, err := read(data)
	if err != nil {
		return nil, err
	}
	if s.kind != op.LossProgram && s.kind != op.PoolingProgram {
		return nil, fmt.Errorf("program is of kind %q; want loss or pooling", clip(string(s.kind)))
	}
	if s.level > op.Level {
		return nil, fmt.Errorf("program needs op level %d, this llmhost has %d; update llmhost", s.level, op.Level)
	}
	v := &verifier{p: &Program{Kind: s.kind, OpLevel: 1, Output: None}}
	v.inputs(s.inputs)
	for i, node := range s.nodes {
		v.node(i, node)
	}
	v.outputs(s)
	if len(v.problems) == 0 {
		v.effects()
	}
	if len(v.problems) > 0 {
		return nil, &Error{v.problems}
	}
	return v.p, nil
}

// verifier builds a program while it checks it. An invalid value is poisoned,
// so that one mistake gives one problem.
type verifier struct {
	p        *Program
	poisoned []bool // a value
	problems []Problem
}

func (v *verifier) problem(node int, format string, args ...any) {
	v.problems = append(v.problems, Problem{Node: node, Text: fmt.Sprintf(format, args...)})
}

func (v *verifier) inputs(inputs []sourceInput) {
	for i, in := range inputs {
		known, err := op.FindInput(v.p.Kind, in.name)
		switch {
		case err != nil:
			v.problem(None, "input %d: %v", i, err)
		case slices.Contains(v.p.InputNames(), in.name):
			v.problem(None, "input %d: %s is listed twice", i, in.name)
		case in.value.DType != known.Value.DType || !in.value.Shape.Equal(known.Value.Shape):
			v.problem(
				None,
				"input %d: %s is %s; the program says %s",
				i,
				in.name,
				known.Value,
				clip(in.value.String()),
			)
		}
		v.p.Inputs = append(v.p.Inputs, known)
		v.poisoned = append(v.poisoned, err != nil)
	}
}

// node checks node i and appends it.
func (v *verifier) node(i int, s sourceNode) {
	node := Node{Op: s.op, In: s.in}
	bad := false
	var in []op.Value
	for _, value := range s.in {
		if value < 0 || value >= len(v.poisoned) {
			v.problem(i, "%s: input is value %d; want one of the %d before it", clip(s.op), value, len(v.poisoned))
			bad = true
			continue
		}
		bad = bad || v.poisoned[value]
		in = append(in, v.p.Value(value))
	}
	if err := v.infer(&node, s, in, bad); err != nil {
		v.problem(i, "%v", err)
		bad = true
	}
	v.p.Nodes = append(v.p.Nodes, node)
	v.poisoned = append(v.poisoned, bad)
}

// infer finds the op and, unless an input is invalid already, the output and
// the canonical attributes.
func (v *verifier) infer(node *Node, s sourceNode, in []op.Value, bad bool) error {
	row, found := op.Find(s.op)
	if !found {
		return fmt.Errorf("no op is called %q", clip(s.op))
	}
	v.p.OpLevel = max(v.p.OpLevel, row.Since)
	given, err := attributes(row, s.attrs)
	if err != nil || bad {
		return err
	}
	out, attrs, err := row.Check(in, given)
	if err != nil {
		return err
	}
	node.Out, node.Attrs = out, attrs
	for _, attr := range attrs {
		if err := op.CheckDims(
			v.p.Kind,
			v.p.inputDims(),
			append(op.Shape{}, append(attr.Shape, sizeOf(attr)...)...),
		); err != nil {
			return fmt.Errorf("%s: %w", s.op, err)
		}
	}
	return nil
}

// sizeOf is the dimension that a Size attribute holds, as a shape.
func sizeOf(attr op.Attr) op.Shape {
	if attr.Kind == op.Size {
		return op.Shape{attr.Dim}
	}
	return nil
}

// outputs checks what the program yields.
func (v *verifier) outputs(s source) {
	if s.kind == op.PoolingProgram {
		v.pooling(s)
		return
	}
	if s.output != None {
		v.problem(None, "a loss has terms, not an output")
	}
	if len(s.terms) == 0 {
		v.problem(None, "a loss needs at least one term")
	}
	names := map[string]bool{}
	for _, t := range s.terms {
		v.name("term", t.Name, names)
		v.scalar("term "+clip(t.Name), "sum", t.Sum)
		v.count("term "+clip(t.Name), t.Count)
		if math.IsNaN(t.Coefficient) || math.IsInf(t.Coefficient, 0) {
			v.problem(None, "term %s: coefficient is %v; want a finite number", clip(t.Name), t.Coefficient)
		}
	}
	names = map[string]bool{}
	for _, m := range s.metrics {
		v.name("metric", m.Name, names)
		if why := reserved(m.Name, s.terms); why != "" {
			v.problem(None, "metric %s: %s; choose another name", clip(m.Name), clip(why))
		}
		v.scalar("metric "+clip(m.Name), "sum", m.Sum)
		v.count("metric "+clip(m.Name), m.Count)
	}
	v.p.Terms = s.terms
	v.p.Metrics = s.metrics
	v.states(s.states)
}

// states checks that the listed states are those that are read.
func (v *verifier) states(states []State) {
	names := map[string]bool{}
	for _, s := range states {
		v.name("state", s.Name, names)
		v.scalar("state "+clip(s.Name), "update", s.Update)
		if math.IsNaN(s.Initial) || math.IsInf(s.Initial, 0) {
			v.problem(None, "state %s: initial value is %v; want a finite number", clip(s.Name), s.Initial)
		}
	}
	for _, input := range v.p.Inputs {
		if name, is := strings.CutPrefix(input.Name, "state."); is && !names[name] {
			v.problem(None, "input %s is read, and no state of that name is listed", clip(input.Name))
		}
	}
	v.p.States = states
}

func (v *verifier) pooling(s source) {
	if len(s.terms)+len(s.metrics) > 0 {
		v.problem(None, "a pooling has an output, not terms or metrics")
	}
	want := op.Value{DType: op.F32, Shape: op.Shape{"N", "H"}}
	switch {
	case s.output < 0 || s.output >= len(v.poisoned):
		v.problem(None, "output is value %d of %d; a pooling needs one", s.output, len(v.poisoned))
		return
	case v.poisoned[s.output]:
	case v.p.Value(s.output).String() != want.String():
		v.problem(v.nodeOf(s.output), "output is %s; want %s", v.p.Value(s.output), want)
	}
	v.p.Output = s.output
}

// name checks the name of a term or metric, which goes into logs and file names.
func (v *verifier) name(what, name string, seen map[string]bool) {
	good := name != "" && len(name) <= 64
	for _, c := range name {
		good = good &&
			(c >= 'a' && c <= 'z' ||
				c >= 'A' && c <= 'Z' ||
				c >= '0' && c <= '9' ||
				strings.ContainsRune("_-./@", c))
	}
	switch {
	case !good:
		v.problem(None, "%s name %q is not one of up to 64 letters, digits and _-./@", what, clip(name))
	case seen[name]:
		v.problem(None, "two %ss are called %s", what, name)
	}
	seen[name] = true
}

// nodeOf is the node that makes a value, or None for an input.
func (v *verifier) nodeOf(value int) int {
	return max(None, value-len(v.p.Inputs))
}

// scalar wants value to be a single f32.
func (v *verifier) scalar(owner, part string, value int) {
	switch {
	case value < 0 || value >= len(v.poisoned):
		v.problem(None, "%s: %s is value %d of %d", owner, part, value, len(v.poisoned))
	case v.poisoned[value]:
	case v.p.Value(value).DType != op.F32 || len(v.p.Value(value).Shape) > 0:
		v.problem(v.nodeOf(value), "%s: %s is %s; want f32 [] (reduce it with sum)", owner, part, v.p.Value(value))
	}
}

func (v *verifier) count(owner string, value int) {
	if value != None {
		v.scalar(owner, "count", value)
	}
}

// effects checks the program as a whole: counts that the host can total before
// the model runs, a gradient that reaches the model, bounded size.
func (v *verifier) effects() {
	for _, t := range v.p.Terms {
		reached := v.p.Reach(t.Count)
		for i, input := range v.p.Inputs {
			if reached[i] && (input.FromModel || input.Frozen) {
				v.problem(
					v.nodeOf(t.Count),
					"term %s: its count depends on %s, which the model computes; a count may use data alone (masks, columns, dim_size)",
					t.Name,
					input.Name,
				)
			}
		}
	}
	learns := v.p.Kind == op.PoolingProgram
	trains := v.p.trainable()
	for _, t := range v.p.Terms {
		learns = learns || trains[t.Sum]
	}
	if !learns {
		v.problem(None, "no term has a gradient to the model, so nothing would be learned")
	}
	v.globals()
	v.fixedSize()
}

// globals checks that means over the step can be computed batch by batch, and
// that states depend on nothing but such means.
func (v *verifier) globals() {
	for _, g := range v.p.Globals() {
		below := v.p.Reach(g.Sum, g.Count)
		for _, other := range v.p.Globals() {
			if below[len(v.p.Inputs)+other.Node] {
				v.problem(
					g.Node,
					"%s reads another one, node %d; want only values of the batch",
					globalMean,
					other.Node,
				)
			}
		}
	}
	for _, s := range v.p.States {
		reached := v.p.ReachLocal(s.Update)
		for i, input := range v.p.Inputs {
			if reached[i] && !strings.HasPrefix(input.Name, "state.") {
				v.problem(
					v.nodeOf(s.Update),
					"state %s: its update reads %s of one batch; want a %s of it",
					s.Name,
					input.Name,
					globalMean,
				)
			}
		}
		for i, node := range v.p.Nodes {
			if reached[len(v.p.Inputs)+i] && node.Op == "dim_size" {
				v.problem(
					i,
					"state %s: its update reads a dimension of one batch; want a %s of it",
					s.Name,
					globalMean,
				)
			}
		}
	}
}

// trainable says for each value whether gradients flow from it to the model.
func (p *Program) trainable() []bool {
	trains := make([]bool, 0, len(p.Inputs)+len(p.Nodes))
	for _, input := range p.Inputs {
		trains = append(trains, input.FromModel)
	}
	for _, node := range p.Nodes {
		row, _ := op.Find(node.Op)
		flows := false
		for _, in := range node.In {
			flows = flows || trains[in] && p.Value(in).DType == op.F32
		}
		trains = append(trains, flows && row.Differentiable && node.Out.DType == op.F32)
	}
	return trains
}

// MaxFixedBytes bounds what a program may take with every named dimension at 1,
// which is what it needs whatever the batch.
const MaxFixedBytes = 1 << 30

func (v *verifier) fixedSize() {
	sizes := map[string]int64{}
	for _, d := range v.p.Dims() {
		sizes[string(d)] = 1
	}
	n, err := v.p.Bytes(sizes)
	if err != nil {
		v.problem(None, "%v", err)
	}
	if n > MaxFixedBytes {
		v.problem(None, "needs more than %d MiB even for a batch of one token", MaxFixedBytes>>20)
	}
}
