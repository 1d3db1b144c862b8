package sdktest_test

import (
	"fmt"
	"strings"
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
		}, "with the hidden states stored in another order, sequence 0 becomes 2, -2 instead of 3, 5"},
		{"rows share a mean", func(g *sdk.Graph) sdk.Tensor {
			x := g.Hidden().IndexSelect(0, g.Token())
			return x.SegmentSum(g.Sequence(), "N").Sub(x.Mean(0).Unsqueeze(0))
		}, "with sequence 0 in a batch of its own, sequence 0 becomes 2, 3.5 instead of 2.5, 5.33333"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &recorder{TB: t}
			sdktest.CheckPooling(r, c.pooling, states)
			require.NotEmpty(t, r.said)
			said, _, _ := strings.Cut(r.said[0], "\n")
			require.Equal(t, c.want, said)
		})
	}
}
