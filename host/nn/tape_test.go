package nn_test

import (
	"testing"

	"llmhost/host/nn"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

// chain is three steps, each a matrix and a nonlinearity, over an embedding.
type chain struct {
	params *nn.Params
	embed  tensor.Tensor
	layers []*nn.Linear
	calls  int
}

func newChain() *chain {
	tensor.ManualSeed(4)
	c := &chain{params: nn.NewParams(drawn, tensor.Float64)}
	c.embed = c.params.Get("embed", 6, 3)
	for _, name := range []string{"a", "b", "c"} {
		c.layers = append(c.layers, c.params.Linear(name, 3, 3, true))
	}
	return c
}

// loss runs the chain under a tape, or without one, and returns the loss and
// the gradients of all parameters.
func (c *chain) loss(tape *nn.Tape) (loss float64, gradients [][]float64) {
	var all []tensor.Tensor
	for _, p := range c.params.All() {
		all = append(all, p.Tensor)
	}
	tensor.NewList(all).ZeroGrad()
	tensor.Scoped(func() {
		x := c.embed.Embedding(tensor.Of(tensor.CPU, []int64{0, 3, 3, 5}))
		for _, l := range c.layers {
			x = tape.Run(x, func(x tensor.Tensor) tensor.Tensor {
				c.calls++
				return x.Add(l.Forward(x).Silu())
			})
		}
		total := x.Square().Sum()
		total.Backward()
		tape.Backward()
		loss = total.Item()
		for _, p := range all {
			gradients = append(gradients, p.Grad().Floats())
		}
	})
	return loss, gradients
}

func TestTapeGivesTheSameNumbers(t *testing.T) {
	c := newChain()
	defer c.params.Free()
	want, wanted := c.loss(nil)
	require.NotEmpty(t, wanted)
	require.Equal(t, len(c.layers), c.calls)
	for range 2 { // a backward pass uses a tape up, and the next pass starts from scratch
		c.calls = 0
		got, gradients := c.loss(&nn.Tape{})
		require.Equal(t, want, got)
		require.Equal(t, 2*len(c.layers), c.calls, "each step runs forward and again for its gradient")
		for i, g := range wanted {
			require.InDeltaSlice(t, g, gradients[i], 1e-12, c.params.All()[i].Name)
		}
	}
}

// A step of a tape leaves one tensor, its result, however many it creates.
func TestTapeKeepsOneTensorAStep(t *testing.T) {
	tensor.Scoped(func() {
		x := tensor.Of(tensor.CPU, []float64{1, 2, 3})
		tape := &nn.Tape{}
		live := tensor.Live()
		for i := range 4 {
			x = tape.Run(x, func(x tensor.Tensor) tensor.Tensor { return x.Square().Add(x).Exp().Log() })
			require.Equal(t, live+int64(i)+1, tensor.Live())
		}
	})
}

func TestAnEmptyTapeDoesNothing(t *testing.T) {
	(&nn.Tape{}).Backward()
	(*nn.Tape)(nil).Backward()
}

// A step with dropout drops the same when it runs again, and leaves the
// generator where a run without a tape does.
func TestTapeDropsTheSame(t *testing.T) {
	c := newChain()
	defer c.params.Free()
	dropout := c.params.Dropout(0.4)
	c.params.Mode().Training = true
	run := func(tape *nn.Tape) (loss float64, gradients [][]float64, next float64) {
		tensor.ManualSeed(9)
		var all []tensor.Tensor
		for _, p := range c.params.All() {
			all = append(all, p.Tensor)
		}
		tensor.NewList(all).ZeroGrad()
		tensor.Scoped(func() {
			x := dropout.Forward(c.embed.Embedding(tensor.Of(tensor.CPU, []int64{0, 3, 3, 5, 1, 2})))
			for _, l := range c.layers {
				x = tape.Run(x, func(x tensor.Tensor) tensor.Tensor { return x.Add(dropout.Forward(l.Forward(x))) })
			}
			total := x.Square().Sum()
			total.Backward()
			tape.Backward()
			loss = total.Item()
			for _, p := range all {
				gradients = append(gradients, p.Grad().Floats())
			}
			next = tensor.Randn(tensor.CPU, tensor.Float64, 1, 1).Item()
		})
		return loss, gradients, next
	}
	want, wanted, wantNext := run(nil)
	got, gradients, next := run(&nn.Tape{})
	require.Equal(t, want, got)
	require.Equal(t, wantNext, next)
	require.NotEmpty(t, wanted)
	for i, g := range wanted {
		require.InDeltaSlice(t, g, gradients[i], 1e-12, c.params.All()[i].Name)
	}
}

// Parameters after frozen embeddings get their gradients.
func TestTapeBehindFrozenEmbeddings(t *testing.T) {
	c := newChain()
	defer c.params.Free()
	c.embed.Freeze()
	frozen := func(tape *nn.Tape) (gradients [][]float64) {
		tensor.Scoped(func() {
			x := c.embed.Embedding(tensor.Of(tensor.CPU, []int64{0, 3}))
			for _, l := range c.layers {
				x = tape.Run(x, func(x tensor.Tensor) tensor.Tensor { return x.Add(l.Forward(x).Silu()) })
			}
			x.Square().Sum().Backward()
			tape.Backward()
			for _, p := range c.params.Trained() {
				gradients = append(gradients, p.Tensor.Grad().Floats())
				tensor.NewList([]tensor.Tensor{p.Tensor}).ZeroGrad()
			}
		})
		return gradients
	}
	want, got := frozen(nil), frozen(&nn.Tape{})
	require.Len(t, want, 6)
	require.Len(t, got, 6)
	for i := range want {
		require.InDeltaSlice(t, want[i], got[i], 1e-12)
	}
}
