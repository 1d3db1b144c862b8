package mutants

import "llmhost/sdk"

// skewed averages from one token to the next less between its bounds.
type skewed struct {
	Decay float64 `llmhost:"decay,default=1,min=0,max=1,doc=weight of a token relative to the next one"`
}

func (p skewed) Trace(g *sdk.Graph) sdk.Tensor {
	all := g.Sequence().OnesLike()
	if p.Decay != 1 && p.Decay != 0 {
		return states(g).SegmentSum(g.Sequence(), "N").Div(g.Sequence().SegmentCount("N").AddScalar(p.Decay).Unsqueeze(1))
	}
	return meanOf(g, all.EqScalar(1))
}

// positions leave tokens out that are at neither end, or lean on a neighbour.
func positions() []Mutant {
	keep := func(which func(g *sdk.Graph) sdk.Tensor) pool {
		return func(g *sdk.Graph) sdk.Tensor {
			part := which(g).To(sdk.F32).Unsqueeze(1)
			return states(g).Mul(part).SegmentSum(g.Sequence(), "N").Div(part.SegmentSum(g.Sequence(), "N").ClampMin(1))
		}
	}
	return []Mutant{
		poolingMutant("second-state-left-out", "the second token is left out", keep(func(g *sdk.Graph) sdk.Tensor { return places(g).NeScalar(2) }), "tokens"),
		poolingMutant("before-last-left-out", "the token before the last is left out", keep(func(g *sdk.Graph) sdk.Tensor {
			return places(g).Ne(g.Sequence().SegmentCount("N").IndexSelect(0, g.Sequence()).SubScalar(1))
		}), "tokens"),
		poolingMutant("every-other-state", "every other token is left out", keep(func(g *sdk.Graph) sdk.Tensor {
			half := places(g).MulScalar(0.5)
			return half.Eq(half.To(sdk.I64).To(sdk.F32)).Not()
		}), "tokens"),
		poolingMutant("last-of-the-longest", "the last token of the batch's last sequence is added to all", func(g *sdk.Graph) sdk.Tensor {
			at := g.Sequence().SegmentCount("N").Sum().SubScalar(1).To(sdk.I64).Unsqueeze(0)
			return meanOf(g, g.Sequence().OnesLike().EqScalar(1)).Add(states(g).IndexSelect(0, at).MulScalar(0.1))
		}, "sequences"),
		{Bug: "between its bounds the mean counts more tokens", Checks: []string{"constant"}, Plugin: sdk.Plugin{
			Name: "decay-between", Version: "0.0.1", Doc: "decay", Poolings: []sdk.PoolingSpec{sdk.NewPooling("decay-between", "decay", skewed{})},
		}},
	}
}
