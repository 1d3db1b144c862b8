package sdktest

import "math"

// segments holds the ops over segments of packed entries.
var segments = map[string]rule{
	"segment_sum":   {forward: segmentSum, backward: segmentSumBack},
	"segment_max":   {forward: segmentMax, backward: segmentMaxBack},
	"segment_count": {forward: segmentCount},
}

// segment is the segment that entry i belongs to.
func (c *call) segment(rows Array, i int) int {
	n := int(rows.Data[i])
	if n < 0 || n >= c.shape[0] {
		c.fail("segment %d is out of range: there are %d", n, c.shape[0])
	}
	return n
}

// entries calls f with each element of the first input and the one of the
// output that it falls into.
func (c *call) entries(f func(in, out int)) {
	if len(c.in[0].Data) == 0 {
		return
	}
	width := len(c.in[0].Data) / c.in[0].Shape[0]
	for i := range c.in[0].Shape[0] {
		n := c.segment(c.in[1], i)
		for j := range width {
			f(i*width+j, n*width+j)
		}
	}
}

func segmentSum(c *call) []float64 {
	out := make([]float64, count(c.shape))
	c.entries(func(in, to int) { out[to] += c.in[0].Data[in] })
	return out
}

func segmentSumBack(c *call, _, grad []float64) [][]float64 {
	g := make([]float64, len(c.in[0].Data))
	c.entries(func(in, to int) { g[in] = grad[to] })
	return [][]float64{g, nil}
}

func segmentMax(c *call) []float64 {
	out := make([]float64, count(c.shape))
	seen := make([]bool, len(out))
	c.entries(func(in, to int) {
		if x := c.in[0].Data[in]; seen[to] {
			out[to] = math.Max(out[to], x)
		} else {
			out[to], seen[to] = x, true
		}
	})
	return out
}

func segmentMaxBack(c *call, out, grad []float64) [][]float64 {
	equal := make([]float64, len(out))
	c.entries(func(in, to int) { equal[to] += truth(c.in[0].Data[in] == out[to]) })
	g := make([]float64, len(c.in[0].Data))
	c.entries(func(in, to int) {
		if c.in[0].Data[in] == out[to] {
			g[in] = grad[to] / equal[to]
		}
	})
	return [][]float64{g, nil}
}

func segmentCount(c *call) []float64 {
	out := make([]float64, count(c.shape))
	for i := range c.in[0].Data {
		out[c.segment(c.in[0], i)]++
	}
	return out
}
