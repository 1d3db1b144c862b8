package mutants

import (
	"math"

	"llmhost/sdk"
)

// reductions divide by the wrong thing, or too early.
func reductions() []Mutant {
	return []Mutant{
		mutant("mean-inside", "the mean over the batch is taken inside the sum", trace(func(g *sdk.Graph) sdk.Objective {
			nll := g.Logps().Sum(-1).Neg().Div(g.LabelMask().Sum(-1).ClampMin(1))
			return term(nll.Mean(), sdk.Tensor{})
		}), "cuts"),
		mutant("mean-of-batch-baseline", "every prompt is compared with the mean of its batch", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			base := x.sum.Where(x.real, 0).Sum().Div(x.real.Sum().ClampMin(1))
			return term(x.sum.Sub(base).Square().Where(x.real, 0).Sum(), x.real.Sum())
		}), "cuts"),
		mutant("model-denominator", "the count depends on the model", trace(func(g *sdk.Graph) sdk.Objective {
			wrong := g.Logps().LtScalar(-1).And(g.LabelMask())
			return term(g.Logps().Neg().Where(wrong, 0).Sum(), wrong.Sum())
		}), "trace"),
		mutant("length-counts-padding", "the length of an answer is that of the longest in the batch", trace(func(g *sdk.Graph) sdk.Objective {
			return term(g.Logps().Sum(-1).Neg().Div(g.Count("T")).Sum(), g.Real().Sum())
		}), "padding"),
		mutant("mean-over-padding", "the mean over tokens runs over padding too", trace(func(g *sdk.Graph) sdk.Objective {
			return term(g.Logps().Mean(-1).Neg().Sum(), g.Real().Sum())
		}), "padding"),
		mutant("count-of-fillers", "padding candidates are counted", trace(func(g *sdk.Graph) sdk.Objective {
			return term(g.Logps().Sum().Neg(), g.Count("B").Mul(g.Count("K")))
		}), "padding"),
		mutant("length-plus-one", "an answer's length counts one token of the prompt", trace(func(g *sdk.Graph) sdk.Objective {
			length := g.LabelMask().Sum(-1).AddScalar(1)
			return term(g.Logps().Sum(-1).Neg().Div(length).Sum(), g.Real().Sum())
		}), "lengths"),
		mutant("length-without-end", "the end token is summed but not counted", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			p := x.sum.Div(g.LabelMask().Sum(-1).SubScalar(1).ClampMin(1))
			gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
			return term(gap.Neg().AddScalar(1).Relu().Where(x.better, 0).Sum(), x.better.Sum())
		}), "lengths"),
		mutant("best-over-all-tokens", "the best candidate's tokens are summed, everybody's are counted", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			best := x.score.MaskedFill(x.real.Not(), math.Inf(-1)).Argmax(-1).Unsqueeze(-1)
			return term(x.sum.Neg().Gather(1, best).Sum(), g.LabelMask().Sum())
		}), "lengths"),
		mutant("broadcast-before-sum", "an answer's sum is broadcast over its tokens and summed again", trace(func(g *sdk.Graph) sdk.Objective {
			nll := g.Logps().Sum(-1).Neg().Unsqueeze(-1).Where(g.LabelMask(), 0)
			return term(nll.Sum(), g.Real().Sum())
		}), "lengths"),
		mutant("length-divided-twice", "the mean of an answer is divided by its length once more", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.p.Div(x.length).Neg().Sum(), g.Real().Sum())
		}), "lengths"),
		mutant("mean-against-sum", "the mean of the better answer is compared with the sum of the worse", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			gap := x.p.Unsqueeze(2).Sub(x.sum.Unsqueeze(1))
			return term(gap.Neg().Relu().Where(x.better, 0).Sum(), x.better.Sum())
		}), "lengths"),
		mutant("sum-beside-mean", "one term is a plain sum, the other is divided by its count", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return sdk.Objective{Terms: []sdk.Term{
				{Name: "rank", Sum: x.gap.Neg().Relu().Where(x.better, 0).Sum(), Coefficient: 1},
				{Name: "tune", Sum: x.sum.Neg().Sum(), Count: g.LabelMask().Sum(), Coefficient: 1},
			}}
		}), "counts"),
		mutant("running-sum-over-batch", "prompts are added up one after the other", trace(func(g *sdk.Graph) sdk.Objective {
			return term(pieced(g).p.Sum(-1).CumSum(0).Neg().Sum(), g.Count("B"))
		}), "cuts", "order"),
		mutant("normed-by-largest", "log-probabilities are scaled by the largest of the batch", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.sum.Neg().Div(x.score.Abs().Amax().ClampMin(1)).Sum(), g.Count("B"))
		}), "cuts"),
	}
}

