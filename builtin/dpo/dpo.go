// Package dpo holds direct preference optimization and the losses of its family:
// a model learns from pairs of answers while it is kept close to a reference model.
package dpo

import (
	"llmhost/builtin/pairs"
	"llmhost/sdk"
)

// Loss is a weighted sum of losses over the pairs of a prompt's candidates. With
// Δ_i = Σ_t ℓ_{i,t} − Σ_t ℓ^ref_{i,t}, w the chosen and l the rejected answer of a
// pair, d = Δ_w − Δ_l, β = Beta and ε = LabelSmoothing, a pair costs
//
//	sigmoid   −(1−ε) log σ(βd) − ε log σ(−βd)                      Rafailov et al. 2023, arXiv:2305.18290, eq. 7;
//	                                                               ε > 0 is cDPO, Mitchell 2023, eq. 3
//	robust    (−(1−ε) log σ(βd) + ε log σ(−βd)) / (1 − 2ε)         Chowdhury et al. 2024, arXiv:2403.00409, the unbiased loss
//	hinge     max(0, 1 − βd)                                       Zhao et al. 2023, arXiv:2305.10425, SLiC's hinge, on log-ratios
//	ipo       (d − 1/(2β))²                                        Azar et al. 2023, arXiv:2310.12036, eq. 17
//	apo_zero  1 − σ(βΔ_w) + σ(βΔ_l)                                D'Oosterlinck et al. 2024, arXiv:2408.06266, eq. 7
//	apo_down  σ(βΔ_w) + 1 − σ(βd)                                  the same, eq. 8
//	kto_pair  ½ (1 − σ(β(Δ_w − KL_l))) + ½ (1 − σ(β(KL_w − Δ_l)))  the pairwise KTO of TRL 0.7
//
// where KL_w = max(0, mean of Δ_w over the pairs), likewise KL_l. Each loss is a
// mean over the pairs of the step, times its weight; pairs.Pairs says which pairs
// there are.
//
// The means of kto_pair are those of one micro-batch, gradients flow through
// them, so this is the only type that depends on how a step is cut into micro-batches.
//
// TRL 1.16 has loss_type ["sigmoid"], loss_weights None (each 1), beta 0.1 and
// label_smoothing 0. It differs in ipo, where it divides Δ by the number of
// the answer's tokens: IPOLengthNormalize does so here, and the paper's sums are
// the default; its sigmoid no longer reads label_smoothing, and it no longer has
// kto_pair.
//
// Metrics, over pairs: rewards/chosen, rewards/rejected (βΔ, whatever the type),
// rewards/accuracies, rewards/margins, logps/chosen, logps/rejected.
type Loss struct {
	Type               string  `llmhost:"dpo_loss_type,default=sigmoid,aliases=loss_type|pref_loss,values=robust|hinge|ipo|apo_zero|apo_down|kto_pair,doc=sigmoid, robust, hinge, ipo, apo_zero, apo_down or kto_pair, or several of them, comma-separated, whose sum is trained"`
	Weights            string  `llmhost:"dpo_loss_weights,aliases=loss_weights,values=0.5,doc=weights of the types in dpo_loss_type, one for each, comma-separated; empty: all 1"`
	Beta               float64 `llmhost:"dpo_beta,default=0.1,aliases=beta|pref_beta|rl_beta,min=0,doc=how strongly rewards count; the higher, the closer the model stays to the reference"`
	LabelSmoothing     float64 `llmhost:"label_smoothing,default=0,aliases=dpo_label_smoothing,min=0,max=0.5,doc=share of pairs assumed to be labelled the wrong way round; types sigmoid and robust"`
	IPOLengthNormalize bool    `llmhost:"ipo_length_normalize,default=false,doc=type ipo: divide by the answers' numbers of tokens, as TRL does; false is the paper"`
	Pairs              string  `llmhost:"construct_method,default=best_over_rest,choices=best_over_rest|best_over_worst|one_over_rest,doc=which candidates of a prompt make pairs"`
	ReferenceFree      bool    `llmhost:"reference_free,default=false,doc=train without a reference model, whose log-probabilities then count as 0"`
}

