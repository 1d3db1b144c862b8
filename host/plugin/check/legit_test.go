package check_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// sound is a loss from the literature, written as its author would.
type sound func(g *sdk.Graph) sdk.Objective

func (l sound) Trace(g *sdk.Graph) sdk.Objective { return l(g) }

func objective(sum, count sdk.Tensor, metrics ...sdk.Metric) sdk.Objective {
	return sdk.Objective{Terms: []sdk.Term{{Name: "loss", Sum: sum, Count: count, Coefficient: 1}}, Metrics: metrics}
}

// pairs is better [B, K, K] and the gap of x [B, K] over pairs.
func pairs(g *sdk.Graph, x sdk.Tensor) (better, gap sdk.Tensor) {
	score, real := g.Column("score"), g.Real()
	better = score.Unsqueeze(2).Gt(score.Unsqueeze(1)).And(real.Unsqueeze(2)).And(real.Unsqueeze(1))
	return better, x.Unsqueeze(2).Sub(x.Unsqueeze(1))
}

func meanLogp(g *sdk.Graph) sdk.Tensor {
	return g.Logps().Sum(-1).Div(g.LabelMask().Sum(-1).ClampMin(1))
}

func ratio(g *sdk.Graph) sdk.Tensor { return g.Logps().Sub(g.RefLogps()).Sum(-1) }

