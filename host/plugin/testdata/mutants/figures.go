package mutants

import (
	"math"

	"llmhost/sdk"
)

// figures report other numbers than their names say.
func figures() []Mutant {
	pairwise := func(metric func(g *sdk.Graph, x pieces) sdk.Metric) trace {
		return func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			return term(x.gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum(), metric(g, x))
		}
	}
	likely := func(metrics ...func(g *sdk.Graph) sdk.Metric) trace {
		return func(g *sdk.Graph) sdk.Objective {
			o := term(g.Logps().Sum().Neg(), g.LabelMask().Sum())
			for _, metric := range metrics {
				o.Metrics = append(o.Metrics, metric(g))
			}
			return o
		}
	}
	classes := func(metric func(logits, label, has sdk.Tensor) sdk.Metric) trace {
		return func(g *sdk.Graph) sdk.Objective {
			logits, label := g.Logits("topic"), g.Label("topic")
			has := label.GeScalar(0)
			return sdk.Objective{
				Terms:   []sdk.Term{headTerm(g, "topic", "topic", has.To(sdk.F32))},
				Metrics: []sdk.Metric{metric(logits, label, has)},
			}
		}
	}
	return []Mutant{
		mutant("ties-are-right", "accuracy counts a tie as right", pairwise(func(g *sdk.Graph, x pieces) sdk.Metric {
			return sdk.Metric{Name: "accuracy", Sum: x.gap.GeScalar(0).And(x.better).Sum(), Count: x.better.Sum()}
		}), "metrics"),
		mutant("ties-are-won", "a tie counts as won", pairwise(func(g *sdk.Graph, x pieces) sdk.Metric {
			return sdk.Metric{Name: "win_rate", Sum: x.gap.GeScalar(0).And(x.better).Sum(), Count: x.better.Sum()}
		}), "metrics"),
		mutant("accuracy-of-the-data", "accuracy compares the scores with themselves", pairwise(func(g *sdk.Graph, x pieces) sdk.Metric {
			right := x.score.Unsqueeze(2).Sub(x.score.Unsqueeze(1)).GtScalar(0)
			return sdk.Metric{Name: "accuracy", Sum: right.And(x.better).Sum(), Count: x.better.Sum()}
		}), "metrics"),
		mutant("chosen-is-rejected", "the reward of the worse answers is reported as that of the chosen", pairwise(func(g *sdk.Graph, x pieces) sdk.Metric {
			worse := x.p.Unsqueeze(1).ExpandAs(x.gap)
			return sdk.Metric{Name: "rewards_chosen", Sum: worse.Where(x.better, 0).Sum(), Count: x.better.Sum()}
		}), "metrics"),
		mutant("rejected-is-chosen", "the reward of the better answers is reported as that of the rejected", pairwise(func(g *sdk.Graph, x pieces) sdk.Metric {
			better := x.p.Unsqueeze(2).ExpandAs(x.gap)
			return sdk.Metric{Name: "rejected_logps", Sum: better.Where(x.better, 0).Sum(), Count: x.better.Sum()}
		}), "metrics"),
		mutant("nll-in-bits", "the likelihood of a token is reported in bits", likely(func(g *sdk.Graph) sdk.Metric {
			return sdk.Metric{Name: "nll", Sum: g.Logps().Sum().Neg().DivScalar(math.Ln2), Count: g.LabelMask().Sum()}
		}), "metrics"),
		mutant("perplexity-of-bits", "perplexity is e to the bits", likely(func(g *sdk.Graph) sdk.Metric {
			return sdk.Metric{Name: "ppl", Sum: g.Logps().Sum().Neg().DivScalar(math.Ln2), Count: g.LabelMask().Sum(), Exp: true}
		}), "metrics"),
		mutant("class-accuracy-of-worst", "accuracy looks at the least likely class", classes(func(logits, label, has sdk.Tensor) sdk.Metric {
			return sdk.Metric{Name: "accuracy", Sum: logits.Argmin(-1).Eq(label).And(has).Sum(), Count: has.Sum()}
		}), "metrics"),
		mutant("class-accuracy-of-all", "accuracy divides by the prompts without a label too", classes(func(logits, label, has sdk.Tensor) sdk.Metric {
			return sdk.Metric{Name: "accuracy", Sum: logits.Argmax(-1).Eq(label).And(has).Sum(), Count: has.OnesLike().Sum()}
		}), "unlabelled", "metrics"),
		mutant("class-accuracy-in-percent", "accuracy of classes in per cent", classes(func(logits, label, has sdk.Tensor) sdk.Metric {
			return sdk.Metric{Name: "topic_accuracy", Sum: logits.Argmax(-1).Eq(label).And(has).Sum().MulScalar(100), Count: has.Sum()}
		}), "metrics"),
	}
}

// lasting states never change, or are never read.
func lasting() []Mutant {
	with := func(state func(g *sdk.Graph, x pieces) sdk.State) trace {
		return func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			s := state(g, x)
			o := term(x.sum.Mul(x.score.Sub(g.State(s.Name))).Neg().Where(x.real, 0).Sum(), x.real.Sum())
			o.States = []sdk.State{s}
			return o
		}
	}
	return []Mutant{
		mutant("state-stays", "the baseline never changes", with(func(g *sdk.Graph, x pieces) sdk.State {
			return sdk.State{Name: "baseline", Update: g.State("baseline")}
		}), "states"),
		mutant("state-only-shrinks", "the baseline begins at 0 and is only multiplied", with(func(g *sdk.Graph, x pieces) sdk.State {
			return sdk.State{Name: "baseline", Update: g.State("baseline").MulScalar(0.9)}
		}), "states"),
		mutant("state-without-data", "the baseline forgets what it read", with(func(g *sdk.Graph, x pieces) sdk.State {
			mean := x.score.Sum().GlobalMean(x.real.Sum())
			return sdk.State{Name: "baseline", Update: g.State("baseline").MulScalar(0.9).Add(mean.MulScalar(0))}
		}), "states"),
		mutant("state-runs-away", "the baseline is added to instead of averaged", with(func(g *sdk.Graph, x pieces) sdk.State {
			mean := x.score.Abs().Sum().GlobalMean(x.real.Sum())
			return sdk.State{Name: "baseline", Update: g.State("baseline").MulScalar(1.5).Add(mean)}
		}), "states").noted(),
		mutant("state-never-read", "the baseline is kept and never used", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			o := term(x.sum.Mul(x.score).Neg().Where(x.real, 0).Sum(), x.real.Sum())
			b := g.State("baseline")
			o.States = []sdk.State{{Name: "baseline", Update: b.MulScalar(0.9).Add(x.score.Sum().GlobalMean(x.real.Sum()).MulScalar(0.1))}}
			return o
		}), "states", "inputs"),
	}
}
