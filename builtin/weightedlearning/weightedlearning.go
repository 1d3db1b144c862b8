// Package weightedlearning trains on answers with a signed score each: good
// answers become likelier, bad ones less likely.
package weightedlearning

import (
	"llmhost/builtin/logcomplement"
	"llmhost/sdk"
)

// Loss weighs each answer token by the answer's score s, the data's column "score".
// A token of log-probability ℓ = log p costs
//
//	s > 0   −s · ℓ              likelihood
//	s < 0   −|s| · log(1 − p)   unlikelihood
//	s = 0   0
//
//	token_mean: L = Σ / number of answer tokens, those of s = 0 too
//	seq_mean:   L = mean over answers of Σ_t / max(1, n)
//
// Where 1 − p is needed ℓ is capped at −1e-7, so that the result stays finite.
//
// Source: the unlikelihood is Welleck et al. 2019, arXiv:1908.04319, eq. 1.
type Loss struct {
	Reduction string `llmhost:"weighted_reduction,default=token_mean,choices=token_mean|seq_mean,doc=mean over all answer tokens, or over answers"`
}

// Trace records the loss. Shapes: logps, mask, cost [B, K, T]; score, row [B, K].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	logps := g.Logps()
	mask := g.LabelMask()
	real := g.Real()
	score := g.Column("score", sdk.Role(sdk.RewardRole), sdk.Values(1, -1, 0.5, -2, 0)).Unsqueeze(-1)
	cost := sdk.Where(score.GtScalar(0), logps, logcomplement.Of(logps)).Mul(score.Abs()).Neg().Where(mask, 0)
	row := cost.Sum(-1)
	tokens := mask.Sum(-1)
	term := sdk.Term{
		Name:        "weighted",
		Sum:         row.Sum(),
		Count:       tokens.Sum(),
		Coefficient: 1,
	}
	if l.Reduction == "seq_mean" {
		term.Sum, term.Count = row.Div(tokens.ClampMin(1)).Sum(), real.Sum()
	}
	good := g.Column("score").GtScalar(0)
	bad := g.Column("score").LtScalar(0)
	nll := logps.Detach().Sum(-1).Neg()
	return sdk.Objective{Terms: []sdk.Term{term}, Metrics: []sdk.Metric{
		{
			Name:  "perplexity/positive",
			Sum:   nll.Where(good, 0).Sum(),
			Count: tokens.Where(good, 0).Sum(),
			Exp:   true,
		},
		{
			Name:  "perplexity/negative",
			Sum:   nll.Where(bad, 0).Sum(),
			Count: tokens.Where(bad, 0).Sum(),
			Exp:   true,
		},
	}}
}

// Plugin is the loss, its formatter and the task that trains with them.
var Plugin = sdk.Plugin{
	Name:    "weighted_learning",
	Version: "1.0.0",
	Doc:     "likelihood and unlikelihood by signed scores",
	Losses: []sdk.LossSpec{sdk.NewLoss(
		"weighted_learning",
		"likelihood of answers with a positive score, unlikelihood of those with a negative one",
		Loss{},
	)},
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter("weighted", "a prompt, its answer and a signed score", Formatter{})},
	Tasks: []sdk.Task{{
		Name: "weighted_learning", Doc: "train a model towards good answers and away from bad ones",
		Formatter: "weighted", Head: sdk.LMHead, Loss: "weighted_learning",
	}},
}
