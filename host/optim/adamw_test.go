package optim_test

import (
	"math"
	"testing"

	"llmhost/host/nn"
	"llmhost/host/optim"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

var kernels = map[string]bool{"fused": true, "foreach": false}

// parameters are a matrix, a vector, and a matrix that never gets a gradient.
func parameters() []nn.Param {
	tensor.ManualSeed(5)
	random := func(shape ...int64) tensor.Tensor {
		return tensor.Randn(tensor.CPU, tensor.Float64, 1, shape...).RequireGrad()
	}
	return []nn.Param{{Name: "matrix", Tensor: random(2, 3)}, {Name: "vector", Tensor: random(4)}, {Name: "idle", Tensor: random(2, 2)}}
}

// backward gives the first two parameters the gradients of Σ p² (step+1).
func backward(params []nn.Param, step int) {
	for _, p := range params[:2] {
		p.Tensor.Square().MulScalar(float64(step + 1)).Sum().Backward()
	}
}

// flag is what tells a step to be skipped, at 1.
func flag(value float32) tensor.Tensor { return tensor.Scalar(tensor.CPU, value) }

// plain is algorithm 2 of the paper for one element.
type plain struct{ p, m, v float64 }

func (e *plain) step(gradient, rate, decay float64, o optim.Options, t int) {
	e.p -= rate * decay * e.p
	e.m = o.Beta1*e.m + (1-o.Beta1)*gradient
	e.v = o.Beta2*e.v + (1-o.Beta2)*gradient*gradient
	e.p -= rate * (e.m / (1 - math.Pow(o.Beta1, float64(t)))) / (math.Sqrt(e.v/(1-math.Pow(o.Beta2, float64(t)))) + o.Epsilon)
}

func TestAdamWIsItsFormula(t *testing.T) {
	for kernel, fused := range kernels {
		t.Run(kernel, func(t *testing.T) {
			tensor.Scoped(func() {
				o := optim.Options{Beta1: 0.8, Beta2: 0.9, Epsilon: 1e-3, WeightDecay: 0.3, Fused: fused}
				params := parameters()
				a := optim.NewAdamW(params, o)
				defer a.Free()
				idle := params[2].Tensor.Floats()
				var want [2][]plain
				for i := range want {
					for _, v := range params[i].Tensor.Floats() {
						want[i] = append(want[i], plain{p: v})
					}
				}
				for step := range 5 {
					rate := 0.1 / float64(step+1)
					for i, decay := range []float64{o.WeightDecay, 0} { // matrices alone decay
						for j := range want[i] {
							want[i][j].step(2*want[i][j].p*float64(step+1), rate, decay, o, step+1)
						}
					}
					a.ZeroGrad()
					backward(params, step)
					a.Step(rate, flag(0))
					for i := range want {
						require.Len(t, params[i].Tensor.Floats(), len(want[i]))
						for j, v := range params[i].Tensor.Floats() {
							require.InDelta(t, want[i][j].p, v, 1e-12, "%s, step %d", params[i].Name, step)
						}
					}
				}
				require.Equal(t, idle, params[2].Tensor.Floats(), "without a gradient nothing moves, by decay neither")
				requireState(t, a, []float64{5, 5, 0})
			})
		})
	}
}

// requireState checks the shapes and counters of the state against the parameters.
func requireState(t *testing.T, a *optim.Optimizer, steps []float64) {
	t.Helper()
	for i, s := range a.State() {
		require.Equal(t, []string{"matrix", "vector", "idle"}[i], s.Name)
		require.Equal(t, steps[i], s.Parts[2].Item(), s.Name)
		require.Equal(t, s.Parts[0].Shape(), s.Parts[1].Shape())
	}
}

func TestClipGradients(t *testing.T) {
	tensor.Scoped(func() {
		params := parameters()
		a := optim.NewAdamW(params, optim.Options{})
		defer a.Free()
		backward(params, 0)
		before := append(params[0].Tensor.Grad().Floats(), params[1].Tensor.Grad().Floats()...)
		require.NotEmpty(t, before)
		total := 0.0
		for _, g := range before {
			total += g * g
		}
		norm := math.Sqrt(total)
		for _, c := range []struct{ bound, scale float64 }{{0, 1}, {2 * norm, 1}, {norm / 4, 0.25}} {
			require.InEpsilon(t, norm, a.ClipGradients(c.bound).Item(), 1e-12)
			after := append(params[0].Tensor.Grad().Floats(), params[1].Tensor.Grad().Floats()...)
			for i := range before {
				require.InEpsilon(t, c.scale*before[i], after[i], 1e-5, "bound %v", c.bound)
			}
		}
		a.ZeroGrad()
		require.False(t, params[0].Tensor.Grad().Defined())
		require.Zero(t, a.ClipGradients(1).Item(), "no gradients have the norm 0")
		a.Step(1, flag(0)) // and move nothing
		requireState(t, a, []float64{0, 0, 0})
	})
}

func TestFreeEndsTheState(t *testing.T) {
	tensor.Scoped(func() {
		params := parameters()
		live := tensor.Live()
		a := optim.NewAdamW(params, optim.Options{})
		require.Equal(t, live+9, tensor.Live())
		a.Free()
		a.Free()
		require.Equal(t, live, tensor.Live())
	})
}

// A skipped step, the first or a later one, changes no bit of parameters or state,
// whatever the gradients are; the steps after it continue from there.
func TestSkippedStepsChangeNothing(t *testing.T) {
	for kernel, fused := range kernels {
		t.Run(kernel, func(t *testing.T) {
			tensor.Scoped(func() {
				o := optim.Options{Beta1: 0.8, Beta2: 0.9, Epsilon: 1e-3, WeightDecay: 0.3, Fused: fused}
				with, without := parameters(), parameters()
				a, b := optim.NewAdamW(with, o), optim.NewAdamW(without, o)
				defer a.Free()
				defer b.Free()
				for step := range 3 {
					before := everything(with, a)
					a.ZeroGrad()
					spoilt := tensor.Scalar(tensor.CPU, []float64{math.NaN(), math.Inf(1), 1}[step])
					with[0].Tensor.Mul(spoilt).Sum().Backward()
					a.Step(0.1, flag(1))
					require.Equal(t, before, everything(with, a), "step %d", step)

					a.ZeroGrad()
					backward(with, step)
					a.Step(0.1, flag(0))
					b.ZeroGrad()
					backward(without, step)
					b.Step(0.1, flag(0))
					require.Equal(t, everything(without, b), everything(with, a), "step %d", step)
					require.NotEqual(t, before, everything(with, a), "step %d", step)
				}
			})
		})
	}
}

// everything reads parameters and state.
func everything(params []nn.Param, a *optim.Optimizer) (values []float64) {
	for i, s := range a.State() {
		values = append(values, params[i].Tensor.Floats()...)
		for _, part := range s.Parts {
			values = append(values, part.Floats()...)
		}
	}
	return values
}

// Neither a step nor clipping reads a number back.
func TestStepsReadNothingBack(t *testing.T) {
	for kernel, fused := range kernels {
		t.Run(kernel, func(t *testing.T) {
			tensor.Scoped(func() {
				params := parameters()
				a := optim.NewAdamW(params, optim.Options{Beta1: 0.8, Beta2: 0.9, Epsilon: 1e-3, Fused: fused})
				defer a.Free()
				backward(params, 0)
				reads := tensor.ReadBacks()
				a.ClipGradients(0.1)
				a.Step(0.1, flag(0))
				require.Equal(t, reads, tensor.ReadBacks())
				params[0].Tensor.Floats()
				require.Equal(t, reads+1, tensor.ReadBacks())
			})
		})
	}
}
