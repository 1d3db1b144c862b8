// Package rrhf holds the loss that aligns a model by ranking: candidates that
// people scored higher should be more likely, and the best one is learned.
package rrhf

import (
	"math"

	"llmhost/sdk"
)

// Loss is RRHF. A candidate's score under the model is its answer's
// log-probability over a power of its length, p_i = Σ_t ℓ_{i,t} / n_i^LengthPenalty.
// For a prompt b whose candidates have the data's scores r:
//
//	rank_b = Σ_{r_i > r_j} max(0, p_j − p_i)
//	tune_b = −Σ_t ℓ_{*,t}, of the candidate with the highest score; ties go to the first
//
// mean:      L = (1/B) Σ_b (Weight · rank_b + tune_b / n_*)
// paper_sum: L = Σ_b (Weight · rank_b + tune_b), as in the paper
//
// Padding candidates do not count. A candidate without an answer token has p = 0.
//
// Source: Yuan et al. 2023, arXiv:2304.05302, eq. 2 to 4.
type Loss struct {
	Weight        float64 `llmhost:"rrhf_weight,default=1,min=0,doc=weight of the ranking term"`
	LengthPenalty float64 `llmhost:"length_penalty,default=1,min=0,doc=power of the length that divides a candidate's log-probability"`
	Reduction     string  `llmhost:"rrhf_reduction,default=mean,choices=mean|paper_sum,doc=mean over prompts and over the best answer's tokens, or the paper's sums"`
}

// Trace records the loss. Shapes: logps, mask [B, K, T]; score, real [B, K].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	score := g.Column("score", sdk.Role(sdk.ScoreRole), sdk.Values(2, 1, 0.5, 0, -1))
	real := g.Real()
	sum := g.Logps().Sum(-1)
	length := g.LabelMask().Sum(-1).ClampMin(1)
	p := sum.Div(length.Pow(l.LengthPenalty))

	both := real.Unsqueeze(2).And(real.Unsqueeze(1))
	better := score.Unsqueeze(2).Gt(score.Unsqueeze(1)).And(both) // [B, K, K]: i is better than j
	gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))                     // p_i − p_j

	realScore := score.MaskedFill(real.Not(), math.Inf(-1))
	best := realScore.Argmax(-1).Unsqueeze(-1) // [B, 1]
	tune := sum.Neg()
	prompts := g.Count("B")
	if l.Reduction == "paper_sum" {
		prompts = sdk.Tensor{} // plain sums
	} else {
		tune = tune.Div(length)
	}
	return sdk.Objective{
		Terms: []sdk.Term{
			{
				Name:        "rank",
				Sum:         gap.Neg().Relu().Where(better, 0).Sum(),
				Count:       prompts,
				Coefficient: l.Weight,
			},
			{
				Name:        "tune",
				Sum:         tune.Gather(1, best).Sum(),
				Count:       prompts,
				Coefficient: 1,
			},
		},
		Metrics: metrics(p, gap, realScore, better, real),
	}
}

// metrics reports how well the model's order agrees with the data's, over ordered
// pairs, or over prompts that have one:
//
//	rank_accuracy      share of pairs in the right order
//	rank_margin        mean of p_i − p_j, in nats if LengthPenalty is 0, otherwise in nats per token
//	best_of_k_accuracy share of prompts whose likeliest candidate has the highest score
func metrics(p, gap, realScore, better, real sdk.Tensor) []sdk.Metric {
	pairs := better.Sum()
	chosen := p.MaskedFill(real.Not(), math.Inf(-1)).Argmax(-1).Unsqueeze(-1)
	hit := realScore.Gather(1, chosen).Squeeze(-1).Ge(realScore.Amax(-1)) // [B]
	ordered := better.Any(1, 2)
	return []sdk.Metric{
		{
			Name:  "rank_accuracy",
			Sum:   gap.GtScalar(0).And(better).Sum(),
			Count: pairs,
		},
		{Name: "rank_margin", Sum: gap.Where(better, 0).Sum(), Count: pairs},
		{
			Name:  "best_of_k_accuracy",
			Sum:   hit.And(ordered).Sum(),
			Count: ordered.Sum(),
		},
	}
}

// Plugin is the loss and the task that trains with it.
var Plugin = sdk.Plugin{
	Name:    "rrhf",
	Version: "1.0.0",
	Doc:     "ranking loss over scored candidates (RRHF)",
	Losses: []sdk.LossSpec{sdk.NewLoss(
		"rrhf",
		"rank hinge over candidates plus likelihood of the best one",
		Loss{},
	)},
	Tasks: []sdk.Task{{
		Name: "rrhf", Doc: "align a model with scored candidates by ranking",
		Formatter: "builtin:preference", Head: sdk.LMHead, Loss: "rrhf", Aliases: []string{"offline_rrhf"},
	}},
}
