package program

import (
	"fmt"

	"llmhost/sdk/op"
)

// Cost is what a program takes for one batch.
type Cost struct {
	Elements int64 // the larger of what each of its operations reads and writes
	Inputs   int64 // bytes of its inputs
	Bytes    int64 // bytes of all its values except inputs, which live until the end of the backward pass
}

// Cost estimates what the program takes at the given sizes of dimensions. Each
// number stops at 2^40.
func (p *Program) Cost(sizes map[string]int64) (Cost, error) {
	var c Cost
	held, err := p.Bytes(sizes)
	if err != nil {
		return c, err
	}
	c.Bytes = held
	for _, input := range p.Inputs {
		n, err := input.Value.Shape.Elements(sizes)
		if err != nil {
			return c, fmt.Errorf("input %s: %w", input.Name, err)
		}
		c.Inputs = min(c.Inputs+n*input.Value.DType.Size(), op.MaxDim)
	}
	for _, node := range p.Nodes {
		most, _ := node.Out.Shape.Elements(sizes) // Bytes has tried it
		for _, in := range node.In {
			n, _ := p.Value(in).Shape.Elements(sizes)
			most = max(most, n)
		}
		c.Elements = min(c.Elements+most, op.MaxDim)
	}
	return c, nil
}
