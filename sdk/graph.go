package sdk

import (
	"runtime"
	"strconv"
	"strings"

	"llmhost/sdk/op"
)

// maxErrors bounds how many mistakes of one trace are kept.
const maxErrors = 20

// Graph records one trace. Every mistake (a shape that does not fit, a type, an
// axis out of range) is kept with the line of the author's file that made it;
// all are reported together when the trace ends.
type Graph struct {
	kind   op.ProgramKind
	values []graphValue
	inputs int // of values
	uses   []ColumnUse
	errs   []string
}

// graphValue is an input or a node, in the order in which the author made them.
type graphValue struct {
	op.Value
	input    string // its name, or "" for a node
	node     graphNode
	poisoned bool // invalid: nothing computed from it is checked
}

type graphNode struct {
	op    string
	in    []int
	attrs op.Attrs
	place string // file:line
}

func newGraph(kind op.ProgramKind) *Graph { return &Graph{kind: kind} }

// Logps is the log-probability of each label token under the model being
// trained, f32 [B, K, T]: 0 where there is no label. T counts label tokens only:
// label tokens T are a row's learned tokens in their order; several learned spans
// may stand in one row, such as the assistant's turns of a chat. So tokens t and
// t+1 need not be neighbours in the text.
func (g *Graph) Logps() Tensor { return g.input("policy.logps") }

// RefLogps is Logps under the reference model, f32 [B, K, T]: a constant for
// the gradient, which no count may read.
func (g *Graph) RefLogps() Tensor { return g.input("ref.logps") }

// Rewards are the candidates' rewards under the score head, f32 [B, K]: 0 for a
// padding candidate.
func (g *Graph) Rewards() Tensor { return g.input("rewards") }

// ReverseKL is KL(policy ‖ reference) over the whole vocabulary at each label
// token, f32 [B, K, T]: 0 where there is no label.
func (g *Graph) ReverseKL() Tensor { return g.input("kl.reverse") }

// ForwardKL is KL(reference ‖ policy), shaped like ReverseKL.
func (g *Graph) ForwardKL() Tensor { return g.input("kl.forward") }

// VocabMeanLogps is the mean over the whole vocabulary of the model's
// log-probabilities at each label token, f32 [B, K, T]: 0 where there is no label.
func (g *Graph) VocabMeanLogps() Tensor { return g.input("policy.vocab_mean_logps") }

// MismatchedLogps are the log-probabilities of another example's answer after
// this example's prompt, f32 [B, K, U]: 0 where there is no token. The answers
// are rotated over the whole optimizer step. No gradient flows into them.
func (g *Graph) MismatchedLogps() Tensor { return g.input("mismatched.policy.logps") }

// MismatchedRefLogps is MismatchedLogps under the reference model.
func (g *Graph) MismatchedRefLogps() Tensor { return g.input("mismatched.ref.logps") }

// State is a number that the host keeps from step to step and in checkpoints,
// f32 []. The objective says how it begins and changes: a State of that name.
func (g *Graph) State(name string) Tensor { return g.input("state." + name) }

// Logits are the class logits of the head called name, f32 [B, C_name]: C_name is
// a separate dimension, so heads may have different numbers of classes.
func (g *Graph) Logits(name string) Tensor { return g.input("logits." + name) }

// Label is the class of each example under the head called name, i64 [B]: -100
// if the example has none.
func (g *Graph) Label(name string) Tensor { return g.input("label." + name) }

// LabelMask is true where there is a label token, bool [B, K, T]: T is as in Logps,
// and a row's label tokens come first.
func (g *Graph) LabelMask() Tensor { return g.input("label_mask") }

// Real is false for a padding candidate, bool [B, K].
func (g *Graph) Real() Tensor { return g.input("candidate_mask") }

// Column is a data column with one number a candidate, f32 [B, K]: 0 for a
// padding candidate. Options say what its numbers mean and may be; give them
// once a column:
//
//	g.Column("score", sdk.Role(sdk.ScoreRole), sdk.Values(1, 0.5, -1))
//
// They do not change what is computed.
func (g *Graph) Column(name string, options ...ColumnOption) Tensor {
	return g.column("column."+name, options)
}

// ExampleColumn is a data column with one number an example, f32 [B]. Options
// are those of Column.
func (g *Graph) ExampleColumn(name string, options ...ColumnOption) Tensor {
	return g.column("example_column."+name, options)
}

// column requests a data column and keeps what the author declares about it.
func (g *Graph) column(input string, options []ColumnOption) Tensor {
	if len(options) > 0 {
		use := g.use(input)
		for _, option := range options {
			if err := option(use); err != nil {
				g.fail(authorLine(), input+" "+err.Error())
			}
		}
	}
	return g.input(input)
}

// use is what has been declared about the column so far.
func (g *Graph) use(input string) *ColumnUse {
	for i := range g.uses {
		if g.uses[i].Input == input {
			return &g.uses[i]
		}
	}
	g.uses = append(g.uses, ColumnUse{Input: input})
	return &g.uses[len(g.uses)-1]
}

