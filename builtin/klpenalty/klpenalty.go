// Package klpenalty holds the penalty that keeps a model close to its reference
// model, for losses that include it. It is not a plugin.
package klpenalty

import (
	"errors"

	"llmhost/sdk"
)

// Penalty is how far the model may drift. The KL of a label token is, by Mode,
//
//	kl    ℓ − ℓ^ref, an estimate of KL(policy ‖ reference) by the data's token
//	abs   |ℓ − ℓ^ref|
//	mse   ½ (ℓ − ℓ^ref)²
//	full  KL(policy ‖ reference) over the whole vocabulary
//
// and that of an answer is the mean over its tokens; without TokenLevel it is the
// difference of the answer's mean log-probabilities, whatever the mode. Coef is the
// weight: a constant or, if Adaptive is set, the start of the state kl_coef, which
// after each step with a mean KL of k becomes
//
//	kl_coef · (1 + 0.1 · min(0.2, max(−0.2, k/Target − 1)))
//
// Coef 0 leaves all of it out, and then no reference model is needed.
//
// Source: the controller is that of Ziegler et al. 2019, arXiv:1909.08593, section
// 2.2, with a gain of 0.1 per step.
type Penalty struct {
	Coef       float64 `llmhost:"kl_coef,default=0,min=0,doc=weight of the KL to the reference model; 0: none"`
	Mode       string  `llmhost:"kl_penalty_mode,default=kl,choices=kl|abs|mse|full,doc=KL of a token, where token_level is set"`
	TokenLevel bool    `llmhost:"token_level,default=false,doc=by token, not by the mean log-probability of the whole answer"`
	Adaptive   bool    `llmhost:"adaptive_kl_ctrl,default=false,doc=change kl_coef after each step, so that the KL approaches kl_target"`
	Target     float64 `llmhost:"kl_target,default=6,min=0,doc=KL that the adaptive kl_coef aims at, in nats"`
}

// Validate refuses a target that the controller cannot divide by.
func (p Penalty) Validate() error {
	if p.Adaptive && p.Target == 0 {
		return errors.New("kl_target is 0, and adaptive_kl_ctrl divides by it; want a number above 0")
	}
	return nil
}

// On tells whether there is any penalty.
func (p Penalty) On() bool { return p.Coef != 0 }

// Tokens is the KL of each label token by Mode, 0 where there is none, f32 [B, K, T].
func (p Penalty) Tokens(g *sdk.Graph) sdk.Tensor {
	if p.Mode == "full" {
		return g.ReverseKL()
	}
	difference := g.Logps().Sub(g.RefLogps())
	switch p.Mode {
	case "abs":
		return difference.Abs()
	case "mse":
		return difference.Square().MulScalar(0.5)
	}
	return difference
}

// Rows is the KL of each answer, f32 [B, K].
func (p Penalty) Rows(g *sdk.Graph) sdk.Tensor {
	tokens := g.LabelMask().Sum(-1).ClampMin(1)
	if p.TokenLevel {
		return p.Tokens(g).Sum(-1).Div(tokens)
	}
	return g.Logps().Sum(-1).Sub(g.RefLogps().Sum(-1)).Div(tokens)
}

// Weigh is kl times the current coefficient.
func (p Penalty) Weigh(g *sdk.Graph, kl sdk.Tensor) sdk.Tensor {
	if p.Adaptive {
		return kl.Mul(g.State(state))
	}
	return kl.MulScalar(p.Coef)
}

// state is the name of the coefficient that changes.
const state = "kl_coef"

// gain and bound say how fast it changes.
const (
	gain  = 0.1
	bound = 0.2
)

// Controller is the state of an adaptive coefficient; a fixed one has none. The
// mean KL of a step is Σkl / Σcount.
func (p Penalty) Controller(g *sdk.Graph, kl, count sdk.Tensor) []sdk.State {
	if !p.Adaptive {
		return nil
	}
	surplus := kl.GlobalMean(count).DivScalar(p.Target).SubScalar(1).ClampMin(-bound).ClampMax(bound)
	return []sdk.State{{
		Name:    state,
		Initial: p.Coef,
		Update:  g.State(state).Mul(surplus.MulScalar(gain).AddScalar(1)),
	}}
}

// Metrics are kl, the mean Σkl / Σcount, and kl_coef if it is adaptive.
func (p Penalty) Metrics(g *sdk.Graph, kl, count sdk.Tensor) []sdk.Metric {
	metrics := []sdk.Metric{{Name: "kl", Sum: kl.Detach(), Count: count}}
	if p.Adaptive {
		metrics = append(metrics, sdk.Metric{
			Name:  state,
			Sum:   g.State(state).Mul(count),
			Count: count,
		})
	}
	return metrics
}
