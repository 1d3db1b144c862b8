package mutants

import "llmhost/sdk"

// bounded is a loss that breaks at its own bound.
type bounded struct {
	Temperature float64 `llmhost:"temperature,default=1,min=0,max=5,doc=divides the gap"`
}

func (l bounded) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	return term(x.gap.DivScalar(l.Temperature).LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
}

// unused declares a parameter that it never reads.
type unused struct {
	Margin float64 `llmhost:"margin,default=0.5,min=0,doc=gap wanted for every pair"`
}

func (unused) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	return term(x.gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
}

// squared multiplies its weight in twice.
type squared struct {
	Weight float64 `llmhost:"rank_weight,default=0.5,min=0,doc=weight of the ranking term"`
}

func (l squared) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	o := term(x.gap.LogSigmoid().Neg().Where(x.better, 0).Sum().MulScalar(l.Weight), x.better.Sum())
	o.Terms[0].Coefficient = l.Weight
	return o
}

// cancelled adds its margin to both sides of a difference.
type cancelled struct {
	Margin float64 `llmhost:"margin,default=0.5,min=0,doc=gap wanted for every pair"`
}

func (l cancelled) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	p := x.p.AddScalar(l.Margin)
	gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
	return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
}

// eased asks for less the larger its margin is.
type eased struct {
	Margin float64 `llmhost:"margin,default=0.5,min=0,doc=gap wanted for every pair"`
}

func (l eased) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	return term(x.gap.AddScalar(l.Margin).LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
}

// divided multiplies its weight into the count.
type divided struct {
	Weight float64 `llmhost:"rank_weight,default=0.5,min=0.1,doc=weight of the ranking term"`
}

func (l divided) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	return term(x.gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum().MulScalar(l.Weight))
}

// unbounded forgets to say that its temperature is above 0.
type unbounded struct {
	Temperature float64 `llmhost:"temperature,default=1,doc=divides the gap"`
}

func (l unbounded) Trace(g *sdk.Graph) sdk.Objective { return bounded(l).Trace(g) }

// weights are what parameters and columns are multiplied with.
func weights() []Mutant {
	return []Mutant{
		mutant("margin-cancels", "the margin is added to both sides", cancelled{}, "settings"),
		mutant("margin-eases", "the margin has the wrong sign", eased{}, "settings"),
		mutant("weight-in-count", "the weight is multiplied into the count", divided{}, "settings"),
		mutant("temperature-without-bound", "a temperature of 0 is allowed", unbounded{}, "trace", "finite", "gradient"),
		mutant("no-coefficient", "the coefficient of the ranking term is left out", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return sdk.Objective{Terms: []sdk.Term{
				{Name: "rank", Sum: x.gap.Neg().Relu().Where(x.better, 0).Sum(), Count: x.better.Sum()},
				{Name: "tune", Sum: x.sum.Neg().Sum(), Count: g.LabelMask().Sum(), Coefficient: 1},
			}}
		}), "settings"),
		mutant("weight-of-count-alone", "the weight is in the count and not in the sum", trace(func(g *sdk.Graph) sdk.Objective {
			w := g.ExampleColumn("weight").Unsqueeze(1)
			return term(pieced(g).p.Neg().Where(g.Real(), 0).Sum(), g.Real().To(sdk.F32).Mul(w).Sum())
		}), "counts"),
		mutant("score-cancels", "the score is added and subtracted again", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.p.Add(x.score).Sub(x.score).Neg().Where(x.real, 0).Sum(), x.real.Sum())
		}), "inputs"),
		mutant("margin-reversed", "the margin that is reported is that of worse over better", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum(),
				sdk.Metric{Name: "reward_margin", Sum: x.gap.Neg().Where(x.better, 0).Sum(), Count: x.better.Sum()})
		}), "metrics"),
		mutant("mean-of-means", "a metric is the mean of each batch, added up", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			right := x.gap.GtScalar(0).And(x.better).Sum().Div(x.better.Sum().ClampMin(1))
			return term(x.gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum(), sdk.Metric{Name: "accuracy", Sum: right})
		}), "cuts"),
	}
}

