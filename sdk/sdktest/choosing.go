package sdktest

// choosing holds the ops that pick elements by an index or a condition.
var choosing = map[string]rule{
	"gather":       {forward: picked(gatherSource), backward: pickedBack(gatherSource)},
	"index_select": {forward: picked(selectSource), backward: pickedBack(selectSource)},
	"where":        {forward: where, backward: whereBack},
	"where_scalar": {forward: whereScalar, backward: whereScalarBack},
	"masked_fill":  {forward: maskedFill, backward: maskedFillBack},
}

// index reads element i of the second input, an index into an axis of length n.
func (c *call) index(i, n int) int {
	at := int(c.in[1].Data[i])
	if at < 0 || at >= n {
		axis, _ := c.Axis()
		c.fail("index %d is out of range for axis %d, which has %d elements", at, axis, n)
	}
	return at
}

// gatherSource gives for each element of the output which input element it is.
func gatherSource(c *call) []int {
	axis, _ := c.Axis()
	source := make([]int, count(c.shape))
	from := lanesOf(c.in[0].Shape, axis, true)
	to := lanesOf(c.shape, axis, true)
	to.each(func(lane int, at func(int) int) {
		for j := range to.length {
			source[at(j)] = (lane/to.inner*from.length+c.index(at(j), from.length))*from.inner + lane%to.inner
		}
	})
	return source
}

func selectSource(c *call) []int {
	axis, _ := c.Axis()
	source := make([]int, count(c.shape))
	from := lanesOf(c.in[0].Shape, axis, true)
	to := lanesOf(c.shape, axis, true)
	to.each(func(lane int, at func(int) int) {
		for j := range to.length {
			source[at(j)] = (lane/to.inner*from.length+c.index(j, from.length))*from.inner + lane%to.inner
		}
	})
	return source
}

func picked(source func(*call) []int) func(*call) []float64 {
	return func(c *call) []float64 {
		out := make([]float64, count(c.shape))
		for i, from := range source(c) {
			out[i] = c.in[0].Data[from]
		}
		return out
	}
}

func pickedBack(source func(*call) []int) func(*call, []float64, []float64) [][]float64 {
	return func(c *call, _, grad []float64) [][]float64 {
		return [][]float64{gathered(grad, source(c), len(c.in[0].Data)), nil}
	}
}

func where(c *call) []float64 {
	condition := spread(c.in[0].Shape, c.shape)
	x := spread(c.in[1].Shape, c.shape)
	y := spread(c.in[2].Shape, c.shape)
	out := make([]float64, count(c.shape))
	for i := range out {
		if out[i] = c.in[2].Data[y[i]]; c.in[0].Data[condition[i]] != 0 {
			out[i] = c.in[1].Data[x[i]]
		}
	}
	return out
}

func whereBack(c *call, _, grad []float64) [][]float64 {
	condition := spread(c.in[0].Shape, c.shape)
	x := spread(c.in[1].Shape, c.shape)
	y := spread(c.in[2].Shape, c.shape)
	gx := make([]float64, len(c.in[1].Data))
	gy := make([]float64, len(c.in[2].Data))
	for i, g := range grad {
		if c.in[0].Data[condition[i]] != 0 {
			gx[x[i]] += g
		} else {
			gy[y[i]] += g
		}
	}
	return [][]float64{nil, gx, gy}
}

func whereScalar(c *call) []float64 {
	x := spread(c.in[0].Shape, c.shape)
	condition := spread(c.in[1].Shape, c.shape)
	out := make([]float64, count(c.shape))
	for i := range out {
		if out[i] = c.Value(); c.in[1].Data[condition[i]] != 0 {
			out[i] = c.in[0].Data[x[i]]
		}
	}
	return out
}

func whereScalarBack(c *call, _, grad []float64) [][]float64 {
	return [][]float64{c.kept(grad, true), nil}
}

func maskedFill(c *call) []float64 {
	mask := spread(c.in[1].Shape, c.shape)
	out := copied(c)
	for i := range out {
		if c.in[1].Data[mask[i]] != 0 {
			out[i] = c.Value()
		}
	}
	return out
}

func maskedFillBack(c *call, _, grad []float64) [][]float64 {
	return [][]float64{c.kept(grad, false), nil}
}

// kept is the gradient of the first input where the second one equals wanted.
func (c *call) kept(grad []float64, wanted bool) []float64 {
	x := spread(c.in[0].Shape, c.shape)
	condition := spread(c.in[1].Shape, c.shape)
	g := make([]float64, len(c.in[0].Data))
	for i, v := range grad {
		if (c.in[1].Data[condition[i]] != 0) == wanted {
			g[x[i]] += v
		}
	}
	return g
}
