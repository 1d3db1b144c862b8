package mutants

import (
	"math"

	"llmhost/sdk"
)

// orders read the order of scores otherwise than "the higher, the better", or
// treat equals wrongly.
func orders() []Mutant {
	ranked := func(g *sdk.Graph, by func(score sdk.Tensor) sdk.Tensor) sdk.Objective {
		x := pieced(g)
		key := by(x.score)
		better := key.Unsqueeze(2).Gt(key.Unsqueeze(1)).And(both(x.real))
		return term(x.gap.LogSigmoid().Neg().Where(better, 0).Sum(), better.Sum())
	}
	return []Mutant{
		mutant("orders-by-square", "candidates are ordered by the square of their scores", trace(func(g *sdk.Graph) sdk.Objective {
			return ranked(g, func(s sdk.Tensor) sdk.Tensor { return s.Square() })
		}), "scores", "direction"),
		mutant("orders-by-size", "candidates are ordered by the size of their scores", trace(func(g *sdk.Graph) sdk.Objective {
			return ranked(g, func(s sdk.Tensor) sdk.Tensor { return s.Abs() })
		}), "scores", "direction"),
		mutant("orders-by-reciprocal", "candidates are ordered by one over their scores, kept above 0", trace(func(g *sdk.Graph) sdk.Objective {
			return ranked(g, func(s sdk.Tensor) sdk.Tensor { return s.Abs().ClampMin(0.001).Pow(-1) })
		}), "direction", "scores"),
		mutant("gaps-of-sizes", "the wanted gap is that of the scores' sizes", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			size := x.score.Abs()
			want := size.Unsqueeze(2).Sub(size.Unsqueeze(1))
			return term(x.gap.Sub(want).Square().Where(both(x.real), 0).Sum(), x.real.Sum())
		}), "direction", "scores"),
		mutant("pushes-by-size", "a bad answer is learned as much as a good one of the same size", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.p.Neg().Mul(x.score.Abs()).Where(x.real, 0).Sum(), x.real.Sum())
		}), "direction"),
		mutant("softmin-weights", "answers are weighed by a softmax of the negated scores", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			s := x.score.Neg().MaskedFill(x.real.Not(), -1e9)
			share := s.Sub(s.LogSumExp(-1).Unsqueeze(-1)).Exp()
			return term(share.Mul(x.p).Neg().Where(x.real, 0).Sum(), g.Count("B"))
		}), "direction"),
		mutant("ties-are-pairs", "equal scores make a pair", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			off := x.score.Unsqueeze(2).Ge(x.score.Unsqueeze(1)).And(both(x.real))
			return term(x.gap.Neg().AddScalar(1).Relu().Where(off, 0).Sum(), off.Sum())
		}), "scores"),
		mutant("best-against-all", "the best candidate is ranked against itself too", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			best := x.score.MaskedFill(x.real.Not(), math.Inf(-1)).Argmax(-1).Unsqueeze(-1)
			gap := x.p.Gather(1, best).Sub(x.p)
			return term(gap.LogSigmoid().Neg().Where(x.real, 0).Sum(), x.real.Sum())
		}), "scores"),
	}
}

// bottomless terms have no lowest value.
func bottomless() []Mutant {
	return []Mutant{
		mutant("linear-gap", "the gap of a pair is maximised without a sigmoid", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.gap.Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "bounded").noted(),
		mutant("linear-rewards", "the gap of rewards is maximised without a sigmoid", trace(func(g *sdk.Graph) sdk.Objective {
			x, r := pieced(g), g.Rewards()
			gap := r.Unsqueeze(2).Sub(r.Unsqueeze(1))
			return term(gap.Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "bounded").noted(),
		mutant("kl-for-its-own-sake", "the KL to the reference is maximised", trace(func(g *sdk.Graph) sdk.Objective {
			o := term(g.Logps().Sum().Neg(), g.LabelMask().Sum())
			o.Terms = append(o.Terms, sdk.Term{Name: "kl", Sum: g.ReverseKL().Sum().Neg(), Count: g.LabelMask().Sum(), Coefficient: 0.1})
			return o
		}), "bounded"),
		mutant("kl-coefficient-below-zero", "the KL has a coefficient below 0", trace(func(g *sdk.Graph) sdk.Objective {
			o := term(g.Logps().Sum().Neg(), g.LabelMask().Sum())
			o.Terms = append(o.Terms, sdk.Term{Name: "kl", Sum: g.ForwardKL().Sum(), Count: g.LabelMask().Sum(), Coefficient: -0.05})
			return o
		}), "bounded"),
		mutant("smoothed-the-wrong-way", "the share of the whole vocabulary is taken away from the labels", trace(func(g *sdk.Graph) sdk.Objective {
			spread := g.VocabMeanLogps().MulScalar(0.1)
			return term(spread.Sub(g.Logps()).Sum(), g.LabelMask().Sum())
		}), "bounded"),
		mutant("unlearns-the-worse", "the worse answers' likelihood is lowered without end", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			worst := x.score.MaskedFill(x.real.Not(), math.Inf(1)).Argmin(-1).Unsqueeze(-1)
			best := x.score.MaskedFill(x.real.Not(), math.Inf(-1)).Argmax(-1).Unsqueeze(-1)
			return sdk.Objective{Terms: []sdk.Term{
				{Name: "tune", Sum: x.p.Gather(1, best).Neg().Sum(), Count: g.Count("B"), Coefficient: 1},
				{Name: "forget", Sum: x.p.Gather(1, worst).Sum(), Count: g.Count("B"), Coefficient: 0.2},
			}}
		}), "bounded").noted(),
		mutant("squared-the-wrong-way", "the square of the rewards is maximised", trace(func(g *sdk.Graph) sdk.Objective {
			x, r := pieced(g), g.Rewards()
			gap := r.Unsqueeze(2).Sub(r.Unsqueeze(1))
			o := term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
			o.Terms = append(o.Terms, sdk.Term{Name: "spread", Sum: r.Square().Sum().Neg(), Count: x.real.Sum(), Coefficient: 0.01})
			return o
		}), "bounded"),
	}
}