var soundLosses = map[string]sound{
	"dpo": func(g *sdk.Graph) sdk.Objective {
		better, gap := pairs(g, ratio(g).MulScalar(0.1))
		n := better.Sum()
		return objective(gap.LogSigmoid().Neg().Where(better, 0).Sum(), n,
			sdk.Metric{Name: "accuracy", Sum: gap.GtScalar(0).And(better).Sum(), Count: n}, sdk.Metric{Name: "margin", Sum: gap.Where(better, 0).Sum(), Count: n})
	},
	"ipo": func(g *sdk.Graph) sdk.Objective {
		better, gap := pairs(g, ratio(g))
		return objective(gap.SubScalar(5).Square().Where(better, 0).Sum(), better.Sum())
	},
	"simpo": func(g *sdk.Graph) sdk.Objective {
		better, gap := pairs(g, meanLogp(g).MulScalar(2))
		return objective(gap.SubScalar(0.5).LogSigmoid().Neg().Where(better, 0).Sum(), better.Sum())
	},
	"orpo": func(g *sdk.Graph) sdk.Objective {
		p := meanLogp(g).ClampMax(-1e-6)
		odds := p.Sub(p.Exp().Neg().AddScalar(1).Log())
		better, gap := pairs(g, odds)
		best := g.Column("score").MaskedFill(g.Real().Not(), math.Inf(-1)).Argmax(-1).Unsqueeze(-1)
		return sdk.Objective{Terms: []sdk.Term{
			{Name: "nll", Sum: meanLogp(g).Neg().Gather(1, best).Sum(), Count: g.Count("B"), Coefficient: 1},
			{Name: "odds", Sum: gap.LogSigmoid().Neg().Where(better, 0).Sum(), Count: better.Sum(), Coefficient: 0.1},
		}}
	},
	"kto": func(g *sdk.Graph) sdk.Objective {
		r, sign := ratio(g).MulScalar(0.1), g.Column("score")
		good := r.Sigmoid().Neg().AddScalar(1).Where(sign.GtScalar(0), 0)
		bad := r.Neg().Sigmoid().Neg().AddScalar(1).Where(sign.LtScalar(0), 0)
		return objective(good.Add(bad).Sum(), g.Real().Sum())
	},
	"weighted learning": func(g *sdk.Graph) sdk.Objective {
		score, l := g.Column("score").Unsqueeze(2), g.Logps().ClampMax(-1e-6)
		up := l.Neg().Mul(score).Where(score.GtScalar(0).And(g.LabelMask()), 0)
		down := l.Exp().Neg().AddScalar(1).Log().Mul(score).Where(score.LtScalar(0).And(g.LabelMask()), 0)
		return objective(up.Add(down).Sum(), g.LabelMask().Sum())
	},
	"clipped ratio": func(g *sdk.Graph) sdk.Objective {
		n := g.LabelMask().Sum(-1).ClampMin(1)
		rho, a := ratio(g).Div(n).ClampMax(20).Exp(), g.Column("score")
		rl := a.Mul(rho).Minimum(a.Mul(rho.ClampMin(0.8).ClampMax(1.2))).Neg()
		return objective(rl.Where(g.Real(), 0).Sum(), g.Real().Sum())
	},
	"listwise": func(g *sdk.Graph) sdk.Objective {
		fillers := g.Real().Not()
		p, s := meanLogp(g).MaskedFill(fillers, -1e9), g.Column("score").MaskedFill(fillers, -1e9)
		logp, target := p.Sub(p.LogSumExp(-1).Unsqueeze(-1)), s.Sub(s.LogSumExp(-1).Unsqueeze(-1)).Exp()
		return objective(target.Mul(logp).Where(g.Real(), 0).Sum().Neg(), g.Count("B"))
	},
	"length norm of translation": func(g *sdk.Graph) sdk.Objective {
		n := g.LabelMask().Sum(-1).AddScalar(5).DivScalar(6).Pow(0.6)
		return objective(g.Logps().Sum(-1).Neg().Div(n).Sum(), g.Real().Sum())
	},
	"token focal": func(g *sdk.Graph) sdk.Objective {
		miss := g.Logps().Exp().Neg().AddScalar(1)
		sum := g.Logps().Sum().Neg()
		return objective(miss.Square().Mul(g.Logps()).Where(g.LabelMask(), 0).Sum().Neg(), g.LabelMask().Sum(),
			sdk.Metric{Name: "perplexity", Sum: sum, Count: g.LabelMask().Sum(), Exp: true})
	},
	"sum over sequences": func(g *sdk.Graph) sdk.Objective {
		return objective(g.Logps().Sum().Neg(), g.Count("B"))
	},
	"best of k, in one term": func(g *sdk.Graph) sdk.Objective {
		better, gap := pairs(g, meanLogp(g))
		best := g.Column("score").MaskedFill(g.Real().Not(), math.Inf(-1)).Argmax(-1).Unsqueeze(-1)
		return objective(gap.Neg().Relu().Where(better, 0).Sum().Add(g.Logps().Sum(-1).Neg().Gather(1, best).Sum()), g.Count("B"))
	},
	"likeliest candidate": func(g *sdk.Graph) sdk.Objective {
		return objective(meanLogp(g).MaskedFill(g.Real().Not(), -1e9).Amax(-1).Neg().Sum(), g.Count("B"))
	},
	"weighted rows": func(g *sdk.Graph) sdk.Objective {
		w := g.ExampleColumn("weight").Unsqueeze(1)
		return objective(meanLogp(g).Neg().Mul(w).Sum(), g.Real().To(sdk.F32).Mul(w).Sum())
	},
	"policy gradient within a group": func(g *sdk.Graph) sdk.Objective {
		real, n := g.Real(), g.Real().Sum(-1).ClampMin(1).Unsqueeze(-1)
		off := g.Column("score").Sub(g.Column("score").Where(real, 0).Sum(-1).Unsqueeze(-1).Div(n)).Where(real, 0)
		advantage := off.Div(off.Square().Sum(-1).Unsqueeze(-1).Div(n).Sqrt().AddScalar(1e-4))
		ratio := g.Logps().Sub(g.Logps().Detach()).Exp()
		tokens := ratio.Mul(advantage.Unsqueeze(2)).Neg().Where(g.LabelMask(), 0).Sum(-1)
		return objective(tokens.Div(g.LabelMask().Sum(-1).ClampMin(1)).Sum(), real.Sum())
	},
	"clipped ratio a token, with a penalty": func(g *sdk.Graph) sdk.Objective {
		off, a, n := g.Logps().Sub(g.RefLogps()), g.Column("advantage").Unsqueeze(2), g.LabelMask().Sum()
		rho := off.ClampMin(-20).ClampMax(20).Exp()
		gain := rho.Mul(a).Minimum(rho.ClampMin(0.8).ClampMax(1.2).Mul(a))
		penalty := off.Neg().ClampMax(20).Exp().Add(off).SubScalar(1)
		return sdk.Objective{Terms: []sdk.Term{
			{Name: "policy", Sum: gain.Neg().Where(g.LabelMask(), 0).Sum(), Count: n, Coefficient: 1},
			{Name: "kl", Sum: penalty.Where(g.LabelMask(), 0).Sum(), Count: n, Coefficient: 0.05},
		}}
	},
	"likelihood of a ranking": func(g *sdk.Graph) sdk.Objective {
		p, score, real := meanLogp(g), g.Column("score"), g.Real()
		below := score.Unsqueeze(2).Ge(score.Unsqueeze(1)).And(real.Unsqueeze(2)).And(real.Unsqueeze(1))
		rest := p.Unsqueeze(1).Expand("B", "K", "K").MaskedFill(below.Not(), -1e9).LogSumExp(-1)
		return objective(rest.Sub(p).Where(real, 0).Sum(), g.Count("B"))
	},
	"dpo with a penalty for the chosen": func(g *sdk.Graph) sdk.Objective {
		better, gap := pairs(g, ratio(g))
		return objective(gap.Sub(ratio(g).Neg().Relu().MulScalar(5).Unsqueeze(2)).MulScalar(0.1).LogSigmoid().Neg().Where(better, 0).Sum(), better.Sum())
	},
	"dpo and tuning in one term": func(g *sdk.Graph) sdk.Objective {
		better, gap := pairs(g, ratio(g).MulScalar(0.1))
		return objective(gap.LogSigmoid().Sub(meanLogp(g).Neg().MulScalar(0.2).Unsqueeze(2)).Neg().Where(better, 0).Sum(), better.Sum())
	},
	"hardest negative": func(g *sdk.Graph) sdk.Objective {
		p, score, real := meanLogp(g), g.Column("score"), g.Real()
		best := score.MaskedFill(real.Not(), math.Inf(-1)).Argmax(-1).Unsqueeze(-1)
		worse := score.Lt(score.Gather(1, best)).And(real)
		hardest := p.MaskedFill(worse.Not(), -1e9).Amax(-1).Unsqueeze(-1)
		has := worse.Any(-1).Unsqueeze(-1)
		return objective(hardest.Where(has, 0).Sub(p.Gather(1, best)).AddScalar(0.5).Relu().Where(has, 0).Sum(), has.Sum())
	},
	"unlikelihood": func(g *sdk.Graph) sdk.Objective {
		score, m := g.Column("score").Unsqueeze(2), g.LabelMask()
		away := g.Logps().ClampMax(-1e-5).Exp().Neg().AddScalar(1).Log().Neg()
		return objective(g.Logps().Neg().Where(score.GtScalar(0).And(m), 0).Sum().Add(away.Where(score.LeScalar(0).And(m), 0).Sum()), m.Sum())
	},
	"rewards as gaps": func(g *sdk.Graph) sdk.Objective {
		better, gap := pairs(g, ratio(g).MulScalar(0.1))
		_, want := pairs(g, g.Column("score"))
		return objective(gap.Sub(want).Square().Where(better, 0).Sum(), better.Sum())
	},
	"discounted tokens": func(g *sdk.Graph) sdk.Objective {
		weight := g.LabelMask().CumSum(-1).SubScalar(1).MulScalar(math.Log(0.95)).Exp().Where(g.LabelMask(), 0)
		return objective(g.Logps().Mul(weight).Neg().Sum(), weight.Sum())
	},
	"policy gradient over a running baseline": func(g *sdk.Graph) sdk.Objective {
		score, rows := g.Column("score"), g.Real().Sum()
		baseline := g.State("baseline")
		cost := g.Logps().Sum(-1).Mul(score.Sub(baseline)).Neg()
		o := objective(cost.Where(g.Real(), 0).Sum(), rows)
		o.States = []sdk.State{{Name: "baseline", Update: baseline.MulScalar(0.9).Add(score.Sum().GlobalMean(rows).MulScalar(0.1))}}
		return o
	},
	"rewards centred over the step": func(g *sdk.Graph) sdk.Objective {
		r, rows := g.Rewards(), g.Real().Sum()
		better, gap := pairs(g, r)
		n := better.Sum()
		o := objective(gap.LogSigmoid().Neg().Where(better, 0).Sum(), n, sdk.Metric{Name: "accuracy", Sum: gap.GtScalar(0).And(better).Sum(), Count: n})
		away := r.Sub(r.Sum().GlobalMean(rows)).Square()
		o.Terms = append(o.Terms, sdk.Term{Name: "spread", Sum: away.Where(g.Real(), 0).Sum(), Count: rows, Coefficient: 0.01})
		return o
	},
	"regression of rewards": func(g *sdk.Graph) sdk.Objective {
		return objective(g.Rewards().Sub(g.Column("score")).Square().Sum(), g.Real().Sum())
	},
	"both KLs": func(g *sdk.Graph) sdk.Objective {
		n := g.LabelMask().Sum(-1).ClampMin(1)
		return objective(g.ForwardKL().MulScalar(0.9).Add(g.ReverseKL().MulScalar(0.1)).Sum(-1).Div(n).Sum(), g.Real().Sum())
	},
	"smoothed labels": func(g *sdk.Graph) sdk.Objective {
		n := g.LabelMask().Sum(-1).ClampMin(1)
		cost := g.Logps().MulScalar(0.9).Add(g.VocabMeanLogps().MulScalar(0.1)).Neg()
		return objective(cost.Sum(-1).Div(n).Sum(), g.Real().Sum())
	},
	"margin between classes": func(g *sdk.Graph) sdk.Objective {
		logits, label := g.Logits("topic"), g.Label("topic")
		has := label.GeScalar(0)
		over := logits.Sub(logits.Gather(1, label.ClampMin(0).Unsqueeze(-1))).AddScalar(1).Relu().Sum(-1).SubScalar(1)
		return objective(over.Where(has, 0).Sum(), has.Sum())
	},
	"cross entropy": func(g *sdk.Graph) sdk.Objective {
		logits, label := g.Logits("topic"), g.Label("topic")
		has := label.GeScalar(0)
		logp := logits.Sub(logits.LogSumExp(-1).Unsqueeze(-1))
		own := logp.Gather(1, label.ClampMin(0).Unsqueeze(-1)).Squeeze(-1).MulScalar(0.9).Add(logp.Mean(-1).MulScalar(0.1))
		right := logits.Argmax(-1).Eq(label).And(has)
		return objective(own.Neg().Where(has, 0).Sum(), has.Sum(), sdk.Metric{Name: "accuracy", Sum: right.Sum(), Count: has.Sum()})
	},
}

