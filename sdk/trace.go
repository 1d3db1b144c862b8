package sdk

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"llmhost/sdk/op"
)

// traceComponent traces a Loss or Pooling and returns what goes to the host: the
// program and, one a node, the places in the author's files, with what the
// author declares about it. The error lists every mistake, one a line, a panic
// of the author's code with its line included.
func traceComponent(part any) (trace []byte, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = errors.New(authorLine() + ": the trace panicked: " + panicText(reason))
		}
	}()
	switch part := part.(type) {
	case Loss:
		g := newGraph(op.LossProgram)
		return g.closeLoss(part.Trace(g))
	case Pooling:
		g := newGraph(op.PoolingProgram)
		return g.closePooling(part.Trace(g), part)
	}
	return nil, errors.New("a formatter has no trace")
}

// panicText describes a panic, without fmt.
func panicText(reason any) string {
	switch reason := reason.(type) {
	case error:
		return reason.Error()
	case string:
		return reason
	}
	return "a value that is neither an error nor a string"
}

func (g *Graph) closeLoss(o Objective) ([]byte, error) {
	for _, t := range o.Terms {
		g.owned("term "+t.Name, "sum", t.Sum, true)
		g.owned("term "+t.Name, "count", t.Count, false)
		if math.IsNaN(t.Coefficient) || math.IsInf(t.Coefficient, 0) {
			g.fail("term "+t.Name, "its coefficient is "+strconv.FormatFloat(t.Coefficient, 'g', -1, 64)+"; want a finite number")
		}
	}
	for _, m := range o.Metrics {
		g.owned("metric "+m.Name, "sum", m.Sum, true)
		g.owned("metric "+m.Name, "count", m.Count, false)
	}
	for _, s := range o.States {
		g.owned("state "+s.Name, "update", s.Update, true)
		if math.IsNaN(s.Initial) || math.IsInf(s.Initial, 0) {
			g.fail("state "+s.Name, "its initial value is "+strconv.FormatFloat(s.Initial, 'g', -1, 64)+"; want a finite number")
		}
	}
	if err := g.err(); err != nil {
		return nil, err
	}
	numbers := g.number()
	b := g.appendProgram(numbers)
	b = append(appendKey(b, "terms"), '[')
	for i, t := range o.Terms {
		b = appendResult(b, i, t.Name, t.Sum, t.Count, numbers)
		b = append(appendFloat64(appendKey(b, "coefficient"), t.Coefficient), '}')
	}
	b = append(appendKey(append(b, ']'), "metrics"), '[')
	for i, m := range o.Metrics {
		b = appendResult(b, i, m.Name, m.Sum, m.Count, numbers)
		b = append(strconv.AppendBool(appendKey(b, "exp"), m.Exp), '}')
	}
	b = append(b, ']')
	if len(o.States) > 0 {
		b = g.appendStates(b, o.States, numbers)
	}
	b = g.appendPlaces(append(b, '}'))
	b = appendUses(b, g.uses)
	return append(appendAllow(b, o.Allow), '}'), nil
}

func (g *Graph) appendStates(b []byte, states []State, numbers []int) []byte {
	b = append(appendKey(b, "states"), '[')
	first := true
	for _, s := range states {
		b = appendField(append(separate(b, &first), '{'), "name", s.Name)
		b = appendFloat64(appendKey(b, "initial"), s.Initial)
		b = append(strconv.AppendInt(appendKey(b, "update"), int64(numbers[s.Update.id-1]), 10), '}')
	}
	return append(b, ']')
}

func (g *Graph) closePooling(out Tensor, part Pooling) ([]byte, error) {
	g.owned("pooling", "result", out, true)
	if err := g.err(); err != nil {
		return nil, err
	}
	numbers := g.number()
	b := appendKey(g.appendProgram(numbers), "output")
	b = append(strconv.AppendInt(b, int64(numbers[out.id-1]), 10), '}')
	b = g.appendPlaces(b)
	if p, has := part.(interface{ PoolsLastToken() bool }); has && p.PoolsLastToken() {
		b = append(appendKey(b, "pools_last_token"), "true"...)
	}
	return append(appendAllow(b, allowed(part)), '}'), nil
}

// owned records a mistake unless t belongs to this trace, or is empty and may be.
func (g *Graph) owned(owner, part string, t Tensor, wanted bool) {
	if t.g == g || t.g == nil && !wanted {
		return
	}
	g.fail(owner, "its "+part+" is empty or belongs to another trace")
}

func (g *Graph) err() error {
	if len(g.errs) == 0 {
		return nil
	}
	return errors.New(strings.Join(g.errs, "\n"))
}

// number numbers the program's values: inputs first, then nodes.
func (g *Graph) number() []int {
	numbers := make([]int, len(g.values))
	input, node := 0, g.inputs
	for i, v := range g.values {
		if v.input != "" {
			numbers[i] = input
			input++
			continue
		}
		numbers[i] = node
		node++
	}
	return numbers
}

// appendProgram begins a trace reply with the program up to its nodes.
func (g *Graph) appendProgram(numbers []int) []byte {
	level := 1
	for _, v := range g.values {
		row, _ := op.Find(v.node.op)
		level = max(level, row.Since)
	}
	b := append([]byte(`{"program":{"llmhost_program":1,"op_level":`), strconv.Itoa(level)...)
	b = append(appendKey(appendField(b, "kind", string(g.kind)), "inputs"), '[')
	first := true
	for _, v := range g.values {
		if v.input != "" {
			b = appendField(append(separate(b, &first), '{'), "name", v.input)
			b = appendField(b, "dtype", string(v.DType))
			b = append(appendShape(appendKey(b, "shape"), v.Shape), '}')
		}
	}
	b = append(appendKey(append(b, ']'), "nodes"), '[')
	first = true
	for _, v := range g.values {
		if v.input == "" {
			b = appendNode(separate(b, &first), v.node, numbers)
		}
	}
	return append(b, ']')
}

// separate appends a comma, except before the first item.
func separate(b []byte, first *bool) []byte {
	if !*first {
		b = append(b, ',')
	}
	*first = false
	return b
}

func appendNode(b []byte, node graphNode, numbers []int) []byte {
	b = append(appendKey(appendField(append(b, '{'), "op", node.op), "in"), '[')
	first := true
	for _, in := range node.in {
		b = strconv.AppendInt(separate(b, &first), int64(numbers[in]), 10)
	}
	b = append(appendKey(append(b, ']'), "attrs"), '{')
	for _, attr := range node.attrs {
		b = appendAttr(appendKey(b, attr.Name), attr)
	}
	return append(b, "}}"...)
}

// appendResult begins a term or metric; the caller adds its last key.
func appendResult(b []byte, i int, name string, sum, count Tensor, numbers []int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	b = appendField(append(b, '{'), "name", name)
	b = strconv.AppendInt(appendKey(b, "sum"), int64(numbers[sum.id-1]), 10)
	if count.g != nil {
		b = strconv.AppendInt(appendKey(b, "count"), int64(numbers[count.id-1]), 10)
	}
	return b
}

// appendPlaces appends the places of the nodes to a trace reply.
func (g *Graph) appendPlaces(b []byte) []byte {
	var places []string
	for _, v := range g.values {
		if v.input == "" {
			places = append(places, v.node.place)
		}
	}
	return appendList(appendKey(b, "locations"), places)
}
