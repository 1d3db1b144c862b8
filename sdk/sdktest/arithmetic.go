package sdktest

import (
	"math"

	"llmhost/sdk/op"
)

// arithmetic holds the element-wise ops of two tensors.
var arithmetic = map[string]rule{
	"add":     pair(func(x, y float64) float64 { return x + y }, func(x, y, z float64) (dx, dy float64) { return 1, 1 }),
	"sub":     pair(func(x, y float64) float64 { return x - y }, func(x, y, z float64) (dx, dy float64) { return 1, -1 }),
	"mul":     pair(func(x, y float64) float64 { return x * y }, func(x, y, z float64) (dx, dy float64) { return y, x }),
	"div":     pair(func(x, y float64) float64 { return x / y }, func(x, y, z float64) (dx, dy float64) { return 1 / y, -x / (y * y) }),
	"pow":     pair(math.Pow, powSlopes),
	"minimum": pair(math.Min, func(x, y, _ float64) (dx, dy float64) { return share(x < y, x == y), share(y < x, x == y) }),
	"maximum": pair(math.Max, func(x, y, _ float64) (dx, dy float64) { return share(x > y, x == y), share(y > x, x == y) }),
}

// share is 1 for the chosen element and a half if both were equal.
func share(chosen, equal bool) float64 {
	switch {
	case equal:
		return 0.5
	case chosen:
		return 1
	}
	return 0
}

func powSlopes(x, y, z float64) (dx, dy float64) {
	if y != 0 {
		dx = y * math.Pow(x, y-1)
	}
	if x != 0 || y < 0 {
		dy = z * math.Log(x)
	}
	return dx, dy
}

// pair is a rule of two inputs that broadcast; slopes gives the derivatives at
// inputs x and y and output z.
func pair(f func(x, y float64) float64, slopes func(x, y, z float64) (dx, dy float64)) rule {
	return rule{
		forward: func(c *call) []float64 {
			x := spread(c.in[0].Shape, c.shape)
			y := spread(c.in[1].Shape, c.shape)
			out := make([]float64, count(c.shape))
			for i := range out {
				out[i] = f(c.in[0].Data[x[i]], c.in[1].Data[y[i]])
			}
			return out
		},
		backward: func(c *call, out, grad []float64) [][]float64 {
			x := spread(c.in[0].Shape, c.shape)
			y := spread(c.in[1].Shape, c.shape)
			gx := make([]float64, len(c.in[0].Data))
			gy := make([]float64, len(c.in[1].Data))
			for i, g := range grad {
				dx, dy := slopes(c.in[0].Data[x[i]], c.in[1].Data[y[i]], out[i])
				gx[x[i]] += g * dx
				gy[y[i]] += g * dy
			}
			return [][]float64{gx, gy}
		},
	}
}

// scalars holds the ops of a tensor and a number v.
var scalars = map[string]rule{
	"add_scalar": scalar(func(x, v float64) float64 { return x + v }, func(x, v float64) float64 { return 1 }),
	"sub_scalar": scalar(func(x, v float64) float64 { return x - v }, func(x, v float64) float64 { return 1 }),
	"mul_scalar": scalar(func(x, v float64) float64 { return x * v }, func(x, v float64) float64 { return v }),
	"div_scalar": scalar(func(x, v float64) float64 { return x / v }, func(x, v float64) float64 { return 1 / v }),
	"pow_scalar": scalar(math.Pow, func(x, v float64) float64 { dx, _ := powSlopes(x, v, 0); return dx }),
	"clamp_min":  scalar(math.Max, func(x, v float64) float64 { return truth(x >= v) }),
	"clamp_max":  scalar(math.Min, func(x, v float64) float64 { return truth(x <= v) }),
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func scalar(f, slope func(x, v float64) float64) rule {
	return rule{
		forward: func(c *call) []float64 {
			return each(c.in[0].Data, func(x float64) float64 { return f(x, c.Value()) })
		},
		backward: func(c *call, _, grad []float64) [][]float64 {
			return [][]float64{product(grad, each(c.in[0].Data, func(x float64) float64 { return slope(x, c.Value()) }))}
		},
	}
}

// functions holds the element-wise ops of one tensor.
var functions = map[string]rule{
	"neg":        unary(func(x float64) float64 { return -x }, func(x, y float64) float64 { return -1 }),
	"abs":        unary(math.Abs, func(x, _ float64) float64 { return truth(x > 0) - truth(x < 0) }),
	"exp":        unary(math.Exp, func(_, y float64) float64 { return y }),
	"log":        unary(math.Log, func(x, _ float64) float64 { return 1 / x }),
	"expm1":      unary(math.Expm1, func(_, y float64) float64 { return y + 1 }),
	"log1p":      unary(math.Log1p, func(x, _ float64) float64 { return 1 / (1 + x) }),
	"sqrt":       unary(math.Sqrt, func(_, y float64) float64 { return 1 / (2 * y) }),
	"square":     unary(func(x float64) float64 { return x * x }, func(x, _ float64) float64 { return 2 * x }),
	"relu":       unary(func(x float64) float64 { return math.Max(0, x) }, func(x, _ float64) float64 { return 1 - truth(x <= 0) }),
	"sigmoid":    unary(sigmoid, func(_, y float64) float64 { return y * (1 - y) }),
	"logsigmoid": unary(logSigmoid, func(x, _ float64) float64 { return sigmoid(-x) }),
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func logSigmoid(x float64) float64 { return math.Min(0, x) - math.Log1p(math.Exp(-math.Abs(x))) }

// unary is a rule of one input; slope gives the derivative at input x and output y.
func unary(f func(x float64) float64, slope func(x, y float64) float64) rule {
	return rule{
		forward: func(c *call) []float64 { return each(c.in[0].Data, f) },
		backward: func(c *call, out, grad []float64) [][]float64 {
			g := make([]float64, len(grad))
			for i := range g {
				g[i] = grad[i] * slope(c.in[0].Data[i], out[i])
			}
			return [][]float64{g}
		},
	}
}

func each(data []float64, f func(float64) float64) []float64 {
	out := make([]float64, len(data))
	for i, x := range data {
		out[i] = f(x)
	}
	return out
}

func product(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] * b[i]
	}
	return out
}

// single rounds to float32 if t is F32, as training does.
func single(t op.DType, data []float64) {
	if t == op.F32 {
		for i, x := range data {
			data[i] = float64(float32(x))
		}
	}
}
