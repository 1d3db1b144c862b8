// Package rejectionsampling trains on the best of several answers, as a person
// or a reward model has scored them.
package rejectionsampling

import (
	"math"

	"llmhost/builtin/pairs"
	"llmhost/builtin/preference"
	"llmhost/builtin/sft"
	"llmhost/sdk"
)

// Loss is the negative log-probability of each prompt's best answer: the one with
// the highest score in the data's column "score"; ties go to the first. With n
// label tokens in the best answer of prompt b:
//
//	token_mean: L = −Σ_{b,t} ℓ_{b,t} / Σ_b n_b
//	seq_mean:   L = (1/B) Σ_b (−Σ_t ℓ_{b,t}) / max(1, n_b)
//
// The task's own formatter yields only the best answer, so that the others cost
// nothing; with another formatter the loss picks it.
//
// Source: best-of-n fine-tuning, as in Touvron et al. 2023, arXiv:2307.09288,
// section 3.2.3; no sampling happens here.
type Loss struct {
	Reduction string `llmhost:"sft_reduction,default=token_mean,choices=token_mean|seq_mean,doc=mean over all tokens of the best answers, or over prompts"`
}

// Trace records the loss. Shapes: score, real [B, K]; best, nll, tokens [B, 1].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	best := pairs.Score(g).MaskedFill(g.Real().Not(), math.Inf(-1)).Argmax(1).Unsqueeze(-1)
	nll := g.Logps().Sum(-1).Neg().Gather(1, best)
	tokens := g.LabelMask().Sum(-1).Gather(1, best)
	term, metric := sft.Likelihood(nll, tokens)
	if l.Reduction == "seq_mean" {
		term.Sum, term.Count = nll.Div(tokens.ClampMin(1)).Sum(), g.Count("B")
	}
	return sdk.Objective{Terms: []sdk.Term{term}, Metrics: []sdk.Metric{metric}}
}

// Plugin is the loss, its formatter and the task that trains with them.
var Plugin = sdk.Plugin{
	Name:    "rejection_sampling",
	Version: "1.0.0",
	Doc:     "fine-tuning on the best of several answers",
	Losses: []sdk.LossSpec{sdk.NewLoss(
		"rejection_sampling",
		"negative log-probability of the best answer",
		Loss{},
	)},
	Formatters: []sdk.FormatterSpec{sdk.NewFormatter(
		"best_of",
		"the best of several texts with a score each, cut into prompt and answer",
		Default(),
	)},
	Tasks: []sdk.Task{{
		Name: "rejection_sampling", Doc: "train a model on the best of several answers",
		Formatter: "best_of", Head: sdk.LMHead, Loss: "rejection_sampling", Aliases: []string{"offline_rejection_sampling"},
	}},
}

// Formatter makes an example of one candidate from a preference record: the text
// with the highest score (ties go to the first), with its column "score".
// Parameters and errors are those of preference.Formatter; a record is dropped
// if the best answer is empty, whatever the others are.
type Formatter struct{ preference.Formatter }

// Default returns the formatter with its parameters at their defaults.
func Default() Formatter { return Formatter{preference.Default()} }

// Format picks the best text and cuts it into prompt and answer.
func (f Formatter) Format(r *sdk.Row, o *sdk.Out) error {
	parts, scores, err := f.Parts(r, o)
	if err != nil {
		return err
	}
	best := 0
	for i, score := range scores {
		if score > scores[best] {
			best = i
		}
	}
	if parts[best].Empty() {
		return o.Drop("an empty answer")
	}
	o.Candidate(parts[best].Prompt, parts[best].Answer).Set("score", scores[best])
	return nil
}
