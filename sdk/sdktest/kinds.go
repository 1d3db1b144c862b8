package sdktest

import (
	"math"

	"llmhost/sdk/op"
)

// kinds holds the ops that change a type, stop a gradient or make constants.
var kinds = map[string]rule{
	"to":         {forward: converted, backward: convertedBack},
	"detach":     {forward: copied},
	"zeros_like": {forward: func(c *call) []float64 { return make([]float64, count(c.shape)) }},
	"ones_like":  {forward: func(c *call) []float64 { return each(c.in[0].Data, func(float64) float64 { return 1 }) }},
	"dim_size":   {forward: dimSize},

	// over the batch only, which is all that one evaluation sees; Held has that of a
	// step
	"global_mean": {forward: func(c *call) []float64 {
		if sum, n := c.in[0].Data[0], c.in[1].Data[0]; n != 0 {
			return []float64{sum / n}
		}
		return []float64{0}
	}},
}

func converted(c *call) []float64 {
	switch {
	case c.dtype == op.Bool:
		return each(c.in[0].Data, func(x float64) float64 { return truth(x != 0) })
	case c.dtype == op.I64 && c.in[0].DType == op.F32:
		return each(c.in[0].Data, math.Trunc)
	}
	return copied(c)
}

func convertedBack(c *call, _, grad []float64) [][]float64 {
	if c.in[0].DType != op.F32 {
		return [][]float64{nil}
	}
	return [][]float64{grad}
}

func dimSize(c *call) []float64 {
	n, err := c.Size("dim").Eval(c.sizes)
	if err != nil {
		c.fail("%v", err)
	}
	return []float64{float64(n)}
}
