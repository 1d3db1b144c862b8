package conformance_test

import (
	"fmt"
	"slices"
	"testing"

	"llmhost/host/nn"
	"llmhost/host/optim"
	"llmhost/host/tensor"

	"github.com/stretchr/testify/require"
)

func checkSchedules(t *testing.T, f fixtures) {
	c := read[struct {
		Total int `json:"total_steps"`
		Cases []struct {
			Type       string
			Warmup     int `json:"warmup_steps"`
			Options    map[string]any
			Multiplier []float64
		}
	}](t, f, "training", schedulesCase)
	require.NotEmpty(t, c.Cases)
	for _, want := range c.Cases {
		require.NotEmpty(t, want.Multiplier)
		t.Run(fmt.Sprintf("%s_warmup_%d", want.Type, want.Warmup), func(t *testing.T) {
			base, has := want.Options["base_lr"].(float64)
			if !has {
				base = 1
			}
			delete(want.Options, "base_lr")
			s, err := optim.NewSchedule(want.Type, base, want.Warmup, c.Total, want.Options)
			require.NoError(t, err)
			for step, m := range want.Multiplier {
				require.InDelta(t, m, s.At(step)/base, exactTolerance, "step %d", step)
			}
		})
	}
}

func checkOptimizer(t *testing.T, f fixtures) {
	c := read[struct {
		AdamW []adamCase
		Clip  struct {
			Grads []array
			Cases []clipCase
		}
	}](t, f, "training", unitsCase)
	require.NotEmpty(t, c.AdamW)
	require.NotEmpty(t, c.Clip.Cases)
	for _, want := range c.AdamW {
		for _, kernel := range []string{"fused", "foreach"} {
			t.Run("adamw/"+want.Name+"/"+kernel, func(t *testing.T) { tensor.Scoped(func() { want.check(t, kernel == "fused") }) })
		}
	}
	for _, want := range c.Clip.Cases {
		t.Run(fmt.Sprintf("clip/max_norm_%v", want.MaxNorm), func(t *testing.T) { tensor.Scoped(func() { want.check(t, c.Clip.Grads) }) })
	}
}

// adamCase is one parameter over some steps.
type adamCase struct {
	Name        string
	LR, Eps     float64
	Betas       [2]float64
	WeightDecay float64 `json:"weight_decay"`
	Param       array
	Grads       []array
	After       []array `json:"param_after"`
}

func (c adamCase) check(t *testing.T, fused bool) {
	p := leaf(matrix(c.Param))
	adam := optim.NewAdamW(named(p), optim.Options{Beta1: c.Betas[0], Beta2: c.Betas[1], Epsilon: c.Eps, WeightDecay: c.WeightDecay, Fused: fused})
	defer adam.Free()
	require.NotEmpty(t, c.Grads)
	for i, gradient := range c.Grads {
		adam.ZeroGrad()
		give(p, matrix(gradient))
		adam.Step(c.LR, tensor.Scalar(tensor.CPU, float32(0)))
		for j, want := range c.After[i].values {
			requireClose(t, want, p.Floats()[j], lossTolerance, "parameter")
		}
	}
}

// clipCase is one bound for the same gradients.
type clipCase struct {
	MaxNorm float64 `json:"max_norm"`
	Total   float64 `json:"total_norm"`
	After   []array `json:"grads_after"`
}

func (c clipCase) check(t *testing.T, gradients []array) {
	var leaves []tensor.Tensor
	for _, g := range gradients {
		p := leaf(g)
		give(p, g)
		leaves = append(leaves, p)
	}
	adam := optim.NewAdamW(named(leaves...), optim.Options{})
	defer adam.Free()
	requireClose(t, c.Total, adam.ClipGradients(c.MaxNorm).Item(), lossTolerance, "norm")
	for i, p := range leaves {
		requireGradient(t, c.After[i].values, p.Grad().Floats(), gradientTolerance, "clipped gradient")
	}
}

// matrix makes a vector a matrix of one row: matrices alone decay.
func matrix(a array) array {
	if len(a.shape) == 1 {
		a.shape = append([]int64{1}, a.shape...)
	}
	return a
}

func leaf(a array) tensor.Tensor {
	return tensor.Of(tensor.CPU, convert[float32](a.values), slices.Clone(a.shape)...).RequireGrad()
}

// give gives p a gradient: that of the sum of p times it.
func give(p tensor.Tensor, gradient array) { p.Mul(leaf(gradient).Detach()).Sum().Backward() }

func named(leaves ...tensor.Tensor) []nn.Param {
	var params []nn.Param
	for i, p := range leaves {
		params = append(params, nn.Param{Name: fmt.Sprint(i), Tensor: p})
	}
	return params
}
