package mutants

import "llmhost/sdk"

type pool func(g *sdk.Graph) sdk.Tensor

func (p pool) Trace(g *sdk.Graph) sdk.Tensor { return p(g) }

func poolingMutant(name, bug string, p pool, checks ...string) Mutant {
	return Mutant{Bug: bug, Checks: checks, Plugin: sdk.Plugin{Name: name, Version: "0.0.1", Doc: bug, Poolings: []sdk.PoolingSpec{sdk.NewPooling(name, bug, p)}}}
}

// states are each row's hidden states, [M, H].
func states(g *sdk.Graph) sdk.Tensor { return g.Hidden().IndexSelect(0, g.Token()) }

// last is where each row's last entry stands, [N].
func last(g *sdk.Graph) sdk.Tensor {
	return g.Sequence().SegmentCount("N").CumSum(0).SubScalar(1).To(sdk.I64)
}

// places are the entries' places in their rows, from 1, [M].
func places(g *sdk.Graph) sdk.Tensor {
	count := g.Sequence().SegmentCount("N")
	return g.Sequence().OnesLike().To(sdk.F32).CumSum(0).Sub(count.CumSum(0).Sub(count).IndexSelect(0, g.Sequence()))
}

// meanOf is the mean of the entries that take part, 0 where none does.
func meanOf(g *sdk.Graph, part sdk.Tensor) sdk.Tensor {
	weight := part.To(sdk.F32).Unsqueeze(1)
	return states(g).Mul(weight).SegmentSum(g.Sequence(), "N").Div(weight.SegmentSum(g.Sequence(), "N").ClampMin(1))
}

// poolings read the wrong states or weigh them wrongly.
func poolings() []Mutant {
	return []Mutant{
		poolingMutant("reads-storage", "entries are taken for places in the storage", func(g *sdk.Graph) sdk.Tensor {
			return g.Hidden().IndexSelect(0, last(g))
		}, "storage"),
		poolingMutant("mean-off-by-one", "the mean counts one token more", func(g *sdk.Graph) sdk.Tensor {
			return states(g).SegmentSum(g.Sequence(), "N").Div(g.Sequence().SegmentCount("N").AddScalar(1).Unsqueeze(1))
		}, "constant"),
		poolingMutant("zero-in-max", "a zero takes part in the maximum", func(g *sdk.Graph) sdk.Tensor {
			return states(g).Relu().SegmentMax(g.Sequence(), "N")
		}, "constant"),
		poolingMutant("pad-id", "tokens with id 0 are taken for padding", func(g *sdk.Graph) sdk.Tensor {
			real := g.IDs().NeScalar(0).To(sdk.F32).Unsqueeze(1)
			n := real.SegmentSum(g.Sequence(), "N").ClampMin(1)
			return states(g).Mul(real).SegmentSum(g.Sequence(), "N").Div(n)
		}, "ids"),
		poolingMutant("before-the-last", "the token before the last, which for a row of one token is another row's", func(g *sdk.Graph) sdk.Tensor {
			return states(g).IndexSelect(0, last(g).SubScalar(1).ClampMin(0))
		}, "sequences"),
		poolingMutant("mean-of-batch", "every row is divided by the tokens of the batch", func(g *sdk.Graph) sdk.Tensor {
			return states(g).SegmentSum(g.Sequence(), "N").Div(g.Count("M")).Mul(g.Count("N"))
		}, "sequences"),
		poolingMutant("no-token-left", "a row of end tokens alone divides by 0", func(g *sdk.Graph) sdk.Tensor {
			real := g.IDs().Ne(g.EOS()).To(sdk.F32).Unsqueeze(1)
			return states(g).Mul(real).SegmentSum(g.Sequence(), "N").Div(real.SegmentSum(g.Sequence(), "N"))
		}, "finite"),
		poolingMutant("mean-without-last", "the mean leaves out the last token", func(g *sdk.Graph) sdk.Tensor {
			return meanOf(g, places(g).Lt(g.Sequence().SegmentCount("N").IndexSelect(0, g.Sequence())))
		}, "tokens", "own"),
		poolingMutant("end-or-nothing", "a row without an end token pools to zeros", func(g *sdk.Graph) sdk.Tensor {
			return meanOf(g, g.IDs().Eq(g.EOS()))
		}, "own"),
		poolingMutant("last-four-by-four", "the last four tokens, divided by 4 in shorter rows too", func(g *sdk.Graph) sdk.Tensor {
			late := places(g).Gt(g.Sequence().SegmentCount("N").IndexSelect(0, g.Sequence()).SubScalar(4)).To(sdk.F32).Unsqueeze(1)
			return states(g).Mul(late).SegmentSum(g.Sequence(), "N").DivScalar(4)
		}, "constant"),
		poolingMutant("small-fill-in-max", "a fill value of -2 takes part in the maximum", func(g *sdk.Graph) sdk.Tensor {
			return states(g).ClampMin(-2).SegmentMax(g.Sequence(), "N")
		}, "own"),
		poolingMutant("along-the-state", "a running sum goes along the state", func(g *sdk.Graph) sdk.Tensor {
			return states(g).IndexSelect(0, last(g)).CumSum(1)
		}, "units"),
		poolingMutant("less-the-batch", "the mean of the batch is subtracted", func(g *sdk.Graph) sdk.Tensor {
			mean := meanOf(g, g.Sequence().OnesLike())
			return mean.Sub(mean.Mean(0).Unsqueeze(0))
		}, "sequences"),
		poolingMutant("detached-states", "the states are detached", func(g *sdk.Graph) sdk.Tensor {
			return states(g).Detach().SegmentMax(g.Sequence(), "N").Add(g.Hidden().Sum().MulScalar(0))
		}, "detach"),
	}
}