// Hidden holds the hidden states of every stored token, f32 [P, H]. It is for
// poolings, as are Token, Sequence, IDs and EOS.
func (g *Graph) Hidden() Tensor { return g.input("hidden") }

// Token lists each sequence's tokens in order, as indices into Hidden, i64 [M].
func (g *Graph) Token() Tensor { return g.input("token") }

// Sequence is the sequence that each entry of Token belongs to, i64 [M],
// ascending from 0.
func (g *Graph) Sequence() Tensor { return g.input("sequence") }

// IDs are the token ids of the entries of Token, i64 [M].
func (g *Graph) IDs() Tensor { return g.input("ids") }

// EOS is the id of the end token, i64 [], -1 where there is none.
func (g *Graph) EOS() Tensor { return g.input("eos_token_id") }

// Count is the size of a named dimension in the batch, f32 []: Count("B") is
// the number of prompts. It depends on data alone.
func (g *Graph) Count(dim string) Tensor {
	return g.record("dim_size", op.Attrs{{
		Name: "dim",
		Kind: op.Size,
		Dim:  Dim(dim),
	}})
}

// input requests an input from the host, once however often the author names
// it.
func (g *Graph) input(name string) Tensor {
	for i, v := range g.values {
		if v.input == name {
			return Tensor{g, i + 1}
		}
	}
	known, err := op.FindInput(g.kind, name)
	if err != nil {
		g.fail(authorLine(), err.Error())
	}
	g.inputs++
	return g.add(graphValue{
		Value:    known.Value,
		input:    name,
		poisoned: err != nil,
	})
}

// record checks an operation and appends it.
func (g *Graph) record(name string, attrs op.Attrs, in ...Tensor) Tensor {
	v := graphValue{node: graphNode{op: name, place: authorLine()}}
	var values []op.Value
	for _, t := range in {
		if t.g != g {
			g.fail(v.node.place, name+": an input is empty or belongs to another trace")
			return g.add(graphValue{poisoned: true, node: v.node})
		}
		v.poisoned = v.poisoned || g.values[t.id-1].poisoned
		v.node.in = append(v.node.in, t.id-1)
		values = append(values, g.values[t.id-1].Value)
	}
	if v.poisoned {
		return g.add(v)
	}
	out, canonical, err := g.check(name, attrs, values)
	if err != nil {
		g.fail(v.node.place, err.Error())
		v.poisoned = true
	}
	v.Value = out
	v.node.attrs = canonical
	return g.add(v)
}

func (g *Graph) check(name string, attrs op.Attrs, in []op.Value) (op.Value, op.Attrs, error) {
	row, found := op.Find(name)
	if !found {
		panic("sdk: no op is called " + name)
	}
	out, canonical, err := row.Check(in, attrs)
	for _, attr := range canonical {
		if err == nil && attr.Kind == op.Sizes {
			err = op.CheckDims(g.kind, g.dims(), attr.Shape)
		}
		if err == nil && attr.Kind == op.Size {
			err = op.CheckDims(g.kind, g.dims(), Shape{attr.Dim})
		}
	}
	return out, canonical, err
}

// dims lists the dimensions of the inputs requested so far.
func (g *Graph) dims() []Dim {
	var all []Dim
	for _, v := range g.values {
		if v.input != "" {
			all = append(all, v.Shape...)
		}
	}
	return all
}

func (g *Graph) add(v graphValue) Tensor {
	if len(g.values) == op.MaxNodes {
		g.fail(authorLine(), "the program has more than "+strconv.Itoa(op.MaxNodes)+" values")
	}
	if len(g.values) > op.MaxNodes { // bounds the memory of a runaway trace
		v.poisoned = true
		g.values[op.MaxNodes] = v
		return Tensor{g, op.MaxNodes + 1}
	}
	g.values = append(g.values, v)
	return Tensor{g, len(g.values)}
}

// fail records a mistake with the line that made it.
func (g *Graph) fail(place, text string) {
	if len(g.errs) < maxErrors {
		g.errs = append(g.errs, place+": "+text)
	}
}

// ownPrefix begins the names of this package's functions.
const ownPrefix = "llmhost/sdk."

// authorLine is the innermost line outside this package, as
// "folder/file.go:12", the same on every machine and on every transport.
func authorLine() string {
	var callers [16]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, ownPrefix) &&
			!strings.HasPrefix(frame.Function, "runtime.") {
			return shortPath(frame.File) + ":" + strconv.Itoa(frame.Line)
		}
		if !more {
			return "unknown place"
		}
	}
}

// shortPath keeps the file and its folder.
func shortPath(path string) string {
	slashes := 0
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' || path[i] == '\\' {
			if slashes++; slashes == 2 {
				return path[i+1:]
			}
		}
	}
	return path
}
