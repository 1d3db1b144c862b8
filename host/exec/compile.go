package exec

import (
	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

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
