package nn

import "llmhost/host/tensor"

// Tape keeps only the inputs of the steps of a forward pass and runs each step
// again for its gradient (Chen et al. 2016, arXiv:1604.06174), with the random
// draws of the first run, so that dropout is the same. A nil Tape runs steps plainly.
//
//	hidden := model.Forward(&nn.Pass{Pack: pack, Tape: tape})
//	loss(hidden).Backward() // reaches the last step's result
//	tape.Backward()         // and from there every parameter
type Tape struct{ steps []step }

type step struct {
	run     func(tensor.Tensor) tensor.Tensor
	in, out tensor.Tensor
	draws   []byte // the state of the generators before the first run
}

// Run returns run(x) without recording it; the result is a leaf.
func (t *Tape) Run(x tensor.Tensor, run func(tensor.Tensor) tensor.Tensor) tensor.Tensor {
	if t == nil {
		return run(x)
	}
	s := step{run: run, in: x, draws: tensor.RNGState()}
	tensor.Scoped(func() {
		tensor.NoGrad(func() { s.out = run(x) })
		s.out = s.out.Detach().RequireGrad().Keep()
	})
	t.steps = append(t.steps, s)
	return s.out
}

// Backward differentiates the steps from the last to the first, and what came
// before the first, given the gradient that the last step's result holds.
func (t *Tape) Backward() {
	if t == nil || len(t.steps) == 0 {
		return
	}
	gradient := t.steps[len(t.steps)-1].out.Grad()
	for i := len(t.steps) - 1; i >= 0; i-- {
		gradient = t.steps[i].backward(gradient)
	}
	if first := t.steps[0].in; first.RequiresGrad() { // false after frozen embeddings
		first.BackwardWith(gradient)
	}
	t.steps = nil
}

// backward leaves the generators as it found them.
func (s step) backward(gradient tensor.Tensor) (before tensor.Tensor) {
	now := tensor.RNGState()
	tensor.SetRNGState(s.draws)
	defer tensor.SetRNGState(now)
	tensor.Scoped(func() {
		in := s.in.Detach().RequireGrad()
		tensor.WithGrad(func() { s.run(in).BackwardWith(gradient) })
		before = in.Grad().Keep()
	})
	return before
}
