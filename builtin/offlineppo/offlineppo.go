// Package offlineppo holds the clipped policy gradient on given answers with
// rewards; answers without a reward are learned as in supervised fine-tuning.
package offlineppo

import (
	"llmhost/builtin/fields"
	"llmhost/builtin/klpenalty"
	"llmhost/sdk"
)

// Loss has two kinds of answers, by the data's columns of the example: those with
// "lm_mask" 0 have a "reward" R, all others are learned as in supervised
// fine-tuning. With the "weight" w of an example, its KL by klpenalty.Penalty and
// the policy's and the reference's log-probabilities ℓ and ℓ^ref,
//
//	A = R − kl_coef · KL, through which no gradient flows
//	ρ = exp(mean_t(ℓ − ℓ^ref))
//	rl = −min(A·ρ, A · min(max(ρ, 1 − ClipRange), 1 + ClipRange))
//	L = Σ w · rl / number with a reward + LMCoefficient · Σ w · mean_t(−ℓ) / number without
//
// If token_level is set, A, ρ and rl are those of a token, with the token's KL, and
// an answer's rl is their mean.
//
// Source: the clipped objective is Schulman et al. 2017, arXiv:1707.06347, eq. 7, with the reference
// model instead of the old policy; a ratio of mean log-probabilities is that
// of GSPO, Zheng et al. 2025, arXiv:2507.18071.
//
// Metrics: kl, of answers with a reward, which the adaptive controller follows too;
// kl_positive and kl_negative, of those whose reward is above and below 0; kl_lm,
// of those without; kl_coef if it is adaptive.
type Loss struct {
	ClipRange     float64 `llmhost:"clip_range,default=0.2,min=0,max=1,doc=how far the ratio of policy to reference may move from 1 before it is clipped"`
	LMCoefficient float64 `llmhost:"lm_coef,default=0.5,min=0,doc=weight of the records without a reward"`
	klpenalty.Penalty
}

// Trace records the loss. Shapes: reward, weight [B, 1]; rated, learned [B, K].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	reward := g.ExampleColumn("reward", sdk.Role(sdk.RewardRole), sdk.Values(1, -1, 0.5, -2, 0)).Unsqueeze(-1)
	weight := fields.ReadWeight(g).Unsqueeze(-1)
	isLM := g.ExampleColumn("lm_mask", sdk.Role(sdk.MaskRole)).NeScalar(0).Unsqueeze(-1)
	rated := g.Real().And(isLM.Not())
	learned := g.Real().And(isLM)
	tokens := g.LabelMask().Sum(-1).ClampMin(1)
	kl := l.Rows(g)
	rl := l.row(g, reward, kl)
	nll := g.Logps().Sum(-1).Neg().Div(tokens)
	return sdk.Objective{
		Terms: []sdk.Term{
			{
				Name:        "rl_loss",
				Sum:         rl.Mul(weight).Where(rated, 0).Sum(),
				Count:       rated.Sum(),
				Coefficient: 1,
			},
			{
				Name:        "lm_loss",
				Sum:         nll.Mul(weight).Where(learned, 0).Sum(),
				Count:       learned.Sum(),
				Coefficient: l.LMCoefficient,
			},
		},
		Metrics: l.metrics(g, kl.Detach(), reward, rated, learned),
		States:  l.Controller(g, kl.Where(rated, 0).Sum(), rated.Sum()),
		Allow:   l.allow(),
	}
}

// allow says which part of the loss is a constant on purpose.
func (l Loss) allow() map[string]string {
	if !l.On() {
		return nil
	}
	return map[string]string{"detach": "no gradient flows through the advantage A, as in PPO"}
}

// row is the cost of each answer with a reward, [B, K], given its KL.
func (l Loss) row(g *sdk.Graph, reward, kl sdk.Tensor) sdk.Tensor {
	difference := g.Logps().Sub(g.RefLogps()) // 0 where there is no label
	mask := g.LabelMask()
	tokens := mask.Sum(-1).ClampMin(1)
	if !l.TokenLevel {
		return l.clipped(g, reward, kl, difference.Sum(-1).Div(tokens))
	}
	cost := l.clipped(g, reward.Unsqueeze(-1), l.Tokens(g), difference)
	return cost.Where(mask, 0).Sum(-1).Div(tokens)
}

// clipped is −min(A·ρ, A·clip(ρ)) of the logarithm of ρ.
func (l Loss) clipped(g *sdk.Graph, reward, kl, logRatio sdk.Tensor) sdk.Tensor {
	advantage := reward
	if l.On() {
		advantage = reward.Sub(l.Weigh(g, kl.Detach()))
	}
	ratio := logRatio.Exp()
	near := ratio.ClampMin(1 - l.ClipRange).ClampMax(1 + l.ClipRange)
	return advantage.Mul(ratio).Minimum(advantage.Mul(near)).Neg()
}

func (l Loss) metrics(g *sdk.Graph, kl, reward, rated, learned sdk.Tensor) []sdk.Metric {
	over := func(name string, which sdk.Tensor) sdk.Metric {
		return sdk.Metric{
			Name:  name,
			Sum:   kl.Where(which, 0).Sum(),
			Count: which.Sum(),
		}
	}
	return append(l.Metrics(g, kl.Where(rated, 0).Sum(), rated.Sum()),
		over("kl_positive", rated.And(reward.GtScalar(0))), over("kl_negative", rated.And(reward.LtScalar(0))), over("kl_lm", learned))
}

// Plugin is the loss, its formatter and the task that trains with them.
var Plugin = sdk.Plugin{
	Name:    "offline_ppo",
	Version: "1.0.0",
	Doc:     "clipped policy gradient on given answers",
	Losses: []sdk.LossSpec{sdk.NewLoss(
		"offline_ppo",
		"clipped policy gradient on answers with a reward, likelihood of those without",
		Loss{},
	)},
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"rated",
		"a prompt and its answer with a reward, or without one to be learned",
		Formatter{},
	)},
	Tasks: []sdk.Task{{
		Name: "offline_ppo", Doc: "train a model on answers that have rewards, without sampling",
		Formatter: "rated", Head: sdk.LMHead, Loss: "offline_ppo",
	}},
}
