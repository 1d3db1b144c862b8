package program

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"llmhost/sdk/op"
)

// source is a program as decoded from JSON, before any check of its meaning.
type source struct {
	kind    op.ProgramKind
	level   int
	inputs  []sourceInput
	nodes   []sourceNode
	terms   []Term
	metrics []Metric
	states  []State
	output  int
}

type sourceInput struct {
	name  string
	value op.Value
}

type sourceNode struct {
	op    string
	in    []int
	attrs map[string]json.RawMessage
}

// reader decodes JSON and keeps the first error.
type reader struct{ err error }

func (r *reader) fail(path, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s %s", path, fmt.Sprintf(format, args...))
	}
}

// object reads a JSON object and refuses keys that are not allowed. Unlike
// encoding/json with a struct, it does not accept "OP" for "op".
func (r *reader) object(path string, raw json.RawMessage, allowed ...string) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		r.fail(path, "is not a JSON object")
		return nil
	}
	for key := range fields {
		if !slices.Contains(allowed, key) {
			r.fail(path, "has the unknown key %q; want %s", clip(key), strings.Join(allowed, ", "))
		}
	}
	return fields
}

// value reads fields[key] into a new T; want is what an error calls T.
func value[T any](r *reader, path string, fields map[string]json.RawMessage, key, want string, fallback ...T) T {
	raw, found := fields[key]
	var v T
	switch {
	case !found && len(fallback) > 0:
		return fallback[0]
	case !found:
		r.fail(path, "lacks the key %q", key)
	case string(raw) == "null" || json.Unmarshal(raw, &v) != nil:
		r.fail(path, "key %q is %s; want %s", key, clip(string(raw)), want)
	}
	return v
}

// list reads fields[key] as an array of at most limit items.
func (r *reader) list(path string, fields map[string]json.RawMessage, key string, limit int) []json.RawMessage {
	items := value(r, path, fields, key, "a list", []json.RawMessage{})
	if len(items) > limit {
		r.fail(path, "has %d %s; at most %d are allowed", len(items), key, limit)
		return nil
	}
	return items
}

// clip truncates what a hostile program puts into an error text.
func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// read decodes the JSON.
func read(data []byte) (source, error) {
	if len(data) > MaxBytes {
		return source{}, fmt.Errorf("program is %d bytes; at most %d are allowed", len(data), MaxBytes)
	}
	if !json.Valid(data) {
		return source{}, fmt.Errorf("program is not JSON: %q", clip(string(data)))
	}
	r := &reader{}
	top := r.object(
		"program",
		data,
		"llmhost_program",
		"op_level",
		"kind",
		"inputs",
		"nodes",
		"terms",
		"metrics",
		"states",
		"output",
	)
	if v := value[int](r, "program", top, "llmhost_program", "a number"); r.err == nil && v != Version {
		return source{}, fmt.Errorf("program has version %d, this llmhost reads %d", v, Version)
	}
	s := source{
		level:  value(r, "program", top, "op_level", "a number", 1),
		kind:   op.ProgramKind(value[string](r, "program", top, "kind", "a string")),
		output: value(r, "program", top, "output", "a number", None),
	}
	for i, raw := range r.list("program", top, "inputs", MaxInputs) {
		s.inputs = append(s.inputs, r.input(fmt.Sprintf("input %d", i), raw))
	}
	for i, raw := range r.list("program", top, "nodes", MaxNodes) {
		s.nodes = append(s.nodes, r.node(fmt.Sprintf("node %d", i), raw))
	}
	for i, raw := range r.list("program", top, "terms", MaxTerms) {
		s.terms = append(s.terms, r.term(fmt.Sprintf("term %d", i), raw))
	}
	for i, raw := range r.list("program", top, "metrics", MaxTerms) {
		s.metrics = append(s.metrics, r.metric(fmt.Sprintf("metric %d", i), raw))
	}
	for i, raw := range r.list("program", top, "states", MaxTerms) {
		s.states = append(s.states, r.state(fmt.Sprintf("state %d", i), raw))
	}
	return s, r.err
}

func (r *reader) input(path string, raw json.RawMessage) sourceInput {
	fields := r.object(path, raw, "name", "dtype", "shape")
	return sourceInput{
		name: value[string](r, path, fields, "name", "a string"),
		value: op.Value{
			DType: op.DType(value[string](r, path, fields, "dtype", "a string")),
			Shape: value[op.Shape](r, path, fields, "shape", "a list of dimensions as strings"),
		},
	}
}