// meanings compute something else than their names say.
func meanings() []Mutant {
	nll := func(g *sdk.Graph) (sdk.Tensor, sdk.Tensor) { return g.Logps().Sum().Neg(), g.LabelMask().Sum() }
	return []Mutant{
		mutant("missing-minus", "the likelihood is minimised", trace(func(g *sdk.Graph) sdk.Objective {
			return term(g.Logps().Sum(), g.LabelMask().Sum())
		}), "direction"),
		mutant("weight-twice", "the weight is applied to the tokens and to the prompt", trace(func(g *sdk.Graph) sdk.Objective {
			w := g.ExampleColumn("weight").Unsqueeze(1)
			return term(g.Logps().Mul(w.Unsqueeze(2)).Sum(-1).Neg().Div(g.LabelMask().Sum(-1).ClampMin(1)).Mul(w).Sum(), g.Real().Sum())
		}), "weights"),
		mutant("weight-inside", "the weight is inside the logarithm of a sigmoid", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			w := g.ExampleColumn("weight").Unsqueeze(1).Unsqueeze(1)
			return term(x.gap.Mul(w).LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "weights"),
		mutant("perplexity-a-prompt", "perplexity is taken by prompts instead of tokens", trace(func(g *sdk.Graph) sdk.Objective {
			sum, count := nll(g)
			return term(sum, count, sdk.Metric{Name: "perplexity", Sum: sum, Count: g.Real().Sum(), Exp: true})
		}), "metrics"),
		mutant("perplexity-of-likelihood", "perplexity of the log-likelihood itself", trace(func(g *sdk.Graph) sdk.Objective {
			sum, count := nll(g)
			return term(sum, count, sdk.Metric{Name: "perplexity", Sum: g.Logps().Sum(), Count: count, Exp: true})
		}), "metrics"),
		mutant("accuracy-in-percent", "accuracy in per cent", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum(),
				sdk.Metric{Name: "rank_accuracy", Sum: x.gap.GtScalar(0).And(x.better).Sum().MulScalar(100), Count: x.better.Sum()})
		}), "metrics"),
		mutant("accuracy-of-all-pairs", "accuracy counts both directions of a pair", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum(),
				sdk.Metric{Name: "accuracy", Sum: x.gap.GtScalar(0).And(x.better).Sum(), Count: both(x.real).Sum()})
		}), "metrics"),
		mutant("accuracy-reversed", "accuracy counts the wrong pairs", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum(),
				sdk.Metric{Name: "accuracy", Sum: x.gap.LeScalar(0).And(x.better).Sum(), Count: x.better.Sum()})
		}), "metrics"),
		mutant("unused-parameter", "a parameter changes nothing", unused{}, "settings"),
		mutant("weight-squared", "the weight is both coefficient and factor", squared{}, "settings"),
		mutant("negative-count", "the count is a sum of signed scores", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.p.Neg().Mul(x.score).Sum(), x.score.Sum())
		}), "counts"),
		mutant("count-of-pairs", "the count has the pairs, the sum the prompts", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.p.Neg().Sum(), x.better.Sum())
		}), "counts"),
		mutant("breaks-at-its-bound", "the smallest temperature that is allowed divides by 0", bounded{}, "trace", "finite", "gradient", "padding"),
	}
}

// whim traces in the order of a map.
type whim struct{}

func (whim) Trace(g *sdk.Graph) sdk.Objective {
	var o sdk.Objective
	parts := map[string]sdk.Tensor{"short": g.Logps().Sum().Neg(), "long": g.Logps().Square().Sum(), "other": g.Logps().Abs().Sum(), "last": g.Logps().Exp().Sum()}
	for name, sum := range parts {
		o.Terms = append(o.Terms, sdk.Term{Name: name, Sum: sum, Count: g.LabelMask().Sum(), Coefficient: 1})
	}
	return o
}

// strict refuses what its tags allow.
type strict struct {
	Beta float64 `llmhost:"beta,default=0.1,min=0,max=1,doc=strength"`
}

func (l strict) Validate() error {
	if l.Beta == 0 {
		return errBeta{}
	}
	return nil
}

