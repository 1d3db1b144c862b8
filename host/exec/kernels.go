package exec

import (
	"math"

	"llmhost/host/tensor"
	"llmhost/sdk/op"
)

// kernel is the libtorch call of one op.
type kernel func(c call) tensor.Tensor

// call is one node being run.
type call struct {
	*run
	in     []tensor.Tensor
	global int // which of the program's global means it is, if any
	op.Attrs
}

func (c call) axis() int {
	axis, _ := c.Axis()
	return axis
}

// counted turns the integers that libtorch counts bools with into reals.
func (c call) counted(sum tensor.Tensor) tensor.Tensor {
	if c.in[0].DType() == tensor.Bool {
		return sum.To(c.Real)
	}
	return sum
}

// reduce calls f along the axis, or all over the flattened input where there is none.
func (c call) reduce(f func(x tensor.Tensor, axis int, keepdim bool) tensor.Tensor) tensor.Tensor {
	axis, has := c.Axis()
	if !has {
		return f(c.in[0].Reshape(-1), 0, false)
	}
	return f(c.in[0], axis, c.KeepDim())
}

func unary(f func(tensor.Tensor) tensor.Tensor) kernel {
	return func(c call) tensor.Tensor { return f(c.in[0]) }
}

func binary(f func(x, y tensor.Tensor) tensor.Tensor) kernel {
	return func(c call) tensor.Tensor { return f(c.in[0], c.in[1]) }
}

func scalar(f func(x tensor.Tensor, value float64) tensor.Tensor) kernel {
	return func(c call) tensor.Tensor { return f(c.in[0], c.Value()) }
}

func reduction(f func(x tensor.Tensor, axis int, keepdim bool) tensor.Tensor) kernel {
	return func(c call) tensor.Tensor { return c.reduce(f) }
}

