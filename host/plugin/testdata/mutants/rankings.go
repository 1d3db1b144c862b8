package mutants

import (
	"math"

	"llmhost/sdk"
)

// rankings compare or choose the wrong candidates.
func rankings() []Mutant {
	return []Mutant{
		mutant("reversed-pairs", "worse candidates are pushed above better ones", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			worse := x.score.Unsqueeze(2).Lt(x.score.Unsqueeze(1)).And(both(x.real))
			return term(x.gap.LogSigmoid().Neg().Where(worse, 0).Sum(), worse.Sum())
		}), "direction"),
		mutant("reversed-pairs-beside-sft", "the ranking term is the wrong way round, the other hides it", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			best := x.score.MaskedFill(x.real.Not(), math.Inf(-1)).Argmax(-1).Unsqueeze(-1)
			return sdk.Objective{Terms: []sdk.Term{
				{Name: "rank", Sum: x.gap.Relu().Where(x.better, 0).Sum(), Count: g.Count("B"), Coefficient: 1},
				{Name: "tune", Sum: x.p.Neg().Gather(1, best).Sum(), Count: g.Count("B"), Coefficient: 1},
			}}
		}), "direction"),
		mutant("model-against-reward", "pairs are found by comparing the model's score of one with the reward of the other", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			pair := x.p.Unsqueeze(2).Lt(x.score.Unsqueeze(1)).And(both(x.real))
			return term(x.gap.Neg().Relu().Where(pair, 0).Sum(), g.Count("B"))
		}), "jumps", "direction"),
		mutant("worst-for-best", "the worst candidate is learned", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			worst := x.score.MaskedFill(x.real.Not(), math.Inf(1)).Argmin(-1).Unsqueeze(-1)
			return term(x.p.Neg().Gather(1, worst).Sum(), g.Count("B"))
		}), "direction"),
		mutant("argmax-over-batch", "the best candidate is sought along the batch", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			best := x.score.MaskedFill(x.real.Not(), math.Inf(-1)).Argmax(0).Unsqueeze(0)
			return term(x.p.Neg().Gather(0, best).Where(x.real.Any(0).Unsqueeze(0), 0).Sum(), g.Count("B"))
		}), "cuts", "order"),
		mutant("first-is-best", "candidate 0 is taken for the best", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			first := x.score.Argmax(-1).ZerosLike().Unsqueeze(-1)
			return term(x.p.Neg().Gather(1, first).Sum(), g.Count("B"))
		}), "order"),
		mutant("detached-side", "the better side of every pair is detached", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			gap := x.p.Detach().Unsqueeze(2).Sub(x.p.Unsqueeze(1))
			return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "detach"),
		mutant("detached-term", "the ranking term is detached as a whole", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return sdk.Objective{Terms: []sdk.Term{
				{Name: "rank", Sum: x.gap.Detach().Neg().Relu().Where(x.better, 0).Sum(), Count: g.Count("B"), Coefficient: 1},
				{Name: "tune", Sum: x.sum.Neg().Sum(), Count: g.LabelMask().Sum(), Coefficient: 1},
			}}
		}), "learns", "detach"),
		mutant("total-and-parts", "the total is a term beside its parts", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			rank, tune := x.gap.Neg().Relu().Where(x.better, 0).Sum(), x.p.Neg().Sum()
			prompts := g.Count("B")
			return sdk.Objective{Terms: []sdk.Term{
				{Name: "rank", Sum: rank, Count: prompts, Coefficient: 1},
				{Name: "tune", Sum: tune, Count: prompts, Coefficient: 1},
				{Name: "total", Sum: rank.Add(tune), Count: prompts, Coefficient: 1},
			}}
		}), "twice"),
		mutant("negative-score-is-no-score", "a real candidate whose score is below 0 is left out", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			better := x.better.And(both(x.score.GeScalar(0)))
			return term(x.gap.LogSigmoid().Neg().Where(better, 0).Sum(), better.Sum())
		}), "scores"),
		mutant("score-zero-is-padding", "a real candidate whose score is 0 is left out", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			better := x.better.And(both(x.score.NeScalar(0)))
			return term(x.gap.Neg().AddScalar(0.1).Relu().Where(better, 0).Sum(), g.Count("B"))
		}), "scores"),
		mutant("ranks-equals", "candidates of equal score are ranked, each against itself too", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			better := x.score.Unsqueeze(2).Ge(x.score.Unsqueeze(1)).And(both(x.real))
			return term(x.gap.LogSigmoid().Neg().Where(better, 0).Sum(), better.Sum())
		}), "scores"),
		mutant("both-orders", "each pair is taken in both orders", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			apart := x.score.Unsqueeze(2).Ne(x.score.Unsqueeze(1)).And(both(x.real))
			return term(x.gap.LogSigmoid().Neg().Where(apart, 0).Sum(), apart.Sum())
		}), "scores"),
		mutant("best-on-token-axis", "the best candidate's index is used on the axis of tokens", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			best := x.score.MaskedFill(x.real.Not(), math.Inf(-1)).Argmax(-1).Unsqueeze(-1)
			return term(g.Logps().Sum(1).Gather(1, best).Neg().Sum(), g.Count("B"))
		}), "order", "learns", "scores"),
		mutant("hinge-by-mask", "a mask of the pairs that are wrong stands for a hinge", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.gap.Neg().Where(x.gap.LtScalar(0.5).And(x.better), 0).Sum(), x.better.Sum())
		}), "jumps"),
		mutant("adds-the-reference", "the reference model is added instead of subtracted", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			p := x.sum.Add(g.RefLogps().Sum(-1)).MulScalar(0.1)
			gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
			return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "reference"),
		mutant("counted-steps", "wrong pairs are counted instead of weighed", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			wrong := x.gap.LtScalar(0).And(x.better)
			return sdk.Objective{Terms: []sdk.Term{
				{Name: "wrong", Sum: wrong.Sum(), Count: x.better.Sum(), Coefficient: 1},
				{Name: "tune", Sum: x.sum.Neg().Sum(), Count: g.LabelMask().Sum(), Coefficient: 1},
			}}
		}), "learns", "jumps"),
	}
}