type errBeta struct{}

func (errBeta) Error() string { return "beta must be above 0" }

func (l strict) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	return term(x.gap.MulScalar(l.Beta).LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
}

// contracts break what a host relies on.
func contracts() []Mutant {
	return []Mutant{
		mutant("order-of-a-map", "the program depends on the order of a map", whim{}, "trace"),
		mutant("stricter-than-its-bounds", "a bound that is declared is refused", strict{}, "parameters"),
		mutant("mixed-shapes", "shapes that do not fit", trace(func(g *sdk.Graph) sdk.Objective {
			return term(g.Logps().Mul(g.Column("score")).Sum(), g.Count("B"))
		}), "trace"),
	}
}

// classifications go wrong over class logits and labels.
func classifications() []Mutant {
	nll := func(g *sdk.Graph, label sdk.Tensor) sdk.Tensor {
		logits := g.Logits("topic")
		return logits.LogSumExp(-1).Sub(logits.Gather(1, label.Unsqueeze(-1)).Squeeze(-1))
	}
	return []Mutant{
		mutant("label-against-pad-id", "a missing label is looked for as 0, the padding id", trace(func(g *sdk.Graph) sdk.Objective {
			label := g.Label("topic")
			return term(nll(g, label.ClampMin(0)).Where(label.NeScalar(0), 0).Sum(), label.NeScalar(0).Sum())
		}), "unlabelled"),
		mutant("missing-label-as-index", "a missing label is used as an index", trace(func(g *sdk.Graph) sdk.Objective {
			return term(nll(g, g.Label("topic")).Sum(), g.Count("B"))
		}), "unlabelled"),
		mutant("counts-missing-labels", "prompts without a label are counted", trace(func(g *sdk.Graph) sdk.Objective {
			label := g.Label("topic")
			return term(nll(g, label.ClampMin(0)).Where(label.GeScalar(0), 0).Sum(), g.Count("B"))
		}), "unlabelled"),
		mutant("softmax-by-hand", "the softmax over classes overflows", trace(func(g *sdk.Graph) sdk.Objective {
			label, p := g.Label("topic"), g.Logits("topic").Exp()
			own := p.Gather(1, label.ClampMin(0).Unsqueeze(-1)).Squeeze(-1).Div(p.Sum(-1))
			return term(own.Log().Neg().Where(label.GeScalar(0), 0).Sum(), label.GeScalar(0).Sum())
		}), "finite"),
		mutant("minimises-own-class", "the likelihood of the label is minimised", trace(func(g *sdk.Graph) sdk.Objective {
			label := g.Label("topic")
			return term(nll(g, label.ClampMin(0)).Neg().Where(label.GeScalar(0), 0).Sum(), label.GeScalar(0).Sum())
		}), "direction"),
		mutant("label-from-one", "labels are taken to begin at 1", trace(func(g *sdk.Graph) sdk.Objective {
			label := g.Label("topic")
			return term(nll(g, label.SubScalar(1).ClampMin(0)).Where(label.GtScalar(0), 0).Sum(), label.GeScalar(0).Sum())
		}), "direction"),
		mutant("no-softmax", "the logit itself is maximised", trace(func(g *sdk.Graph) sdk.Objective {
			label := g.Label("topic")
			own := g.Logits("topic").Gather(1, label.ClampMin(0).Unsqueeze(-1)).Squeeze(-1)
			return term(own.Neg().Where(label.GeScalar(0), 0).Sum(), label.GeScalar(0).Sum())
		}), "direction"),
		mutant("softmax-over-batch", "the softmax runs along the batch", trace(func(g *sdk.Graph) sdk.Objective {
			label, logits := g.Label("topic"), g.Logits("topic")
			logp := logits.Sub(logits.LogSumExp(0).Unsqueeze(0)).Gather(1, label.ClampMin(0).Unsqueeze(-1)).Squeeze(-1)
			return term(logp.Neg().Where(label.GeScalar(0), 0).Sum(), label.GeScalar(0).Sum())
		}), "cuts"),
	}
}
