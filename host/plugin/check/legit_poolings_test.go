package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// soundPooling is a pooling as its author would write it.
type soundPooling func(g *sdk.Graph) sdk.Tensor

func (p soundPooling) Trace(g *sdk.Graph) sdk.Tensor { return p(g) }

func states(g *sdk.Graph) sdk.Tensor { return g.Hidden().IndexSelect(0, g.Token()) }

func lengths(g *sdk.Graph) sdk.Tensor { return g.Sequence().SegmentCount("N") }

// places are the entries' places in their rows, from 1, [M].
func places(g *sdk.Graph) sdk.Tensor {
	before := lengths(g).CumSum(0).Sub(lengths(g))
	return g.Sequence().OnesLike().To(sdk.F32).CumSum(0).Sub(before.IndexSelect(0, g.Sequence()))
}

// weighted is each row's mean with the given weights, [M].
func weighted(g *sdk.Graph, weights sdk.Tensor) sdk.Tensor {
	weights = weights.Unsqueeze(1)
	return states(g).Mul(weights).SegmentSum(g.Sequence(), "N").Div(weights.SegmentSum(g.Sequence(), "N").ClampMin(1e-6))
}

var soundPoolings = map[string]soundPooling{
	"first": func(g *sdk.Graph) sdk.Tensor {
		return states(g).IndexSelect(0, lengths(g).CumSum(0).Sub(lengths(g)).To(sdk.I64))
	},
	"sum": func(g *sdk.Graph) sdk.Tensor { return states(g).SegmentSum(g.Sequence(), "N") },
	"root of length": func(g *sdk.Graph) sdk.Tensor {
		return states(g).SegmentSum(g.Sequence(), "N").Div(lengths(g).Sqrt().Unsqueeze(1))
	},
	"mean and max": func(g *sdk.Graph) sdk.Tensor {
		return weighted(g, places(g).OnesLike()).Add(states(g).SegmentMax(g.Sequence(), "N"))
	},
	"last four": func(g *sdk.Graph) sdk.Tensor {
		return weighted(g, places(g).Gt(lengths(g).IndexSelect(0, g.Sequence()).SubScalar(4)).To(sdk.F32))
	},
	"without end tokens": func(g *sdk.Graph) sdk.Tensor {
		return weighted(g, g.IDs().Ne(g.EOS()).To(sdk.F32))
	},
	"last end token, else the last": func(g *sdk.Graph) sdk.Tensor {
		at := places(g).Mul(g.IDs().Eq(g.EOS()).To(sdk.F32)).SegmentMax(g.Sequence(), "N")
		at = sdk.Where(at.GtScalar(0), at, lengths(g))
		return weighted(g, places(g).Eq(at.IndexSelect(0, g.Sequence())).To(sdk.F32))
	},
	"softmax of sizes": func(g *sdk.Graph) sdk.Tensor {
		size := states(g).Square().Mean(-1).AddScalar(1e-6).Sqrt()
		return weighted(g, size.Sub(size.SegmentMax(g.Sequence(), "N").IndexSelect(0, g.Sequence())).Exp())
	},
	"unit mean": func(g *sdk.Graph) sdk.Tensor {
		mean := weighted(g, places(g).OnesLike())
		return mean.Div(mean.Square().Sum(-1).AddScalar(1e-12).Sqrt().Unsqueeze(-1))
	},
}

// No sound pooling is called wrong.
func TestSoundPoolingsPass(t *testing.T) {
	for name, pooling := range soundPoolings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := checked(t, sdk.Plugin{Name: "sound", Version: "1", Doc: name, Poolings: []sdk.PoolingSpec{sdk.NewPooling("sound", name, pooling)}}, check.Options{})
			require.True(t, report.OK(), report.Text())
		})
	}
}
