// Package orpo holds odds ratio preference optimization: supervised fine-tuning
// on the chosen answers that also makes the rejected ones less likely.
package orpo

import (
	"llmhost/builtin/logcomplement"
	"llmhost/builtin/pairs"
	"llmhost/sdk"
)

// Loss is ORPO over the pairs of a prompt's candidates. With a candidate's mean
// log-probability m = Σ_t ℓ_t / n and log odds o = m − log(1 − exp m),
//
//	L = −Σ ℓ_w / Σ n_w + Beta · mean of −log σ(o_w − o_l)
//
// over the chosen answers w and the rejected ones l of all pairs; a candidate
// that is chosen in several pairs counts in each. There is no reference model.
//
// Source: Hong et al. 2024, arXiv:2403.07691, eq. 6 and 7; Beta is its λ. TRL 1.16
// has beta 0.1 as here. Its first term includes the prompt's tokens; this one has
// only the answer's, as in the paper.
//
// Metrics, over pairs: rewards/chosen, rewards/rejected (Beta · m),
// rewards/accuracies, rewards/margins, logps/chosen, logps/rejected (m),
// log_odds_ratio (log σ(o_w − o_l)), log_odds_chosen (o_w − o_l).
type Loss struct {
	Beta  float64 `llmhost:"orpo_beta,default=0.1,aliases=beta|pref_beta|orpo_alpha|rl_beta,min=0,doc=weight of the odds ratio; the paper's lambda"`
	Pairs string  `llmhost:"construct_method,default=best_over_rest,choices=best_over_rest|best_over_worst|one_over_rest,doc=which candidates of a prompt make pairs"`
}

// Trace records the loss. Shapes: sum, tokens, mean, odds [B, K].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	sum := g.Logps().Sum(-1)
	tokens := g.LabelMask().Sum(-1)
	mean := sum.Div(tokens.ClampMin(1))
	odds := mean.Sub(logcomplement.Of(mean))
	pair := pairs.Of(g, l.Pairs)
	gap := pairs.Chosen(odds).Sub(pairs.Rejected(odds))
	ratio := gap.LogSigmoid()
	metrics := append(pair.Rewards(mean.MulScalar(l.Beta)), pair.Logps(mean)...)
	return sdk.Objective{
		Terms: []sdk.Term{
			{
				Name:        "nll",
				Sum:         pair.Sum(pairs.Chosen(sum.Neg())),
				Count:       pair.Sum(pairs.Chosen(tokens)),
				Coefficient: 1,
			},
			{
				Name:        "odds_ratio",
				Sum:         pair.Sum(ratio.Neg()),
				Count:       pair.Count,
				Coefficient: l.Beta,
			},
		},
		Metrics: append(metrics,
			sdk.Metric{
				Name:  "log_odds_ratio",
				Sum:   pair.Sum(ratio.Detach()),
				Count: pair.Count,
			},
			sdk.Metric{
				Name:  "log_odds_chosen",
				Sum:   pair.Sum(gap.Detach()),
				Count: pair.Count,
			}),
	}
}

// Plugin is the loss and the task that trains with it.
var Plugin = sdk.Plugin{
	Name:    "orpo",
	Version: "1.0.0",
	Doc:     "odds ratio preference optimization",
	Losses: []sdk.LossSpec{sdk.NewLoss(
		"orpo",
		"likelihood of the chosen answer and its odds against the rejected one",
		Loss{},
	)},
	Tasks: []sdk.Task{{
		Name: "orpo", Doc: "align a model with pairs of answers without a reference model (ORPO)",
		Formatter: "builtin:chosen_rejected", Head: sdk.LMHead, Loss: "orpo",
	}},
}
