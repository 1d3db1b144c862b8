package exec

import (
	"maps"
	"slices"

	"llmhost/host/tensor"
	"llmhost/sdk/op"
)

// KernelNames lists the ops that have a libtorch call.
func KernelNames() []string { return slices.Collect(maps.Keys(kernels)) }

// RunOp runs one op in float64 on the CPU.
func RunOp(name string, in []tensor.Tensor, attrs op.Attrs, sizes map[string]int64) tensor.Tensor {
	r := &run{Target: Target{Device: tensor.CPU, Real: tensor.Float64}, in: Given{Sizes: sizes}}
	return kernels[name](call{run: r, in: in, Attrs: attrs})
}
