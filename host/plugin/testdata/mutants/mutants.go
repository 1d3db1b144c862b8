// Package mutants holds plugins that each have one realistic bug. llmhost
// plugins check must catch every one of them. Most bugs were seen in the wild:
// in a reference system, or in losses that people published.
package mutants

import "llmhost/sdk"

// Mutant is a plugin with a bug.
type Mutant struct {
	Bug    string   // what is wrong
	Checks []string // the checks of which at least one must say so
	Plugin sdk.Plugin
	Noted  bool // it can be meant: a note is enough
}

// noted is the mutant as one of which a note is enough.
func (m Mutant) noted() Mutant {
	m.Noted = true
	return m
}

// Kind is a group of mutants whose bugs are alike.
type Kind struct {
	Name    string
	Mutants []Mutant
}

// Kinds returns the mutants by what is wrong with them.
func Kinds() []Kind {
	return []Kind{
		{"reductions", reductions()},
		{"maskings", maskings()},
		{"rankings", rankings()},
		{"orders", orders()},
		{"numerics", numerics()},
		{"unbounded", bottomless()},
		{"meanings", meanings()},
		{"weights", weights()},
		{"shares", shares()},
		{"coefficients", coefficients()},
		{"heads", heads()},
		{"between", between()},
		{"figures", figures()},
		{"lasting", lasting()},
		{"references", references()},
		{"models", models()},
		{"lonely", lonely()},
		{"contracts", contracts()},
		{"classifications", classifications()},
		{"poolings", poolings()},
		{"positions", positions()},
		{"formatters", formatters()},
		{"texts", texts()},
		{"sides", sides()},
		{"tasks", tasks()},
		{"chats", chats()},
	}
}

// All returns every mutant.
func All() []Mutant {
	var all []Mutant
	for _, kind := range Kinds() {
		all = append(all, kind.Mutants...)
	}
	return all
}

// trace is a loss without parameters.
type trace func(g *sdk.Graph) sdk.Objective

func (t trace) Trace(g *sdk.Graph) sdk.Objective { return t(g) }

// mutant makes one of a loss.
func mutant(name, bug string, loss sdk.Loss, checks ...string) Mutant {
	return Mutant{Bug: bug, Checks: checks, Plugin: sdk.Plugin{Name: name, Version: "0.0.1", Doc: bug, Losses: []sdk.LossSpec{sdk.NewLoss(name, bug, loss)}}}
}

// term is an objective of one term with coefficient 1.
func term(sum, count sdk.Tensor, metrics ...sdk.Metric) sdk.Objective {
	return sdk.Objective{Terms: []sdk.Term{{Name: "loss", Sum: sum, Count: count, Coefficient: 1}}, Metrics: metrics}
}

// pieces are what ranking losses are made of, done right. Shapes: p, score,
// real [B, K]; gap, better [B, K, K].
type pieces struct{ sum, length, p, score, real, gap, better sdk.Tensor }

func pieced(g *sdk.Graph) pieces {
	x := pieces{sum: g.Logps().Sum(-1), length: g.LabelMask().Sum(-1).ClampMin(1), score: g.Column("score"), real: g.Real()}
	x.p = x.sum.Div(x.length)
	x.gap = x.p.Unsqueeze(2).Sub(x.p.Unsqueeze(1))
	x.better = x.score.Unsqueeze(2).Gt(x.score.Unsqueeze(1)).And(both(x.real))
	return x
}

func both(real sdk.Tensor) sdk.Tensor { return real.Unsqueeze(2).And(real.Unsqueeze(1)) }
