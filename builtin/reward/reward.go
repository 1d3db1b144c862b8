// Package reward trains a reward model: the better of two texts should get the
// higher reward.
package reward

import (
	"llmhost/builtin/fields"
	"llmhost/builtin/pairs"
	"llmhost/sdk"
)

// Loss ranks the rewards r that the score head gives a prompt's candidates, whose
// scores s are the data's column "score". Over all pairs with s_i > s_j of a
// prompt b with weight w_b, the data's column "weight" of the example,
//
//	ranking    Σ −w_b · log σ(r_i − r_j − m_ij) / number of pairs,  m_ij = m_b + Margin + ScoreMargin · (s_i − s_j)
//	centering  CenterRewards · Σ (r_i + r_j)² / number of pairs
//	lm         LMCoefficient · mean over candidates with s > LMThreshold of −Σ_t ℓ_t / n
//
// m_b is the data's column "margin" of the example, 0 where it has none.
//
// The lm term is the likelihood of good texts, prompt included; it is there if
// AddLM is set and LMCoefficient is not 0, and needs the token head.
//
// Source: Ouyang et al. 2022, arXiv:2203.02155, eq. 1, but averaged over the pairs
// of the whole step, not per prompt; the margin is Touvron et al. 2023, arXiv:2307.09288,
// eq. 2; centering is Eisenstein et al. 2023, arXiv:2312.09244. TRL 1.16 trains on
// one pair per record, takes the margin from the data and has center_rewards_coefficient
// None.
//
// Metrics: accuracy, the share of pairs whose rewards have the order of the
// scores, where equal rewards are wrong; first_two_accuracy, the same of the
// first two candidates of each prompt; margin, the mean of r_i − r_j over the
// pairs; mean_reward.
type Loss struct {
	Margin        float64 `llmhost:"margin,default=0,min=0,doc=gap wanted between a pair's rewards"`
	ScoreMargin   float64 `llmhost:"score_margin,default=0,min=0,doc=additional gap for each unit of a pair's difference in score"`
	CenterRewards float64 `llmhost:"center_rewards_coefficient,default=0,min=0,doc=weight of the penalty on pairs whose rewards do not add up to 0"`
	AddLM         bool    `llmhost:"add_lm_loss,default=true,doc=also train the likelihood of good texts, if lm_loss_coeff is above 0"`
	LMCoefficient float64 `llmhost:"lm_loss_coeff,default=0,min=0,doc=weight of that likelihood"`
	LMThreshold   float64 `llmhost:"lm_score_thresh,default=0.85,doc=score above which a text is good"`
}

// Trace records the loss. Shapes: reward, score, real [B, K]; weight, margin [B].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	reward := g.Rewards()
	score := pairs.Score(g)
	pair := pairs.Of(g, pairs.OneOverRest)
	gap := pairs.Chosen(reward).Sub(pairs.Rejected(reward))
	asked := gap.Sub(fields.ReadMargin(g).Unsqueeze(-1).Unsqueeze(-1))
	if l.Margin != 0 {
		asked = asked.SubScalar(l.Margin)
	}
	if l.ScoreMargin != 0 {
		asked = asked.Sub(pairs.Chosen(score).Sub(pairs.Rejected(score)).MulScalar(l.ScoreMargin))
	}
	weight := fields.ReadWeight(g).Unsqueeze(-1).Unsqueeze(-1)
	o := sdk.Objective{
		Terms: []sdk.Term{{
			Name:        "ranking",
			Sum:         pair.Sum(asked.LogSigmoid().Neg().Mul(weight)),
			Count:       pair.Count,
			Coefficient: 1,
		}},
		Metrics: metrics(g, pair, reward.Detach(), gap.Detach()),
	}
	if l.CenterRewards != 0 {
		both := pairs.Chosen(reward).Add(pairs.Rejected(reward)).Square()
		o.Terms = append(o.Terms, sdk.Term{
			Name:        "centering",
			Sum:         pair.Sum(both),
			Count:       pair.Count,
			Coefficient: l.CenterRewards,
		})
	}
	if l.AddLM && l.LMCoefficient != 0 {
		o.Terms = append(o.Terms, l.lm(g, score))
	}
	return o
}

// lm is the likelihood of the good texts. llm_codebase divides by their number plus
// 1e-7, which a term that is a sum over a count cannot.
func (l Loss) lm(g *sdk.Graph, score sdk.Tensor) sdk.Term {
	good := score.GtScalar(l.LMThreshold).And(g.Real())
	nll := g.Logps().Sum(-1).Neg().Div(g.LabelMask().Sum(-1).ClampMin(1))
	return sdk.Term{
		Name:        "lm",
		Sum:         nll.Where(good, 0).Sum(),
		Count:       good.Sum(),
		Coefficient: l.LMCoefficient,
	}
}

func metrics(g *sdk.Graph, pair pairs.Pairs, reward, gap sdk.Tensor) []sdk.Metric {
	right := gap.GtScalar(0)
	early := g.Real().OnesLike().CumSum(1).LeScalar(2) // 1, 2, … along K
	first := pair.Mask.And(pairs.Chosen(early)).And(pairs.Rejected(early))
	return []sdk.Metric{
		{Name: "accuracy", Sum: right.And(pair.Mask).Sum(), Count: pair.Count},
		{
			Name:  "first_two_accuracy",
			Sum:   right.And(first).Sum(),
			Count: first.Sum(),
		},
		{Name: "margin", Sum: pair.Sum(gap), Count: pair.Count},
		{
			Name:  "mean_reward",
			Sum:   reward.Where(g.Real(), 0).Sum(),
			Count: g.Real().Sum(),
		},
	}
}

// Plugin is the loss, its formatter and the task that trains with them.
var Plugin = sdk.Plugin{
	Name:    "reward",
	Version: "1.0.0",
	Doc:     "reward models by pairwise ranking",
	Losses:  []sdk.LossSpec{sdk.NewLoss("reward", "the better of two texts gets the higher reward", Loss{})},
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"scored_texts",
		"whole texts with a score each, or a chosen and a rejected one",
		Formatter{},
	)},
	Tasks: []sdk.Task{{
		Name: "reward", Doc: "train a reward model on scored texts",
		Formatter: "scored_texts", Head: sdk.ScoreHead, Pooling: "builtin:eos", Loss: "reward", Aliases: []string{"rm"},
	}},
}