// Trace records the loss. Shapes: logps, ratio [B, K].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	logps := g.Logps().Sum(-1)
	ratio := logps
	if !l.ReferenceFree {
		ratio = logps.Sub(g.RefLogps().Sum(-1))
	}
	pair := pairs.Of(g, l.Pairs)
	parts, _ := l.parts() // Validate has seen them
	o := sdk.Objective{Metrics: append(pair.Rewards(ratio.MulScalar(l.Beta)), pair.Logps(logps)...)}
	for _, part := range parts {
		of := ratio
		if part.name == ipo && l.IPOLengthNormalize {
			of = ratio.Div(g.LabelMask().Sum(-1).ClampMin(1))
		}
		cost := l.cost(part.name, pair, pairs.Chosen(of), pairs.Rejected(of))
		o.Terms = append(o.Terms, sdk.Term{
			Name:        part.name,
			Sum:         pair.Sum(cost),
			Count:       pair.Count,
			Coefficient: part.weight,
		})
	}
	return o
}

// cost is what each pair costs by one type, [B, K, K]. Δ of the chosen answer is
// [B, K, 1], of the rejected one [B, 1, K].
func (l Loss) cost(kind string, pair pairs.Pairs, chosen, rejected sdk.Tensor) sdk.Tensor {
	gap := chosen.Sub(rejected)
	x := gap.MulScalar(l.Beta)
	switch kind {
	case robust:
		e := l.LabelSmoothing
		return Smoothed(x, e, -1).DivScalar(1 - 2*e)
	case hinge:
		return x.Neg().AddScalar(1).Relu()
	case ipo:
		return gap.SubScalar(1 / (2 * l.Beta)).Square()
	case apoZero:
		return l.unlikely(chosen).Add(l.unlikely(rejected.Neg()))
	case apoDown:
		return l.unlikely(chosen.Neg()).Add(l.unlikely(gap))
	case ktoPair:
		klChosen := l.meanRatio(pair, chosen)
		klRejected := l.meanRatio(pair, rejected)
		return l.unlikely(chosen.Sub(klRejected)).Add(l.unlikely(klChosen.Sub(rejected))).MulScalar(0.5)
	}
	return Smoothed(x, l.LabelSmoothing, 1)
}

// unlikely is 1 − σ(βx).
func (l Loss) unlikely(x sdk.Tensor) sdk.Tensor { return x.MulScalar(-l.Beta).Sigmoid() }

// meanRatio is the mean over the pairs of this batch, at least 0, f32 [].
func (l Loss) meanRatio(pair pairs.Pairs, x sdk.Tensor) sdk.Tensor {
	return pair.Sum(x).Div(pair.Count.ClampMin(1)).ClampMin(0)
}

// Smoothed is −(1−e) log σ(x) − sign · e · log σ(−x).
func Smoothed(x sdk.Tensor, e, sign float64) sdk.Tensor {
	cost := x.LogSigmoid().MulScalar(e - 1)
	if e == 0 {
		return cost
	}
	return cost.Sub(x.Neg().LogSigmoid().MulScalar(sign * e))
}

// Plugin is the loss and the task that trains with it.
var Plugin = sdk.Plugin{
	Name:    "dpo",
	Version: "1.0.0",
	Doc:     "direct preference optimization and its family",
	Losses: []sdk.LossSpec{sdk.NewLoss(
		"dpo",
		"preference of chosen over rejected answers, relative to a reference model",
		Loss{},
	)},
	Tasks: []sdk.Task{{
		Name: "dpo", Doc: "align a model with pairs of answers (DPO)",
		Formatter: "builtin:chosen_rejected", Head: sdk.LMHead, Loss: "dpo",
	}},
}
