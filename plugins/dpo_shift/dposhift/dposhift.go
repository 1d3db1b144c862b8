// Package dposhift holds DPO-Shift: DPO in which the rejected answer's reward
// counts for less, so that the chosen answer does not become less likely too.
package dposhift

import (
	"llmhost/builtin/pairs"
	"llmhost/sdk"
)

// Loss is DPO-Shift over pairs of a prompt's candidates. With a candidate's
// reward r = Beta · (Σ_t ℓ_t − Σ_t ℓ_t of the reference model), of the chosen
// answer w and the rejected one l of each pair,
//
//	L = −Σ log σ(r_w − Shift · r_l) / number of pairs
//
// Shift is the paper's f(λ), a constant; 1 is DPO. Pairs are made of candidates
// with different scores, of which the higher is the chosen one:
//
//	best_over_rest   the best one with every other
//	best_over_worst  the best one with the worst
//	one_over_rest    every one with every worse one
//
// where ties for best or worst go to the first. ReferenceFree leaves
// the reference model out: its log-probabilities count as 0.
//
// Source: Yang et al. 2025, arXiv:2502.07599, the objective of DPO-Shift with
// its fixed strategy; DPO is Rafailov et al. 2023, arXiv:2305.18290, eq. 7.
type Loss struct {
	Beta          float64 `llmhost:"dpo_beta,default=0.1,min=0,doc=how strongly rewards count; the higher, the closer the model stays to the reference"`
	Shift         float64 `llmhost:"dpo_shift,default=0.75,min=0,max=1,doc=factor on the rejected answer's reward; 1 is DPO"`
	Pairs         string  `llmhost:"construct_method,default=best_over_rest,choices=best_over_rest|best_over_worst|one_over_rest,doc=which candidates of a prompt make pairs"`
	ReferenceFree bool    `llmhost:"reference_free,default=false,doc=train without a reference model"`
}

// Trace records the loss. Shapes: reward [B, K].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	logps := g.Logps().Sum(-1)
	if !l.ReferenceFree {
		logps = logps.Sub(g.RefLogps().Sum(-1))
	}
	reward := logps.MulScalar(l.Beta)
	pair := pairs.Of(g, l.Pairs)
	gap := pairs.Chosen(reward).Sub(pairs.Rejected(reward.MulScalar(l.Shift)))
	return sdk.Objective{
		Terms: []sdk.Term{{
			Name:        "dpo_shift",
			Sum:         pair.Sum(gap.LogSigmoid().Neg()),
			Count:       pair.Count,
			Coefficient: 1,
		}},
		Metrics: pair.Rewards(reward),
	}
}

// Plugin is the loss and the task that trains with it.
var Plugin = sdk.Plugin{
	Name:    "dpo_shift",
	Version: "1.0.0",
	Doc:     "preference loss that shifts weight to the chosen answer (DPO-Shift)",
	Losses:  []sdk.LossSpec{sdk.NewLoss("dpo_shift", "DPO with the rejected answer's reward scaled down", Loss{})},
	Tasks: []sdk.Task{{
		Name: "dpo_shift", Doc: "align a model with pairs of scored candidates",
		Formatter: "builtin:preference", Head: sdk.LMHead, Loss: "dpo_shift",
	}},
}
