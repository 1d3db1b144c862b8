package sdktest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/sdk"
	"llmhost/sdk/sdktest"
)

type average struct{}

func (average) Trace(g *sdk.Graph) sdk.Tensor {
	n := g.Sequence().SegmentCount("N").ClampMin(1).Unsqueeze(1)
	return g.Hidden().IndexSelect(0, g.Token()).SegmentSum(g.Sequence(), "N").Div(n)
}

var states = sdktest.PoolInputs{Hidden: [][][]float64{{{1, 2}, {3, 5}}, {{-1, 0}}, {{4, 4}, {0, 1}, {2, -2}}}}

func ExamplePool() {
	out := sdktest.Pool(average{}, sdktest.PoolInputs{Hidden: [][][]float64{{{1, 2}, {3, 5}}, {{-1, 0}}}})
	fmt.Println(out.Output, out.Gradients)
	// Output: [[2 3.5] [-1 0]] [[[0.5 0.5] [0.5 0.5]] [[1 1]]]
}

func TestChecksPassAGoodPooling(t *testing.T) {
	sdktest.CheckPooling(t, average{}, states)
}

type spoiltPooling func(g *sdk.Graph) sdk.Tensor

func (p spoiltPooling) Trace(g *sdk.Graph) sdk.Tensor { return p(g) }

func TestChecksSeeMistakesOfPoolings(t *testing.T) {
	for _, c := range []struct {
		name    string
		pooling spoiltPooling
		want    string
	}{
		{"reads states that are no row's", func(g *sdk.Graph) sdk.Tensor {
			last := g.Sequence().SegmentCount("N").CumSum(0).SubScalar(1).To(sdk.I64)
			return g.Hidden().IndexSelect(0, last)
		}, "with the states stored in another order, row 0 is [2 -2]; want [3 5]"},
		{"rows share a mean", func(g *sdk.Graph) sdk.Tensor {
			x := g.Hidden().IndexSelect(0, g.Token())
			return x.SegmentSum(g.Sequence(), "N").Sub(x.Mean(0).Unsqueeze(0))
		}, "with row 0 alone, row 0 is [2 3.5]; want [2.5 5.333333333333333]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &recorder{TB: t}
			sdktest.CheckPooling(r, c.pooling, states)
			require.NotEmpty(t, r.said)
			require.Equal(t, c.want, r.said[0])
		})
	}
}