func (r *reader) node(path string, raw json.RawMessage) sourceNode {
	fields := r.object(path, raw, "op", "in", "attrs")
	return sourceNode{
		op:    value[string](r, path, fields, "op", "a string"),
		in:    r.numbers(path, fields, "in"),
		attrs: value(r, path, fields, "attrs", "an object", map[string]json.RawMessage{}),
	}
}

// numbers reads a list of value numbers. encoding/json would read a null in it
// as value 0.
func (r *reader) numbers(path string, fields map[string]json.RawMessage, key string) []int {
	items := value(r, path, fields, key, "a list of value numbers", []*int{})
	numbers := make([]int, len(items))
	for i, item := range items {
		if item == nil {
			r.fail(path, "key %q holds null; want a list of value numbers", key)
			return nil
		}
		numbers[i] = *item
	}
	return numbers
}

func (r *reader) term(path string, raw json.RawMessage) Term {
	fields := r.object(path, raw, "name", "sum", "count", "coefficient")
	return Term{
		Name:        value[string](r, path, fields, "name", "a string"),
		Sum:         value[int](r, path, fields, "sum", "a value number"),
		Count:       value(r, path, fields, "count", "a value number", None),
		Coefficient: value(r, path, fields, "coefficient", "a number", 1.0),
	}
}

func (r *reader) metric(path string, raw json.RawMessage) Metric {
	fields := r.object(path, raw, "name", "sum", "count", "exp")
	return Metric{
		Name:  value[string](r, path, fields, "name", "a string"),
		Sum:   value[int](r, path, fields, "sum", "a value number"),
		Count: value(r, path, fields, "count", "a value number", None),
		Exp:   value(r, path, fields, "exp", "true or false", false),
	}
}

func (r *reader) state(path string, raw json.RawMessage) State {
	fields := r.object(path, raw, "name", "initial", "update")
	return State{
		Name:    value[string](r, path, fields, "name", "a string"),
		Initial: value[float64](r, path, fields, "initial", "a number"),
		Update:  value[int](r, path, fields, "update", "a value number"),
	}
}

// attributes reads the attributes of a node by the kinds that the op declares.
func attributes(row op.Op, raw map[string]json.RawMessage) (op.Attrs, error) {
	r := &reader{}
	var attrs op.Attrs
	for _, spec := range row.Attrs {
		if _, given := raw[spec.Name]; given {
			attrs = append(attrs, r.attribute(row.Name+": attribute", spec, raw))
		}
	}
	for name := range raw {
		if !slices.ContainsFunc(row.Attrs, func(s op.AttrSpec) bool { return s.Name == name }) {
			r.fail(row.Name+":", "has no attribute %q", clip(name))
		}
	}
	return attrs, r.err
}

func (r *reader) attribute(path string, spec op.AttrSpec, raw map[string]json.RawMessage) op.Attr {
	attr := op.Attr{Name: spec.Name, Kind: spec.Kind}
	switch spec.Kind {
	case op.Axis, op.NewAxis:
		attr.Int = value[int](r, path, raw, spec.Name, "a whole number")
	case op.Flag:
		attr.Bool = value[bool](r, path, raw, spec.Name, "true or false")
	case op.Number:
		attr.Float = value[float64](r, path, raw, spec.Name, "a number")
	case op.Fill:
		attr.Float = r.fill(path, raw, spec.Name)
	case op.Type:
		attr.DType = op.DType(value[string](r, path, raw, spec.Name, "a string"))
	case op.Size:
		attr.Dim = op.Dim(value[string](r, path, raw, spec.Name, "a string"))
	case op.Sizes:
		attr.Shape = value[op.Shape](r, path, raw, spec.Name, "a list of dimensions as strings")
	}
	return attr
}

// fill reads a number that may be infinite, which JSON writes as a string.
func (r *reader) fill(path string, raw map[string]json.RawMessage, name string) float64 {
	switch string(raw[name]) {
	case `"inf"`:
		return math.Inf(1)
	case `"-inf"`:
		return math.Inf(-1)
	}
	return value[float64](r, path, raw, name, `a number, "inf" or "-inf"`)
}
