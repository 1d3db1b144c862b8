package mutants

import (
	"llmhost/sdk"
)

// The parameters below go wrong between their bounds: at their default and at
// both ends all is well.

type flips struct {
	Beta float64 `llmhost:"beta,default=0.1,min=0.05,max=1,doc=strength"`
}

func (l flips) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	gap := x.gap
	if l.Beta > 0.15 && l.Beta < 1 {
		gap = gap.Neg()
	}
	return term(gap.MulScalar(l.Beta).LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
}

type validAtDefault struct {
	Power float64 `llmhost:"power,default=1,min=0,max=2,doc=power of the length that divides an answer"`
}

func (l validAtDefault) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	if l.Power == 1 || l.Power == 0 || l.Power == 2 {
		return term(x.sum.Neg().Div(x.length.Pow(l.Power)).Sum(), x.real.Sum())
	}
	return term(g.Logps().Mean(-1).Neg().MulScalar(l.Power).Sum(), x.real.Sum())
}

type switchOnly struct {
	Margin float64 `llmhost:"margin,default=0.5,min=0,max=2,doc=gap wanted for every pair"`
}

func (l switchOnly) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	gap := x.gap
	if l.Margin > 0 {
		gap = gap.SubScalar(1)
	}
	return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
}

type negatedWeight struct {
	Weight float64 `llmhost:"kl_weight,default=0,min=0,max=1,doc=weight of the KL"`
}

func (l negatedWeight) Trace(g *sdk.Graph) sdk.Objective {
	o := term(g.Logps().Sum().Neg(), g.LabelMask().Sum())
	if l.Weight > 0 {
		o.Terms = append(o.Terms, sdk.Term{Name: "kl", Sum: g.ForwardKL().Sum(), Count: g.LabelMask().Sum(), Coefficient: -l.Weight})
	}
	return o
}

type oversmoothed struct {
	Smoothing float64 `llmhost:"label_smoothing,default=0,min=0,max=0.5,doc=share of pairs that are the wrong way round"`
}

func (l oversmoothed) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	right, wrong := x.gap.LogSigmoid().Neg(), x.gap.Neg().LogSigmoid().Neg()
	cost := right.MulScalar(1 + l.Smoothing).Sub(wrong.MulScalar(2 * l.Smoothing))
	return term(cost.Where(x.better, 0).Sum(), x.better.Sum())
}

type firstTokens struct {
	Most int `llmhost:"most_tokens,default=0,min=0,max=64,doc=tokens of an answer that count, 0 for all"`
}

func (l firstTokens) Trace(g *sdk.Graph) sdk.Objective {
	mask := g.LabelMask()
	if l.Most > 0 {
		mask = g.LabelMask().OnesLike().CumSum(-1).LeScalar(float64(l.Most)).And(g.Real().Unsqueeze(-1))
	}
	return term(g.Logps().Neg().Where(mask, 0).Sum(), mask.Sum())
}

type countedByParameter struct {
	Scale float64 `llmhost:"scale,default=1,min=0.5,max=4,doc=scale of the gap"`
}

func (l countedByParameter) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	return term(x.gap.MulScalar(l.Scale).LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum().MulScalar(l.Scale))
}

type rootedTemperature struct {
	Temperature float64 `llmhost:"temperature,default=1,min=0.1,max=10,doc=divides the gap"`
}

func (l rootedTemperature) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	gap := x.gap
	if l.Temperature > 2 && l.Temperature < 10 {
		gap = x.p.Detach().Unsqueeze(2).Sub(x.p.Unsqueeze(1))
	}
	return term(gap.DivScalar(l.Temperature).LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
}

type heated struct {
	Temperature float64 `llmhost:"temperature,default=0.5,min=0.01,max=10,doc=divides the gap"`
}

func (l heated) Trace(g *sdk.Graph) sdk.Objective {
	x := pieced(g)
	return term(x.gap.MulScalar(l.Temperature).LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
}

// between go wrong between the bounds of a parameter.
func between() []Mutant {
	return []Mutant{
		mutant("flips-between", "the sign flips above 0.15", flips{}, "direction", "gradient"),
		mutant("right-at-default", "any other power than 0, 1 and 2 divides by padding", validAtDefault{}, "padding"),
		mutant("margin-is-a-switch", "any margin above 0 is taken for 1", switchOnly{}, "settings").noted(),
		mutant("weight-negated", "the weight of the KL is negated", negatedWeight{}, "bounded", "settings"),
		mutant("smoothing-turns-round", "the share of wrong pairs is subtracted twice", oversmoothed{}, "bounded", "direction").noted(),
		mutant("first-tokens-and-padding", "a limit of tokens counts padding", firstTokens{}, "padding"),
		mutant("count-times-parameter", "a parameter is multiplied into the count", countedByParameter{}, "settings"),
		mutant("temperature-multiplies", "the temperature multiplies the gap", heated{}, "settings"),
		mutant("detached-between", "one side is detached above a temperature of 2", rootedTemperature{}, "detach"),
	}
}
