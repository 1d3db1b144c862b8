package mutants

import "llmhost/sdk"

// lonely teach nothing, or break, where a prompt is alone in its step or micro-batch.
func lonely() []Mutant {
	return []Mutant{
		mutant("baseline-of-the-step", "the advantage of one prompt is that over itself", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			advantage := x.score.Sub(x.score.Sum().GlobalMean(x.real.Sum()))
			return term(x.p.Mul(advantage).Neg().Where(x.real, 0).Sum(), x.real.Sum())
		}), "alone").noted(),
		mutant("standardized-by-the-step", "the rewards of one prompt have a deviation of 0, which divides", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			mean, deviation := momentsOf(x)
			return term(x.p.Mul(x.score.Sub(mean).Div(deviation)).Neg().Where(x.real, 0).Sum(), x.real.Sum())
		}), "alone"),
		mutant("standardized-above-zero", "a small number beside the deviation turns the NaN of one prompt into 0", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			mean, deviation := momentsOf(x)
			return term(x.p.Mul(x.score.Sub(mean).Div(deviation.AddScalar(1e-4))).Neg().Where(x.real, 0).Sum(), x.real.Sum())
		}), "alone").noted(),
		mutant("better-than-the-step", "only answers above the mean of their step are learned", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			above := x.score.Gt(x.score.Sum().GlobalMean(x.real.Sum())).And(x.real)
			return term(x.p.Neg().Where(above, 0).Sum(), x.real.Sum())
		}), "alone").noted(),
		mutant("own-reference-point", "the reference point is the mean reward of the answers that are compared with it", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			r := x.sum.Sub(g.RefLogps().Sum(-1))
			point := r.Where(x.real, 0).Sum().GlobalMean(x.real.Sum()).ClampMin(0)
			sign := x.score.GtScalar(0).To(sdk.F32).MulScalar(2).SubScalar(1)
			return term(r.Sub(point).MulScalar(0.1).Mul(sign).Neg().Sigmoid().Where(x.real, 0).Sum(), x.real.Sum())
		}), "alone").noted(),
		mutant("rewards-centred-by-the-step", "a hinge is on rewards less their mean over the step", trace(func(g *sdk.Graph) sdk.Objective {
			x, r := pieced(g), g.Rewards()
			apart := r.Sub(r.Where(x.real, 0).Sum().GlobalMean(x.real.Sum()))
			sign := x.score.GtScalar(0).To(sdk.F32).MulScalar(2).SubScalar(1)
			return term(apart.Mul(sign).Neg().AddScalar(1).Relu().Where(x.real, 0).Sum(), x.real.Sum())
		}), "alone").noted(),
		mutant("gap-over-that-of-the-step", "a pair is learned from if its gap is below the mean gap", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			mean := x.gap.Where(x.better, 0).Sum().GlobalMean(x.better.Sum())
			return term(x.gap.Sub(mean).LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "alone").noted(),
		mutant("contrast-in-batch", "each prompt is told from the others of its micro-batch", allowing(func(g *sdk.Graph) sdk.Objective {
			p := pieced(g).p.Sum(-1)
			return term(p.LogSumExp(0).Sub(p).Sum(), g.Count("B"))
		}, "cuts"), "alone").noted(),
		mutant("rank-in-batch", "a prompt is weighed by how many of its micro-batch score lower", allowing(func(g *sdk.Graph) sdk.Objective {
			score := g.ExampleColumn("score")
			below := score.Unsqueeze(1).Gt(score.Unsqueeze(0)).Sum(1)
			return term(pieced(g).p.Sum(-1).Neg().Mul(below).Sum(), g.Count("B"))
		}, "cuts"), "alone").noted(),
		mutant("spread-of-the-step", "a state becomes the logarithm of a deviation that one prompt does not have", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			_, deviation := momentsOf(x)
			o := term(x.p.Neg().Where(x.real, 0).Sum().Mul(g.State("spread").Exp()), x.real.Sum())
			o.States = []sdk.State{{Name: "spread", Update: deviation.Log()}}
			return o
		}), "alone"),
	}
}

// momentsOf are mean and standard deviation of the scores of a step.
func momentsOf(x pieces) (mean, deviation sdk.Tensor) {
	rows := x.real.Sum()
	mean = x.score.Sum().GlobalMean(rows)
	return mean, x.score.Square().Sum().GlobalMean(rows).Sub(mean.Square()).ClampMin(0).Sqrt()
}

// allowing is a loss that means to fail one check.
func allowing(of trace, check string) trace {
	return func(g *sdk.Graph) sdk.Objective {
		o := of(g)
		o.Allow = map[string]string{check: "it is defined over a micro-batch"}
		return o
	}
}