// No sound loss is called wrong.
func TestSoundLossesPass(t *testing.T) {
	for name, loss := range soundLosses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := checked(t, sdk.Plugin{Name: "sound", Version: "1", Doc: name, Losses: []sdk.LossSpec{sdk.NewLoss("sound", name, loss)}}, check.Options{})
			require.True(t, report.OK(), report.Text())
		})
	}
}

// chosenFirst is a format whose first candidate is the better one by its place.
type chosenFirst struct{}

func (chosenFirst) Columns() []sdk.Column {
	return []sdk.Column{{Name: "prompt", Type: sdk.String, Required: true}, {Name: "chosen", Type: sdk.String, Required: true}, {Name: "rejected", Type: sdk.String, Required: true}}
}

func (chosenFirst) Format(r *sdk.Row, o *sdk.Out) error {
	o.Candidate(r.Str(0), r.Str(1))
	o.Candidate(r.Str(0), r.Str(2))
	return nil
}

// Where a formatter gives each prompt two candidates, the place of one may mean something.
func TestPlacesMayMeanSomething(t *testing.T) {
	first := sound(func(g *sdk.Graph) sdk.Objective {
		place := g.Real().CumSum(-1)
		sign := place.EqScalar(1).To(sdk.F32).Sub(place.EqScalar(2).And(g.Real()).To(sdk.F32))
		gap := ratio(g).Mul(sign).Sum(-1).MulScalar(0.1)
		return objective(gap.LogSigmoid().Neg().Sum(), g.Count("B"))
	})
	p := sdk.Plugin{Name: "places", Version: "1", Losses: []sdk.LossSpec{sdk.NewLoss("places", "", first)}}
	require.False(t, checked(t, p, check.Options{}).OK())
	p.Formatters = []sdk.FormatterSpec{sdk.NewFormatter("pairs", "", chosenFirst{})}
	p.Tasks = []sdk.Task{{Name: "places", Formatter: "pairs", Head: sdk.LMHead, Loss: "places"}}
	report := checked(t, p, check.Options{})
	require.True(t, report.OK(), report.Text())
}

// A constant that is meant is one that the caller allows.
func TestWhatIsMeantIsAllowed(t *testing.T) {
	selfPaced := sound(func(g *sdk.Graph) sdk.Objective {
		p := meanLogp(g)
		return objective(p.Neg().Mul(p.Exp().Detach()).Where(g.Real(), 0).Sum(), g.Real().Sum())
	})
	p := sdk.Plugin{Name: "paced", Version: "1", Losses: []sdk.LossSpec{sdk.NewLoss("paced", "", selfPaced)}}
	require.False(t, checked(t, p, check.Options{}).OK())
	report := checked(t, p, check.Options{Allow: []string{"detach"}})
	require.True(t, report.OK(), report.Text())
	require.Contains(t, report.Text(), "allowed: term loss: by ")
	require.Contains(t, report.Text(), "nothing wrong, 1 to note")
}
