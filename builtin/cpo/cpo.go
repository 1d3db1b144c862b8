// Package cpo holds contrastive preference optimization: preference learning
// without a reference model, together with the likelihood of the chosen answers.
package cpo

import (
	"errors"
	"strconv"

	"llmhost/builtin/dpo"
	"llmhost/builtin/pairs"
	"llmhost/sdk"
)

// Loss is CPO over the pairs of a prompt's candidates. With a candidate's reward
// r (below), d = r_w − r_l of a pair's chosen and rejected answer, β = Beta and
// ε = LabelSmoothing, a pair costs
//
//	sigmoid  −(1−ε) log σ(βd) − ε log σ(−βd)              r = Σ_t ℓ_t
//	hinge    max(0, 1 − βd)                               r = Σ_t ℓ_t
//	ipo      (d − 1/(2β))²                                r = Σ_t ℓ_t / n
//	simpo    sigmoid with d − Gamma/β instead of d        r = Σ_t ℓ_t / n
//
// averaged over the pairs, plus Alpha times the chosen answers' mean negative
// log-probability per token. If Shape is not 0, types ipo and simpo use r = (1 − p^(−Shape)) / Shape of p = exp(Σ_t ℓ_t / n), which is AlphaPO.
//
// Source: Xu et al. 2024, arXiv:2401.08417, L_prefer and L_NLL (sigmoid); Meng et al. 2024,
// arXiv:2405.14734, eq. 6 (simpo); Gupta et al. 2025, arXiv:2501.03884 (AlphaPO);
// hinge and ipo as in DPO. TRL 1.16 has loss_type sigmoid, beta 0.1,
// label_smoothing 0, cpo_alpha 1, simpo_gamma 0.5, alpha 0, which are the defaults
// here; it also takes alpha for sums of log-probabilities, whose powers overflow.
//
// Metrics, over pairs: rewards/chosen, rewards/rejected (β·r), rewards/accuracies,
// rewards/margins, logps/chosen, logps/rejected (r before Shape is applied).
type Loss struct {
	Type           string  `llmhost:"cpo_loss_type,default=sigmoid,aliases=loss_type|pref_loss,choices=sigmoid|hinge|ipo|simpo,doc=what a pair costs"`
	Beta           float64 `llmhost:"cpo_beta,default=0.1,aliases=beta|pref_beta|rl_beta,min=0,doc=how strongly the difference of a pair counts"`
	LabelSmoothing float64 `llmhost:"label_smoothing,default=0,min=0,max=0.5,doc=share of pairs assumed to be labelled the wrong way round; types sigmoid and simpo"`
	Alpha          float64 `llmhost:"cpo_alpha,default=1,min=0,doc=weight of the chosen answers' negative log-probability"`
	Gamma          float64 `llmhost:"simpo_gamma,default=0.5,min=0,doc=type simpo: margin wanted for every pair, in units of beta times the reward"`
	Shape          float64 `llmhost:"alphapo_alpha,default=0,aliases=alpha,doc=types ipo and simpo: AlphaPO's alpha, the shape of the reward; 0 is the log-probability"`
	Pairs          string  `llmhost:"construct_method,default=best_over_rest,choices=best_over_rest|best_over_worst|one_over_rest,doc=which candidates of a prompt make pairs"`
}

// Validate checks what the types require of other parameters.
func (l Loss) Validate() error {
	switch {
	case l.Type == "ipo" && l.Beta == 0:
		return errors.New("cpo_beta is 0, and cpo_loss_type ipo divides by it; want a number above 0")
	case l.Shape != 0 && !l.averages():
		return errors.New("alphapo_alpha is " + strconv.FormatFloat(l.Shape, 'g', -1, 64) + " and cpo_loss_type " + l.Type + "; want ipo or simpo, whose rewards are means over tokens")
	}
	return nil
}

// averages says whether a reward is a mean over the answer's tokens, not a sum.
func (l Loss) averages() bool { return l.Type == "ipo" || l.Type == "simpo" }

// Trace records the loss. Shapes: sum, tokens, logps, reward [B, K].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	sum := g.Logps().Sum(-1)
	tokens := g.LabelMask().Sum(-1)
	logps := sum
	if l.averages() {
		logps = sum.Div(tokens.ClampMin(1))
	}
	reward := logps
	if l.Shape != 0 {
		reward = logps.MulScalar(-l.Shape).Expm1().DivScalar(-l.Shape)
	}
	pair := pairs.Of(g, l.Pairs)
	cost := l.cost(pairs.Chosen(reward).Sub(pairs.Rejected(reward)))
	o := sdk.Objective{
		Terms: []sdk.Term{{
			Name:        l.Type,
			Sum:         pair.Sum(cost),
			Count:       pair.Count,
			Coefficient: 1,
		}},
		Metrics: append(pair.Rewards(reward.MulScalar(l.Beta)), pair.Logps(logps)...),
	}
	if l.Alpha != 0 {
		o.Terms = append(o.Terms, sdk.Term{
			Name: "nll", Sum: pair.Sum(pairs.Chosen(sum.Neg())), Count: pair.Sum(pairs.Chosen(tokens)), Coefficient: l.Alpha,
		})
	}
	return o
}

// cost is what each pair costs, of the differences of rewards [B, K, K].
func (l Loss) cost(gap sdk.Tensor) sdk.Tensor {
	x := gap.MulScalar(l.Beta)
	switch l.Type {
	case "hinge":
		return x.Neg().AddScalar(1).Relu()
	case "ipo":
		return gap.SubScalar(1 / (2 * l.Beta)).Square()
	case "simpo":
		x = x.SubScalar(l.Gamma)
	}
	return dpo.Smoothed(x, l.LabelSmoothing, 1)
}

// Plugin is the loss and the task that trains with it.
var Plugin = sdk.Plugin{
	Name:    "cpo",
	Version: "1.0.0",
	Doc:     "contrastive preference optimization",
	Losses: []sdk.LossSpec{sdk.NewLoss(
		"cpo",
		"preference of chosen over rejected answers and likelihood of the chosen ones",
		Loss{},
	)},
	Tasks: []sdk.Task{{
		Name: "cpo", Doc: "align a model with pairs of answers without a reference model (CPO)",
		Formatter: "builtin:chosen_rejected", Head: sdk.LMHead, Loss: "cpo",
	}},
}
