package mutants

import (
	"errors"

	"llmhost/sdk"
)

// models misuse what a host computes besides log-probabilities, and what lasts
// from step to step.
func models() []Mutant {
	return []Mutant{
		mutant("reward-reversed", "the worse text gets the higher reward", trace(func(g *sdk.Graph) sdk.Objective {
			x, r := pieced(g), g.Rewards()
			gap := r.Unsqueeze(1).Sub(r.Unsqueeze(2))
			return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "direction"),
		mutant("reward-of-fillers", "padding candidates are pulled towards a reward of 1 too", trace(func(g *sdk.Graph) sdk.Objective {
			return term(g.Rewards().SubScalar(1).Square().Sum(), g.Real().Sum())
		}), "padding"),
		mutant("reward-of-zero", "a reward of 0 is taken for padding", trace(func(g *sdk.Graph) sdk.Objective {
			r := g.Rewards()
			there := r.NeScalar(0).And(g.Real())
			return term(r.SubScalar(1).Square().Where(there, 0).Sum(), g.Real().Sum())
		}), "zeros"),
		mutant("kl-with-padding", "the mean KL of a row divides by padding too", trace(func(g *sdk.Graph) sdk.Objective {
			return term(g.ReverseKL().Mean(-1).Sum(), g.Real().Sum())
		}), "padding"),
		mutant("kl-that-cancels", "the KL of both models is read and left out of the ranking again", trace(func(g *sdk.Graph) sdk.Objective {
			x, kl := pieced(g), g.ForwardKL().Sum()
			p := x.p.Sub(kl)
			gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
			return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "inputs"),
		mutant("mismatched-with-padding", "the mean of another answer divides by its padding", trace(func(g *sdk.Graph) sdk.Objective {
			x, point := pieced(g), g.MismatchedLogps().Mean(-1)
			return term(x.p.Sub(point).Sigmoid().Neg().Where(x.real, 0).Sum(), x.real.Sum())
		}), "padding"),
		mutant("reference-point-of-a-batch", "the reference point is a mean of the micro-batch, not of the step", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			point := g.MismatchedLogps().Sum(-1).Sub(g.MismatchedRefLogps().Sum(-1)).Where(x.real, 0).Sum().Div(x.real.Sum().ClampMin(1))
			return term(x.sum.Sub(g.RefLogps().Sum(-1)).Sub(point).Sigmoid().Neg().Where(x.real, 0).Sum(), x.real.Sum())
		}), "cuts"),
		mutant("mean-by-padding", "a mean of the step counts label positions that are padding", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			mean := x.sum.Detach().Sum().GlobalMean(g.Count("T"))
			return term(x.sum.Mul(x.score.Sub(mean)).Neg().Where(x.real, 0).Sum(), x.real.Sum())
		}), "padding", "cuts"),
		mutant("state-without-floor", "a state becomes the logarithm of a mean that may be 0", trace(func(g *sdk.Graph) sdk.Objective {
			x, tokens := pieced(g), g.LabelMask().Sum()
			kl := g.ReverseKL().Sum()
			o := term(kl.Mul(g.State("scale")), tokens, sdk.Metric{Name: "scale", Sum: g.State("scale").Mul(tokens), Count: tokens})
			o.Terms = append(o.Terms, sdk.Term{Name: "tune", Sum: x.sum.Neg().Sum(), Count: tokens, Coefficient: 1})
			o.States = []sdk.State{{Name: "scale", Initial: 1, Update: kl.GlobalMean(tokens).Log()}}
			return o
		}), "finite"),
		mutant("penalty-with-padding", "the penalty of two parameters together is a mean over padding", penalized{}, "padding"),
		mutant("kind-with-padding", "one of the kinds that a text names is a mean over padding", kinds{}, "padding"),
		formatterMutant("classes-as-they-come", "classes are numbered in the order in which they come up", numbered{map[string]string{}}, "batches"),
	}
}

// penalized goes wrong only where a penalty is on and taken by token.
type penalized struct {
	Weight  float64 `llmhost:"penalty,default=0,min=0,doc=weight of the penalty"`
	ByToken bool    `llmhost:"by_token,default=false,doc=a mean over tokens"`
}

func (l penalized) Trace(g *sdk.Graph) sdk.Objective {
	o := term(g.Logps().Sum().Neg(), g.LabelMask().Sum())
	if l.Weight == 0 {
		return o
	}
	gap, rows := g.Logps().Sub(g.RefLogps()).Square(), g.Real().Sum()
	cost := gap.Sum(-1)
	if l.ByToken {
		cost = gap.Mean(-1)
	}
	o.Terms = append(o.Terms, sdk.Term{Name: "penalty", Sum: cost.Sum(), Count: rows, Coefficient: l.Weight})
	return o
}

// kinds goes wrong only for one of its kinds.
type kinds struct {
	Kind string `llmhost:"kind,default=total,doc=total or average, of the tokens of an answer"`
}

func (l kinds) Validate() error {
	if l.Kind != "total" && l.Kind != "average" {
		return errors.New("kind is neither total nor average")
	}
	return nil
}

func (l kinds) Trace(g *sdk.Graph) sdk.Objective {
	if l.Kind == "average" {
		return term(g.Logps().Mean(-1).Neg().Sum(), g.Real().Sum())
	}
	return term(g.Logps().Sum().Neg(), g.Real().Sum())
}

// numbered gives out class names of its own.
type numbered struct{ seen map[string]string }

func (numbered) Columns() []sdk.Column {
	return []sdk.Column{{Name: "text", Type: sdk.String, Required: true}, {Name: "class", Type: sdk.String, Required: true}}
}

func (f numbered) Format(r *sdk.Row, o *sdk.Out) error {
	name, known := f.seen[r.Str(1)]
	if !known {
		name = "class " + string(rune('A'+len(f.seen)%26))
		f.seen[r.Str(1)] = name
	}
	o.Candidate("", r.Str(0))
	o.Label("topic", name)
	return nil
}
