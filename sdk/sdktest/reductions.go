package sdktest

import "math"

// reductions holds the ops that reduce an axis or everything to one number, and
// the running sum.
var reductions = map[string]rule{
	"sum":       {forward: reduce(sum), backward: eachOf(func([]float64, float64) func(int) float64 { return func(int) float64 { return 1 } })},
	"mean":      {forward: reduce(mean), backward: eachOf(meanSlope)},
	"amax":      {forward: reduce(largest), backward: eachOf(equalShare)},
	"amin":      {forward: reduce(smallest), backward: eachOf(equalShare)},
	"any":       {forward: reduce(func(x []float64) float64 { return truth(sum(x) > 0) })},
	"all":       {forward: reduce(func(x []float64) float64 { return truth(sum(x) == float64(len(x))) })},
	"argmax":    {forward: reduce(func(x []float64) float64 { return float64(first(x, largest(x))) })},
	"argmin":    {forward: reduce(func(x []float64) float64 { return float64(first(x, smallest(x))) })},
	"logsumexp": {forward: reduce(logSumExp), backward: eachOf(softmax)},
	"cumsum":    {forward: running, backward: runningBack},
}

func sum(x []float64) float64 {
	total := 0.0
	for _, v := range x {
		total += v
	}
	return total
}

func mean(x []float64) float64 { return sum(x) / float64(len(x)) }

// largest is the largest element, or NaN if there is one.
func largest(x []float64) float64 {
	most := math.Inf(-1)
	for _, v := range x {
		most = math.Max(most, v)
	}
	return most
}

func smallest(x []float64) float64 {
	least := math.Inf(1)
	for _, v := range x {
		least = math.Min(least, v)
	}
	return least
}

// first is the index of the first element that is v.
func first(x []float64, v float64) int {
	for i := range x {
		if x[i] == v || math.IsNaN(x[i]) {
			return i
		}
	}
	return 0
}

func logSumExp(x []float64) float64 {
	most := largest(x)
	if math.IsInf(most, 0) {
		return most
	}
	total := 0.0
	for _, v := range x {
		total += math.Exp(v - most)
	}
	return most + math.Log(total)
}

// A slope of a reduction has the derivative by each element of a lane, given
// the lane and its reduction.

func meanSlope(x []float64, _ float64) func(int) float64 {
	return func(int) float64 { return 1 / float64(len(x)) }
}

// equalShare splits the gradient equally between the elements that equal the
// result.
func equalShare(x []float64, y float64) func(int) float64 {
	equal := 0.0
	for _, v := range x {
		equal += truth(v == y)
	}
	return func(j int) float64 { return truth(x[j] == y) / equal }
}

func softmax(x []float64, y float64) func(int) float64 {
	return func(j int) float64 { return math.Exp(x[j] - y) }
}

func lane(x []float64, length int, at func(int) int) []float64 {
	out := make([]float64, length)
	for j := range out {
		out[j] = x[at(j)]
	}
	return out
}

func reduce(f func(x []float64) float64) func(*call) []float64 {
	return func(c *call) []float64 {
		l := c.lanes()
		out := make([]float64, count(c.shape))
		l.each(func(i int, at func(int) int) { out[i] = f(lane(c.in[0].Data, l.length, at)) })
		return out
	}
}

func eachOf(slope func(x []float64, y float64) func(j int) float64) func(*call, []float64, []float64) [][]float64 {
	return func(c *call, out, grad []float64) [][]float64 {
		l := c.lanes()
		g := make([]float64, len(c.in[0].Data))
		l.each(func(i int, at func(int) int) {
			d := slope(lane(c.in[0].Data, l.length, at), out[i])
			for j := range l.length {
				g[at(j)] = grad[i] * d(j)
			}
		})
		return [][]float64{g}
	}
}

func running(c *call) []float64 {
	l := c.lanes()
	out := make([]float64, count(c.shape))
	l.each(func(_ int, at func(int) int) {
		total := 0.0
		for j := range l.length {
			total += c.in[0].Data[at(j)]
			out[at(j)] = total
		}
	})
	return out
}

func runningBack(c *call, _, grad []float64) [][]float64 {
	l := c.lanes()
	g := make([]float64, len(grad))
	l.each(func(_ int, at func(int) int) {
		total := 0.0
		for j := l.length - 1; j >= 0; j-- {
			total += grad[at(j)]
			g[at(j)] = total
		}
	})
	return [][]float64{g}
}
