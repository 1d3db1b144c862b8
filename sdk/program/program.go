// Package program reads the traced programs that plugins hand over, checks
// them against the op table, and writes them in one canonical form. A Program
// that Parse returned is sound: every op is known, every shape and type fits,
// and no count can depend on the model. It does not run programs; that is
// host/exec's work. Start at Parse.
package program

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"llmhost/sdk/op"
)

// Version is the version of the JSON form that this package reads and writes.
const Version = 1

// Limits on a program, so that a hostile one stays cheap.
const (
	MaxBytes  = 1 << 20 // of JSON
	MaxNodes  = op.MaxNodes
	MaxInputs = 256
	MaxTerms  = 64 // of terms and of metrics
)

// None stands for a missing value, such as the count of a term without one.
const None = -1

// Program is a checked program. Values are numbered: the inputs first, then
// the nodes; a node reads values with smaller numbers only.
type Program struct {
	Kind    op.ProgramKind
	OpLevel int // the newest op level that a node uses
	Inputs  []op.Input
	Nodes   []Node
	Terms   []Term   // of a loss, at least one
	Metrics []Metric // of a loss
	States  []State  // of a loss
	Output  int      // of a pooling: f32 [N, H]; else None
}

// Node is one operation.
type Node struct {
	Op    string
	In    []int
	Attrs op.Attrs // in canonical form: axes count from 0, flags are filled in
	Out   op.Value
}

// Term adds Coefficient · ΣSum/ΣCount to the loss, both summed over all
// micro-batches and ranks. Sum and Count are f32 scalars; Count is None where
// the term is a plain sum.
type Term struct {
	Name        string
	Sum, Count  int
	Coefficient float64
}

// Metric reports ΣSum/ΣCount, or its exponential if Exp is set.
type Metric struct {
	Name       string
	Sum, Count int
	Exp        bool
}

// State is a number that lasts from step to step, which input state.NAME reads.
// After each optimizer step it becomes the value Update.
type State struct {
	Name    string
	Initial float64
	Update  int
}

// Global is a mean over the whole optimizer step: node Node, of two scalars.
type Global struct{ Node, Sum, Count int }

// Globals returns the program's global means, in its order.
func (p *Program) Globals() (globals []Global) {
	for i, node := range p.Nodes {
		if node.Op == globalMean {
			globals = append(globals, Global{
				Node:  i,
				Sum:   node.In[0],
				Count: node.In[1],
			})
		}
	}
	return globals
}

const globalMean = "global_mean"

// Results are the sums and counts of terms and metrics, None for a count that is
// left out.
func (p *Program) Results() (values []int) {
	for _, t := range p.Terms {
		values = append(values, t.Sum, t.Count)
	}
	for _, m := range p.Metrics {
		values = append(values, m.Sum, m.Count)
	}
	return values
}

// TwoPasses reports whether a term or metric reads a mean over the whole step,
// so that every batch of it must have been seen before the first gradient.
func (p *Program) TwoPasses() bool {
	reached := p.reach(true, p.Results()...)
	for _, g := range p.Globals() {
		if reached[len(p.Inputs)+g.Node] {
			return true
		}
	}
	return false
}

// Value returns the type and shape of value v.
func (p *Program) Value(v int) op.Value {
	if v < len(p.Inputs) {
		return p.Inputs[v].Value
	}
	return p.Nodes[v-len(p.Inputs)].Out
}

// InputNames returns the names of the inputs: all that the host must compute or
// read for this program.
func (p *Program) InputNames() []string {
	names := make([]string, len(p.Inputs))
	for i, input := range p.Inputs {
		names[i] = input.Name
	}
	return names
}

// Dims returns the named dimensions that the program can use: those of every
// program of its kind, and those of its inputs.
func (p *Program) Dims() []op.Dim {
	dims := op.Dims(p.Kind)
	for _, d := range p.inputDims() {
		if !slices.Contains(dims, d) {
			dims = append(dims, d)
		}
	}
	return dims
}

