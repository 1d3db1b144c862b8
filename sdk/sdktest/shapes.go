package sdktest

// shapes holds the ops that only rearrange elements.
var shapes = map[string]rule{
	"unsqueeze": {forward: copied, backward: copiedBack},
	"squeeze":   {forward: copied, backward: copiedBack},
	"expand":    {forward: expanded, backward: expandedBack},
}

func copied(c *call) []float64 { return append([]float64(nil), c.in[0].Data...) }

func copiedBack(_ *call, _, grad []float64) [][]float64 { return [][]float64{grad} }

func expanded(c *call) []float64 {
	out := make([]float64, count(c.shape))
	for i, from := range spread(c.in[0].Shape, c.shape) {
		out[i] = c.in[0].Data[from]
	}
	return out
}

func expandedBack(c *call, _, grad []float64) [][]float64 {
	return [][]float64{gathered(grad, spread(c.in[0].Shape, c.shape), len(c.in[0].Data))}
}

// gathered sums grad into n elements, element i into the one that source names.
func gathered(grad []float64, source []int, n int) []float64 {
	g := make([]float64, n)
	for i, from := range source {
		g[from] += grad[i]
	}
	return g
}