// kernels is the libtorch column of the op table, whose other columns are in
// sdk/op; a test checks that both have the same ops.
var kernels = map[string]kernel{
	"add":        binary(tensor.Tensor.Add),
	"sub":        binary(tensor.Tensor.Sub),
	"mul":        binary(tensor.Tensor.Mul),
	"div":        binary(tensor.Tensor.Div),
	"minimum":    binary(tensor.Tensor.Minimum),
	"maximum":    binary(tensor.Tensor.Maximum),
	"pow":        binary(tensor.Tensor.Pow),
	"add_scalar": scalar(tensor.Tensor.AddScalar),
	"sub_scalar": scalar(tensor.Tensor.SubScalar),
	"mul_scalar": scalar(tensor.Tensor.MulScalar),
	"div_scalar": scalar(tensor.Tensor.DivScalar),
	"pow_scalar": scalar(tensor.Tensor.PowScalar),
	"neg":        unary(tensor.Tensor.Neg),
	"abs":        unary(tensor.Tensor.Abs),
	"exp":        unary(tensor.Tensor.Exp),
	"log":        unary(tensor.Tensor.Log),
	"expm1":      unary(tensor.Tensor.Expm1),
	"log1p":      unary(tensor.Tensor.Log1p),
	"sqrt":       unary(tensor.Tensor.Sqrt),
	"square":     unary(tensor.Tensor.Square),
	"relu":       unary(tensor.Tensor.Relu),
	"sigmoid":    unary(tensor.Tensor.Sigmoid),
	"logsigmoid": unary(tensor.Tensor.LogSigmoid),
	"clamp_min":  scalar(tensor.Tensor.ClampMin),
	"clamp_max":  scalar(tensor.Tensor.ClampMax),

	"sum":       func(c call) tensor.Tensor { return c.counted(c.reduce(tensor.Tensor.SumDim)) },
	"mean":      reduction(tensor.Tensor.MeanDim),
	"amax":      reduction(tensor.Tensor.Amax),
	"amin":      reduction(tensor.Tensor.Amin),
	"any":       reduction(tensor.Tensor.Any),
	"all":       reduction(tensor.Tensor.All),
	"argmax":    reduction(tensor.Tensor.Argmax),
	"argmin":    reduction(tensor.Tensor.Argmin),
	"logsumexp": reduction(tensor.Tensor.Logsumexp),
	"cumsum":    func(c call) tensor.Tensor { return c.counted(c.in[0].Cumsum(c.axis())) },

	"unsqueeze": func(c call) tensor.Tensor { return c.in[0].Unsqueeze(c.axis()) },
	"squeeze":   func(c call) tensor.Tensor { return c.in[0].Squeeze(c.axis()) },
	"expand":    func(c call) tensor.Tensor { return c.in[0].Expand(c.shape(c.Shape())...) },

	"gather":       func(c call) tensor.Tensor { return c.in[0].Gather(c.axis(), c.in[1]) },
	"index_select": func(c call) tensor.Tensor { return c.in[0].IndexSelect(c.axis(), c.in[1]) },
	"where":        func(c call) tensor.Tensor { return c.in[1].Where(c.in[0], c.in[2]) },
	"where_scalar": func(c call) tensor.Tensor { return c.in[0].WhereScalar(c.in[1], c.Value()).To(c.in[0].DType()) },
	"masked_fill":  func(c call) tensor.Tensor { return c.in[0].MaskedFill(c.in[1], c.Value()) },

	"eq":          binary(tensor.Tensor.Eq),
	"ne":          binary(tensor.Tensor.Ne),
	"lt":          binary(tensor.Tensor.Lt),
	"le":          binary(tensor.Tensor.Le),
	"gt":          binary(tensor.Tensor.Gt),
	"ge":          binary(tensor.Tensor.Ge),
	"eq_scalar":   scalar(tensor.Tensor.EqScalar),
	"ne_scalar":   scalar(tensor.Tensor.NeScalar),
	"lt_scalar":   scalar(tensor.Tensor.LtScalar),
	"le_scalar":   scalar(tensor.Tensor.LeScalar),
	"gt_scalar":   scalar(tensor.Tensor.GtScalar),
	"ge_scalar":   scalar(tensor.Tensor.GeScalar),
	"logical_and": binary(tensor.Tensor.LogicalAnd),
	"logical_or":  binary(tensor.Tensor.LogicalOr),
	"logical_not": unary(tensor.Tensor.LogicalNot),

	"to":          func(c call) tensor.Tensor { return c.in[0].To(c.dtype(c.Type())) },
	"detach":      unary(tensor.Tensor.Detach),
	"zeros_like":  unary(tensor.Tensor.ZerosLike),
	"ones_like":   unary(tensor.Tensor.OnesLike),
	"global_mean": func(c call) tensor.Tensor { return c.globalMean() },
	"dim_size": func(c call) tensor.Tensor {
		return tensor.Full(c.Device, c.Real, float64(c.size(c.Size("dim"))))
	},

	"segment_sum": func(c call) tensor.Tensor {
		return c.segments(c.in[0]).IndexAdd(0, c.in[1], c.in[0])
	},
	"segment_max":   func(c call) tensor.Tensor { return c.segmentMax() },
	"segment_count": func(c call) tensor.Tensor { return c.segmentCount(c.in[0]) },
}

// globalMean is that of the step where the caller has seen all of it, else that
// of the batch.
func (c call) globalMean() tensor.Tensor {
	if c.means != nil {
		return c.means[c.global]
	}
	sum := c.in[0].Detach()
	count := c.in[1].Detach()
	return sum.Div(count).MaskedFill(count.EqScalar(0), 0)
}

func (c call) segmentCount(row tensor.Tensor) tensor.Tensor {
	ones := row.OnesLike().To(c.Real)
	return c.segments(ones).IndexAdd(0, row, ones)
}

// segmentMax starts from -inf and not from 0, because libtorch gives a start
// that equals the largest entry a share of its gradient.
func (c call) segmentMax() tensor.Tensor {
	most := c.segments(c.in[0]).AddScalar(math.Inf(-1)).IndexReduceMax(0, c.in[1], c.in[0])
	empty := c.segmentCount(c.in[1]).EqScalar(0)
	for range len(most.Shape()) - 1 {
		empty = empty.Unsqueeze(-1)
	}
	return most.MaskedFill(empty, 0)
}

// segments makes zeros [segments, ...] for the entries x [M, ...].
func (c call) segments(x tensor.Tensor) tensor.Tensor {
	shape := x.Shape()
	shape[0] = c.size(c.Size("segments"))
	return tensor.Zeros(c.Device, x.DType(), shape...)
}
