package sdktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"llmhost/sdk/op"
)

// None stands for a value that is not there: a term without a count.
const None = -1

// Program is a traced program. Values are numbered: the inputs first, then the
// nodes; a node reads values with smaller numbers only.
type Program struct {
	Kind    op.ProgramKind
	Inputs  []op.Input
	Nodes   []Node
	Terms   []Term
	Metrics []Metric
	States  []State
	Output  int      // of a pooling, else None
	Places  []string // where each node stands in the author's files, or none
}

// Node is one operation. Attrs are in canonical form.
type Node struct {
	Op    string
	In    []int
	Attrs op.Attrs
	Out   op.Value
}

// Term is a part of the loss: Coefficient · Sum / Count, both numbers of values.
type Term struct {
	Name        string
	Sum, Count  int
	Coefficient float64
}

// Metric is Sum / Count, or the exponential of that where Exp is set.
type Metric struct {
	Name       string
	Sum, Count int
	Exp        bool
}

// State is a number that lasts from step to step; it becomes value Update.
type State struct {
	Name    string
	Initial float64
	Update  int
}

// Value is the type and symbolic shape of value v.
func (p *Program) Value(v int) op.Value {
	if v < len(p.Inputs) {
		return p.Inputs[v].Value
	}
	return p.Nodes[v-len(p.Inputs)].Out
}

// Place says where value v comes from: "margin.go:12: sum", or the name of an input.
func (p *Program) Place(v int) string {
	if v < len(p.Inputs) {
		return "input " + p.Inputs[v].Name
	}
	node := v - len(p.Inputs)
	if node < len(p.Places) && p.Places[node] != "" {
		return p.Places[node] + ": " + p.Nodes[node].Op
	}
	return fmt.Sprintf("node %d: %s", node, p.Nodes[node].Op)
}

// source is a program as JSON has it.
type source struct {
	Kind   op.ProgramKind
	Inputs []struct{ Name string }
	Nodes  []struct {
		Op    string
		In    []int
		Attrs map[string]json.RawMessage
	}
	Terms []struct {
		Name        string
		Sum         int
		Count       *int
		Coefficient *float64
	}
	Metrics []struct {
		Name  string
		Sum   int
		Count *int
		Exp   bool
	}
	States []State
	Output *int
}

// Parse reads a program as a trace yields it or a host re-emits it. It checks
// what running it needs: ops, shapes and types. What else makes a program sound
// is the host's to say.
func Parse(data []byte) (*Program, error) {
	var s source
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("program: %w", err)
	}
	p := &Program{Kind: s.Kind, States: s.States, Output: orNone(s.Output)}
	for _, in := range s.Inputs {
		input, err := op.FindInput(s.Kind, in.Name)
		if err != nil {
			return nil, err
		}
		p.Inputs = append(p.Inputs, input)
	}
	for i, n := range s.Nodes {
		if err := p.append(n.Op, n.In, n.Attrs); err != nil {
			return nil, fmt.Errorf("node %d: %w", i, err)
		}
	}
	for _, t := range s.Terms {
		coefficient := 1.0
		if t.Coefficient != nil {
			coefficient = *t.Coefficient
		}
		p.Terms = append(p.Terms, Term{t.Name, t.Sum, orNone(t.Count), coefficient})
	}
	for _, m := range s.Metrics {
		p.Metrics = append(p.Metrics, Metric{m.Name, m.Sum, orNone(m.Count), m.Exp})
	}
	return p, p.results()
}

func orNone(v *int) int {
	if v == nil {
		return None
	}
	return *v
}

// append checks a node against its row of the op table.
func (p *Program) append(name string, in []int, raw map[string]json.RawMessage) error {
	row, found := op.Find(name)
	if !found {
		return fmt.Errorf("no op is called %q", name)
	}
	var values []op.Value
	for _, v := range in {
		if v < 0 || v >= len(p.Inputs)+len(p.Nodes) {
			return fmt.Errorf("%s: input is value %d; want one of the %d before it", name, v, len(p.Inputs)+len(p.Nodes))
		}
		values = append(values, p.Value(v))
	}
	attrs, err := attributes(row, raw)
	if err != nil {
		return err
	}
	out, attrs, err := row.Check(values, attrs)
	if err != nil {
		return err
	}
	p.Nodes = append(p.Nodes, Node{name, in, attrs, out})
	return nil
}

// results checks that what the program yields is there.
func (p *Program) results() error {
	wanted := []int{}
	for _, t := range p.Terms {
		wanted = append(wanted, t.Sum, t.Count)
	}
	for _, m := range p.Metrics {
		wanted = append(wanted, m.Sum, m.Count)
	}
	for _, s := range p.States {
		wanted = append(wanted, s.Update)
	}
	scalars := len(wanted)
	for i, v := range append(wanted, p.Output) {
		if v < None || v >= len(p.Inputs)+len(p.Nodes) {
			return fmt.Errorf("a result is value %d of %d", v, len(p.Inputs)+len(p.Nodes))
		}
		if v != None && i < scalars && (p.Value(v).DType != op.F32 || len(p.Value(v).Shape) > 0) {
			return fmt.Errorf("%s: a result is %s; want f32 []", p.Place(v), p.Value(v))
		}
	}
	if p.Kind == op.PoolingProgram && p.Output == None {
		return errors.New("a pooling needs an output")
	}
	return nil
}

// attributes reads the attributes of a node by the kinds of its row.
func attributes(row op.Op, raw map[string]json.RawMessage) (op.Attrs, error) {
	var attrs op.Attrs
	for _, spec := range row.Attrs {
		text, given := raw[spec.Name]
		if !given {
			continue
		}
		attr := op.Attr{Name: spec.Name, Kind: spec.Kind}
		if err := readAttribute(&attr, text); err != nil {
			return nil, fmt.Errorf("%s: attribute %s: %w", row.Name, spec.Name, err)
		}
		attrs = append(attrs, attr)
	}
	return attrs, nil
}

func readAttribute(a *op.Attr, text json.RawMessage) error {
	switch a.Kind {
	case op.Axis, op.NewAxis:
		return json.Unmarshal(text, &a.Int)
	case op.Flag:
		return json.Unmarshal(text, &a.Bool)
	case op.Type:
		return json.Unmarshal(text, &a.DType)
	case op.Size:
		return json.Unmarshal(text, &a.Dim)
	case op.Sizes:
		return json.Unmarshal(text, &a.Shape)
	}
	switch string(text) { // op.Number, op.Fill
	case `"inf"`:
		a.Float = math.Inf(1)
		return nil
	case `"-inf"`:
		a.Float = math.Inf(-1)
		return nil
	}
	return json.Unmarshal(text, &a.Float)
}
