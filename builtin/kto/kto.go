// Package kto holds Kahneman-Tversky optimization: a model learns from answers
// that are each good or bad, without pairs.
package kto

import "llmhost/sdk"

// Loss is KTO. With an answer's log-ratio r = Σ_t ℓ_t − Σ_t ℓ^ref_t and β = Beta,
//
//	desirable    w_D · (1 − σ(β(r − z0)))
//	undesirable  w_U · (1 − σ(β(z0 − r)))
//
// averaged over all answers. z0 = max(0, mean of (Σ_u ℓ_u − Σ_u ℓ^ref_u)) is taken
// over prompts that are each given the answer of another record, over the whole
// optimizer step; no gradient flows through it. An answer is desirable if the
// data's column "score" is above 0, otherwise undesirable.
//
// Source: Ethayarajh et al. 2024, arXiv:2402.01306, eq. 7 and 8. The defaults are
// those of TRL 1.16 with loss_type kto, which takes z0 over a micro-batch of all
// ranks instead of over the step.
//
// Metrics: rewards/chosen, rewards/rejected (β·r) and logps/chosen, logps/rejected
// over the desirable and the undesirable answers; kl, which is z0.
type Loss struct {
	Beta              float64 `llmhost:"kto_beta,default=0.1,aliases=beta|pref_beta|rl_beta,min=0,doc=how strongly rewards count; the higher, the closer the model stays to the reference"`
	DesirableWeight   float64 `llmhost:"desirable_weight,default=1,aliases=kto_desirable_weight|kto_chosen_weight,min=0,doc=weight of desirable answers"`
	UndesirableWeight float64 `llmhost:"undesirable_weight,default=1,aliases=kto_undesirable_weight|kto_rejected_weight,min=0,doc=weight of undesirable answers"`
}

// Trace records the loss. Shapes: logps, ratio, good, bad [B, K].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	real := g.Real()
	rows := real.Sum()
	logps := g.Logps().Sum(-1)
	ratio := logps.Sub(g.RefLogps().Sum(-1))
	other := g.MismatchedLogps().Sum(-1).Sub(g.MismatchedRefLogps().Sum(-1))
	z0 := other.Where(real, 0).Sum().GlobalMean(rows).ClampMin(0)
	good := g.Column("score", sdk.Role(sdk.RewardRole), sdk.Values(1, -1, 0.5, -2, 0)).GtScalar(0).And(real)
	bad := good.Not().And(real)

	x := ratio.Sub(z0).MulScalar(l.Beta)
	return sdk.Objective{
		Terms: []sdk.Term{ // 1 − σ(x) = σ(−x)
			{
				Name:        "desirable",
				Sum:         x.Neg().Sigmoid().Where(good, 0).Sum(),
				Count:       rows,
				Coefficient: l.DesirableWeight,
			},
			{
				Name:        "undesirable",
				Sum:         x.Sigmoid().Where(bad, 0).Sum(),
				Count:       rows,
				Coefficient: l.UndesirableWeight,
			},
		},
		Metrics: l.metrics(logps.Detach(), ratio.Detach(), good, bad, z0, rows),
	}
}

func (l Loss) metrics(logps, ratio, good, bad, z0, rows sdk.Tensor) []sdk.Metric {
	reward := ratio.MulScalar(l.Beta)
	over := func(name string, x, which sdk.Tensor) sdk.Metric {
		return sdk.Metric{
			Name:  name,
			Sum:   x.Where(which, 0).Sum(),
			Count: which.Sum(),
		}
	}
	return []sdk.Metric{
		over("rewards/chosen", reward, good), over("rewards/rejected", reward, bad),
		over("logps/chosen", logps, good), over("logps/rejected", logps, bad),
		{Name: "kl", Sum: z0.Mul(rows), Count: rows},
	}
}

// Plugin is the loss, its formatter and the task that trains with it.
var Plugin = sdk.Plugin{
	Name:    "kto",
	Version: "1.0.0",
	Doc:     "Kahneman-Tversky optimization",
	Losses: []sdk.LossSpec{sdk.NewLoss(
		"kto",
		"good answers above and bad ones below a reference point",
		Loss{},
	)},
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"kto",
		"a prompt, its answer and whether that is desirable",
		Formatter{},
	)},
	Tasks: []sdk.Task{{
		Name: "kto", Doc: "align a model with answers that are each good or bad (KTO)",
		Formatter: "kto", Head: sdk.LMHead, Loss: "kto",
	}},
}
