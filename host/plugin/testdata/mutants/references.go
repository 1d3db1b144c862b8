package mutants

import "llmhost/sdk"

// references treat the reference model otherwise than the model.
func references() []Mutant {
	return []Mutant{
		mutant("reference-of-one-side", "the reference is subtracted from the better candidate alone", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			p, ref := x.sum.MulScalar(0.1), g.RefLogps().Sum(-1).MulScalar(0.1)
			gap := p.Sub(ref).Unsqueeze(2).Sub(p.Unsqueeze(1))
			return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "reference"),
		mutant("mean-of-reference", "the reference's mean is subtracted from the model's sum", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			p := x.sum.Sub(g.RefLogps().Sum(-1).Div(x.length)).MulScalar(0.1)
			gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
			return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "reference"),
		mutant("reference-cancels", "the same reference is subtracted from both sides", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			ref := g.RefLogps().Sum(-1).Sum(-1).Unsqueeze(-1)
			p := x.sum.Sub(ref).MulScalar(0.1)
			gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
			return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "inputs", "reference"),
		mutant("reference-is-learned", "the tuning term reads the reference instead of the model", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return sdk.Objective{Terms: []sdk.Term{
				{Name: "rank", Sum: x.gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), Count: x.better.Sum(), Coefficient: 1},
				{Name: "tune", Sum: g.RefLogps().Sum().Neg(), Count: g.LabelMask().Sum(), Coefficient: 1},
			}}
		}), "learns"),
		mutant("ratio-with-itself", "the old policy of a ratio is the new one, without a Detach", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			rho := g.Logps().Sub(g.Logps()).Sum(-1).Exp()
			return term(rho.Mul(x.score).Neg().Where(x.real, 0).Sum(), x.real.Sum())
		}), "learns"),
	}
}
