package mutants

import "llmhost/sdk"

// numerics are right on paper and wrong in float32.
func numerics() []Mutant {
	return []Mutant{
		mutant("no-number-at-score-zero", "a score of 0 is divided by its size", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			push := x.score.Div(x.score.Abs()).Where(x.real, 0)
			return term(x.p.Neg().Mul(push).Sum(), g.Count("B"))
		}), "finite"),
		mutant("root-of-score", "the square root of a negative score", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.p.Neg().Mul(x.score.Sqrt()).Where(x.real, 0).Sum(), g.Count("B"))
		}), "finite"),
		mutant("log-of-clamp", "the logarithm of a clamped probability", trace(func(g *sdk.Graph) sdk.Objective {
			nll := g.Logps().Exp().ClampMin(1e-8).Log().Neg()
			return term(nll.Where(g.LabelMask(), 0).Sum(), g.LabelMask().Sum())
		}), "floor"),
		mutant("clamped-gap", "the gap of a pair is clamped on both sides", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.gap.ClampMin(-10).ClampMax(10).LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "floor"),
		mutant("log-of-sigmoid", "log of sigmoid, which is log of 0 for a large gap", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.gap.Sigmoid().Log().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "finite"),
		mutant("softplus-by-hand", "log(1 + exp) overflows", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.gap.Neg().Exp().AddScalar(1).Log().Where(x.better, 0).Sum(), x.better.Sum())
		}), "finite"),
		mutant("masked-too-late", "the mask comes after a logarithm whose slope is infinite", trace(func(g *sdk.Graph) sdk.Objective {
			miss := g.Logps().Exp().Neg().AddScalar(1) // 1 - p, which is 0 for a certain token
			return term(miss.Log().Neg().Where(miss.GtScalar(0).And(g.LabelMask()), 0).Sum().Neg(), g.LabelMask().Sum())
		}), "finite"),
		mutant("one-token-text", "a text of one token divides by 0", trace(func(g *sdk.Graph) sdk.Objective {
			n := g.LabelMask().Sum(-1)
			return term(g.Logps().Sum(-1).Neg().Div(n.SubScalar(1)).Where(g.Real(), 0).Sum(), g.Real().Sum())
		}), "finite"),
		mutant("no-label-token", "an answer without a label token divides by 0", trace(func(g *sdk.Graph) sdk.Objective {
			return term(g.Logps().Sum(-1).Neg().Div(g.LabelMask().Sum(-1)).Where(g.Real(), 0).Sum(), g.Real().Sum())
		}), "finite"),
		mutant("no-spread", "scores are divided by their spread, which may be 0", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			n := x.real.Sum(-1).Unsqueeze(-1)
			off := x.score.Sub(x.score.Sum(-1).Unsqueeze(-1).Div(n)).Where(x.real, 0)
			spread := off.Square().Sum(-1).Unsqueeze(-1).Div(n).Sqrt()
			return term(off.Div(spread).Mul(x.p).Neg().Where(x.real, 0).Sum(), x.real.Sum())
		}), "finite"),
		mutant("floored-logp", "log-probabilities are cut off at -10", trace(func(g *sdk.Graph) sdk.Objective {
			return term(g.Logps().ClampMin(-10).Neg().Sum(), g.LabelMask().Sum())
		}), "floor"),
		mutant("variance-by-squares", "a variance as a difference of squares is below 0 in float32", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			n := x.real.Sum(-1).Unsqueeze(-1)
			mean := x.score.Sum(-1).Unsqueeze(-1).Div(n)
			variance := x.score.Square().Sum(-1).Unsqueeze(-1).Div(n).Sub(mean.Square())
			advantage := x.score.Sub(mean).Div(variance.Sqrt().AddScalar(1e-6))
			return term(advantage.Mul(x.p).Neg().Where(x.real, 0).Sum(), x.real.Sum())
		}), "finite"),
		mutant("root-of-squares", "the square root of a sum of squares has no slope at 0", trace(func(g *sdk.Graph) sdk.Objective {
			return term(g.Logps().Square().Sum(-1).Sqrt().Sum(), g.Real().Sum())
		}), "finite"),
		mutant("infinite-masks-meet", "minus infinity minus minus infinity between two padding candidates", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			p := x.p.MaskedFill(x.real.Not(), -1e38).MulScalar(10)
			gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
			return term(gap.Neg().Relu().Mul(x.better.To(sdk.F32)).Sum(), x.better.Sum())
		}), "finite", "padding"),
	}
}
