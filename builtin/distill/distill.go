// Package distill trains a model to predict as another one does: the teacher,
// which takes the role of the reference model.
package distill

import "llmhost/sdk"

// Loss is the KL between teacher and policy over the whole vocabulary at each
// answer token, and the answer's likelihood where Alpha is above 0. With n label
// tokens in all,
//
//	L = (1 − Alpha) · Σ KL / n + Alpha · Σ −ℓ / n
//
//	forward  KL(teacher ‖ policy), which covers all that the teacher does
//	reverse  KL(policy ‖ teacher), which keeps to what it mostly does
//	mixed    half of each
//
// The temperature is 1: the host computes divergences of the plain distributions. The
// answers are those of the data; sampling them from the teacher first gives
// sequence-level distillation.
//
// Source: Hinton et al. 2015, arXiv:1503.02531 (forward, at temperature 1, without
// its hard labels' factor); Gu et al. 2023, arXiv:2306.08543 (reverse). TRL 1.16's
// GKD is different: it mixes both distributions (beta 0.5), takes half of its
// answers from the student (lmbda 0.5) and has a temperature of 0.9. With beta 0 or
// 1, temperature 1 and the answers of the data its loss is forward or reverse here.
//
// Metrics: kl, the mean of the KL by Direction; perplexity of the answers.
type Loss struct {
	Direction string  `llmhost:"distill_kl,default=forward,choices=forward|reverse|mixed,doc=KL of the teacher to the model, of the model to the teacher, or the mean of both"`
	Alpha     float64 `llmhost:"distill_alpha,default=0,min=0,max=1,doc=share of the answer's own likelihood in the loss"`
}

// Trace records the loss. Shapes: kl, logps, mask [B, K, T].
func (l Loss) Trace(g *sdk.Graph) sdk.Objective {
	tokens := g.LabelMask().Sum()
	kl := l.kl(g).Sum()
	nll := g.Logps().Sum().Neg()
	o := sdk.Objective{
		Terms: []sdk.Term{{
			Name:        "kl",
			Sum:         kl,
			Count:       tokens,
			Coefficient: 1 - l.Alpha,
		}},
		Metrics: []sdk.Metric{
			{Name: "kl", Sum: kl.Detach(), Count: tokens},
			{Name: "perplexity", Sum: nll.Detach(), Count: tokens, Exp: true},
		},
	}
	if l.Alpha != 0 {
		o.Terms = append(o.Terms, sdk.Term{
			Name:        "nll",
			Sum:         nll,
			Count:       tokens,
			Coefficient: l.Alpha,
		})
	}
	return o
}

func (l Loss) kl(g *sdk.Graph) sdk.Tensor {
	switch l.Direction {
	case "reverse":
		return g.ReverseKL()
	case "mixed":
		return g.ReverseKL().Add(g.ForwardKL()).MulScalar(0.5)
	}
	return g.ForwardKL()
}

// Plugin is the loss and the task that trains with it.
var Plugin = sdk.Plugin{
	Name:    "distill",
	Version: "1.0.0",
	Doc:     "distillation from a teacher",
	Losses:  []sdk.LossSpec{sdk.NewLoss("distill", "divergence from a teacher's predictions", Loss{})},
	Tasks: []sdk.Task{{
		Name: "distill", Doc: "train a model to predict as a teacher does, which is the reference model",
		Formatter: "builtin:promptanswer", Head: sdk.LMHead, Loss: "distill",
	}},
}