// maskings leave out too little or too much.
func maskings() []Mutant {
	return []Mutant{
		mutant("certain-is-padding", "a token whose log-probability is 0 is taken for padding", trace(func(g *sdk.Graph) sdk.Objective {
			length := g.Logps().NeScalar(0).Sum(-1).ClampMin(1)
			return term(g.Logps().Sum(-1).Neg().Div(length).Sum(), g.Real().Sum())
		}), "zeros"),
		mutant("place-over-longest", "a token's place is divided by the longest answer of the batch", trace(func(g *sdk.Graph) sdk.Objective {
			place := g.LabelMask().CumSum(-1).Div(g.Count("T"))
			return term(g.Logps().Mul(place).Neg().Sum(), g.LabelMask().Sum())
		}), "padding"),
		mutant("padding-in-max", "the likeliest token may be padding", trace(func(g *sdk.Graph) sdk.Objective {
			return term(g.Logps().Amax(-1).Neg().Sum(), g.Count("B"))
		}), "padding"),
		mutant("mask-off-by-one", "the first label token is left out", trace(func(g *sdk.Graph) sdk.Objective {
			mask := g.LabelMask().And(g.LabelMask().CumSum(-1).GtScalar(1))
			return term(g.Logps().Neg().Where(mask, 0).Sum(), mask.Sum())
		}), "tokens"),
		mutant("mask-without-end", "the end token is left out", trace(func(g *sdk.Graph) sdk.Objective {
			mask := g.LabelMask().And(g.LabelMask().CumSum(-1).Lt(g.LabelMask().Sum(-1).Unsqueeze(-1)))
			return term(g.Logps().Neg().Where(mask, 0).Sum(), mask.Sum())
		}), "tokens"),
		mutant("mask-one-too-wide", "one place of padding counts as a token", trace(func(g *sdk.Graph) sdk.Objective {
			place := g.LabelMask().OnesLike().CumSum(-1)
			mask := place.Le(g.LabelMask().Sum(-1).AddScalar(1).Unsqueeze(-1)).And(g.Real().Unsqueeze(-1))
			return term(g.Logps().Neg().Where(mask, 0).Sum(), mask.Sum())
		}), "padding"),
		mutant("inverted-mask", "what is masked and what is kept are mixed up", trace(func(g *sdk.Graph) sdk.Objective {
			rest := g.LabelMask().Not()
			return term(g.Logps().Neg().Where(rest, 0).Sum(), rest.Sum().ClampMin(1))
		}), "learns", "padding"),
		mutant("baseline-with-fillers", "the mean score of a prompt counts padding candidates", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			advantage := x.score.Sub(x.score.Mean(-1).Unsqueeze(-1))
			return term(advantage.Mul(x.p).Neg().Where(x.real, 0).Sum(), x.real.Sum())
		}), "padding"),
		mutant("ignores-candidate-mask", "padding candidates with score 0 may be the best candidate", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			best := x.score.Argmax(-1).Unsqueeze(-1)
			return term(x.p.Neg().Gather(1, best).Sum(), g.Count("B"))
		}), "padding"),
		mutant("pairs-with-fillers", "pairs are made with padding candidates", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			better := x.score.Unsqueeze(2).Gt(x.score.Unsqueeze(1))
			return term(x.gap.LogSigmoid().Neg().Where(better, 0).Sum(), better.Sum())
		}), "padding"),
		mutant("negative-score-is-padding", "a real candidate whose score is below 0 is taken for padding", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			real := x.score.GeScalar(0)
			better := x.score.Unsqueeze(2).Gt(x.score.Unsqueeze(1)).And(both(real))
			return term(x.gap.LogSigmoid().Neg().Where(better, 0).Sum(), better.Sum())
		}), "padding"),
		mutant("softmax-over-fillers", "padding candidates are included in the softmax over candidates", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			best := x.score.MaskedFill(x.real.Not(), math.Inf(-1)).Argmax(-1).Unsqueeze(-1)
			return term(x.p.LogSumExp(-1).Sub(x.p.Gather(1, best).Squeeze(-1)).Sum(), g.Count("B"))
		}), "padding"),
	}
}