func (p *Program) inputDims() []op.Dim {
	var dims []op.Dim
	for _, input := range p.Inputs {
		dims = append(dims, input.Value.Shape...)
	}
	return dims
}

// Reach says for each value whether one of the given values is computed from
// it, the given values included. None is skipped.
func (p *Program) Reach(values ...int) []bool { return p.reach(false, values...) }

// CoefficientOf is the weight in the loss of what is computed from an input:
// the sum of the coefficients of the terms that read it, 0 if none does.
func (p *Program) CoefficientOf(input string) (coefficient float64) {
	at := slices.IndexFunc(p.Inputs, func(i op.Input) bool { return i.Name == input })
	if at < 0 {
		return 0
	}
	for _, t := range p.Terms {
		if p.Reach(t.Sum)[at] {
			coefficient += t.Coefficient
		}
	}
	return coefficient
}

// ReachLocal is Reach stopping at global means: what they are computed from is
// left out.
func (p *Program) ReachLocal(values ...int) []bool { return p.reach(true, values...) }

func (p *Program) reach(local bool, values ...int) []bool {
	reached := make([]bool, len(p.Inputs)+len(p.Nodes))
	for _, v := range values {
		if v != None {
			reached[v] = true
		}
	}
	for v := len(reached) - 1; v >= len(p.Inputs); v-- {
		node := p.Nodes[v-len(p.Inputs)]
		if !reached[v] || local && node.Op == globalMean {
			continue
		}
		for _, in := range node.In {
			reached[in] = true
		}
	}
	return reached
}

// Bytes estimates the memory that the program's values take at the given sizes
// of dimensions, except inputs, all alive at once as they are until the end of
// the backward pass. It saturates at 2^40.
func (p *Program) Bytes(sizes map[string]int64) (int64, error) {
	total := int64(0)
	for i, node := range p.Nodes {
		n, err := node.Out.Shape.Elements(sizes)
		if err != nil {
			return 0, fmt.Errorf("node %d: %w", i, err)
		}
		total += min(n*node.Out.DType.Size(), op.MaxDim) // n is at most MaxDim, so no product overflows
	}
	return min(total, op.MaxDim), nil
}

// Fits returns an error if Bytes at the given sizes is above limit. The error
// names the largest value, with its node's place in the author's source if
// known.
func (p *Program) Fits(sizes map[string]int64, limit int64, locations []string) error {
	total, err := p.Bytes(sizes)
	if err != nil || total <= limit {
		return err
	}
	largest, most := 0, int64(-1)
	for i, node := range p.Nodes {
		if n, _ := node.Out.Shape.Elements(sizes); n*node.Out.DType.Size() > most {
			largest = i
			most = n * node.Out.DType.Size()
		}
	}
	place := ""
	if largest < len(locations) && locations[largest] != "" {
		place = " at " + locations[largest]
	}
	node := p.Nodes[largest]
	return fmt.Errorf("program takes %s for a batch of %s, more than %d MiB: its largest value is node %d, %s, %s%s",
		size(total), p.sizes(sizes), limit>>20, largest, node.Op, node.Out, place)
}

// size formats a number of bytes, which may have saturated, rounded up.
func size(n int64) string {
	if n >= op.MaxDim {
		return "1 TiB or more"
	}
	return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20)
}

// sizes writes the dimensions that the program can use: "B = 8, K = 2".
func (p *Program) sizes(sizes map[string]int64) string {
	var parts []string
	for _, d := range p.Dims() {
		parts = append(parts, fmt.Sprintf("%s = %d", d, sizes[string(d)]))
	}
	return strings.Join(parts, ", ")
}

// Digest is the sha256 of the canonical form, in hexadecimal.
func (p *Program) Digest() string {
	sum := sha256.Sum256(p.Canonical())
	return hex.EncodeToString(sum[:])
}
