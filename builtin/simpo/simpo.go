// Package simpo holds simple preference optimization: a pair's answers are
// compared by their mean log-probabilities, without a reference model.
package simpo

import (
	"llmhost/builtin/cpo"
	"llmhost/sdk"
)

// Loss is SimPO over the pairs of a prompt's candidates. With a candidate's mean
// log-probability m = Σ_t ℓ_t / n,
//
//	L = mean of −log σ(Beta · (m_w − m_l) − Gamma)
//
// over the chosen answers w and the rejected ones l. LabelSmoothing and Shape
// are as in cpo.Loss; this is its type simpo with Alpha 0.
//
// Source: Meng et al. 2024, arXiv:2405.14734, eq. 6. Beta 2 and Gamma 1 are the
// paper's starting point (Beta of 2 to 2.5, Gamma half of that). TRL 1.16 trains it
// with its CPO, whose defaults are beta 0.1, simpo_gamma 0.5 and a likelihood term
// of weight 1 (cpo_alpha), which SimPO does not have.
//
// Metrics: as those of cpo.Loss.
type Loss struct {
	Beta           float64 `llmhost:"simpo_beta,default=2,aliases=beta|pref_beta|rl_beta,min=0,doc=how strongly the difference of a pair counts"`
	Gamma          float64 `llmhost:"simpo_gamma,default=1,min=0,doc=margin wanted for every pair, in units of beta times the mean log-probability"`
	LabelSmoothing float64 `llmhost:"label_smoothing,default=0,min=0,max=0.5,doc=share of pairs assumed to be labelled the wrong way round"`
	Shape          float64 `llmhost:"alphapo_alpha,default=0,aliases=alpha,doc=AlphaPO's alpha, the shape of the reward; 0 is the log-probability"`
	Pairs          string  `llmhost:"construct_method,default=best_over_rest,choices=best_over_rest|best_over_worst|one_over_rest,doc=which candidates of a prompt make pairs"`
}

// Trace records the loss.
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	return cpo.Loss{
		Type:           "simpo",
		Beta:           l.Beta,
		Gamma:          l.Gamma,
		LabelSmoothing: l.LabelSmoothing,
		Shape:          l.Shape,
		Pairs:          l.Pairs,
	}.Trace(g)
}

// Plugin is the loss and the task that trains with it.
var Plugin = sdk.Plugin{
	Name:    "simpo",
	Version: "1.0.0",
	Doc:     "simple preference optimization",
	Losses: []sdk.LossSpec{sdk.NewLoss(
		"simpo",
		"mean log-probability of chosen above that of rejected answers by a margin",
		Loss{},
	)},
	Tasks: []sdk.Task{{
		Name: "simpo", Doc: "align a model with pairs of answers by mean log-probabilities (SimPO)",
		Formatter: "builtin:chosen_rejected", Head: sdk.LMHead, Loss: "simpo",
	}},
}
