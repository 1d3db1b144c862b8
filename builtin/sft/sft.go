// Package sft holds supervised fine-tuning: the likelihood of the answer.
package sft

import (
	"llmhost/builtin/fields"
	"llmhost/builtin/klpenalty"
	"llmhost/sdk"
)

// Loss is the negative log-probability of the answer tokens, plus a penalty on the
// KL to a reference model if kl_coef is above 0. With n_b label tokens in answer b
// and c the cost of a token:
//
//	token_mean: L = Σ_{b,t} c_{b,t} / Σ_b n_b + kl_coef · KL
//	seq_mean:   L = (1/B) Σ_b w_b · Σ_t c_{b,t} / max(1, n_b) + kl_coef · KL
//
// w is the data column "weight" of an example, which only seq_mean reads. An answer
// without labels adds 0, and still counts in seq_mean. KL is the mean of the
// answers' KL, see klpenalty.Penalty.
//
// The cost is −ℓ, or with ε = Smoothing above 0 and V tokens in the vocabulary
//
//	c = (1 − ε) · −ℓ + ε/V · Σ_v −log p(v)
//
// in training and evaluation, under both reductions and their weights; KL is not
// smoothed. It is Szegedy et al. 2015, arXiv:1512.00567, section 7, as transformers
// 5.23 computes it where label_smoothing_factor is set, whose default is 0 too.
//
// Metric: perplexity, exp of the mean −ℓ over all tokens, never smoothed.
type Loss struct {
	Reduction string  `llmhost:"sft_reduction,default=token_mean,choices=token_mean|seq_mean,doc=mean over all answer tokens, or over answers, each one's mean weighted by its weight column"`
	Smoothing float64 `llmhost:"label_smoothing_factor,default=0,min=0,max=0.99,doc=share of each label that is spread evenly over the whole vocabulary"`
	klpenalty.Penalty
}

// Trace records the loss. Shapes: logps, mask [B, K, T]; real [B, K]; weight [B].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	nll, tokens := g.Logps().Sum(-1).Neg(), g.LabelMask().Sum(-1) // [B, K]
	term, metric := Likelihood(nll, tokens)
	cost := nll
	if l.Smoothing != 0 {
		spread := g.VocabMeanLogps().Sum(-1).MulScalar(l.Smoothing)
		cost = nll.MulScalar(1 - l.Smoothing).Sub(spread)
		term.Sum = cost.Sum()
	}
	if l.Reduction == "seq_mean" {
		weight := fields.ReadWeight(g).Unsqueeze(1)
		term.Sum = cost.Div(tokens.ClampMin(1)).Mul(weight).Sum()
		term.Count = g.Real().Sum()
	}
	o := sdk.Objective{Terms: []sdk.Term{term}, Metrics: []sdk.Metric{metric}}
	if l.On() {
		l.penalize(g, &o)
	}
	return o
}

// Likelihood is the term of answers' negative log-probabilities over their numbers
// of tokens, and the perplexity that this is.
func Likelihood(nll, tokens sdk.Tensor) (sdk.Term, sdk.Metric) {
	term := sdk.Term{
		Name:        "sft",
		Sum:         nll.Sum(),
		Count:       tokens.Sum(),
		Coefficient: 1,
	}
	metric := sdk.Metric{
		Name:  "perplexity",
		Sum:   term.Sum,
		Count: term.Count,
		Exp:   true,
	}
	return term, metric
}

// penalize adds the KL to the reference model.
func (l Loss) penalize(g *sdk.Graph, o *sdk.Objective) {
	kl := l.Rows(g).Sum()
	rows := g.Real().Sum()
	o.Terms = append(o.Terms, sdk.Term{
		Name:        "kl",
		Sum:         l.Weigh(g, kl),
		Count:       rows,
		Coefficient: 1,
	})
	o.Metrics = append(o.Metrics, l.Metrics(g, kl, rows)...)
	o.States = l.Controller(g, kl, rows)
}

// Plugin is the loss and the task that trains with it.
var Plugin = sdk.Plugin{
	Name:    "sft",
	Version: "1.0.0",
	Doc:     "supervised fine-tuning",
	Losses:  []sdk.LossSpec{sdk.NewLoss("sft", "negative log-probability of the answer", Loss{})},
	Tasks: []sdk.Task{{
		Name: "sft", Doc: "train a model on prompts and answers",
		Formatter: "builtin:promptanswer", Head: sdk.LMHead, Loss: "sft",
	}},
}
