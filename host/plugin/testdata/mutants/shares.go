package mutants

import (
	"llmhost/sdk"
)

// place is each label token's place in its answer, from 1, [B, K, T].
func place(g *sdk.Graph) sdk.Tensor { return g.LabelMask().CumSum(-1) }

// length is the number of label tokens of an answer, [B, K, 1].
func length(g *sdk.Graph) sdk.Tensor { return g.LabelMask().Sum(-1).Unsqueeze(-1) }

// weighing weighs the likelihood of tokens by their place.
func weighing(weight func(g *sdk.Graph) sdk.Tensor) trace {
	return func(g *sdk.Graph) sdk.Objective {
		w := weight(g).Where(g.LabelMask(), 0)
		return term(g.Logps().Mul(w).Sum().Neg(), g.LabelMask().Sum())
	}
}

// shares give the tokens of an answer other shares than they should have.
func shares() []Mutant {
	one := func(g *sdk.Graph) sdk.Tensor { return g.Logps().OnesLike() }
	keep := func(which func(g *sdk.Graph) sdk.Tensor) trace {
		return func(g *sdk.Graph) sdk.Objective {
			mask := g.LabelMask().And(which(g))
			return term(g.Logps().Neg().Where(mask, 0).Sum(), g.LabelMask().Sum())
		}
	}
	return []Mutant{
		mutant("second-token-left-out", "the second label token is left out", keep(func(g *sdk.Graph) sdk.Tensor { return place(g).NeScalar(2) }), "tokens"),
		mutant("token-before-the-last-left-out", "the token before the last is left out", keep(func(g *sdk.Graph) sdk.Tensor {
			return place(g).Ne(length(g).SubScalar(1))
		}), "tokens"),
		mutant("every-other-token", "every other token is left out", keep(func(g *sdk.Graph) sdk.Tensor {
			half := place(g).MulScalar(0.5)
			return half.Eq(half.To(sdk.I64).To(sdk.F32)).Not()
		}), "tokens"),
		mutant("both-ends-left-out", "the first and the last token are left out", keep(func(g *sdk.Graph) sdk.Tensor {
			return place(g).GtScalar(1).And(place(g).Lt(length(g)))
		}), "tokens"),
		mutant("last-token-twice", "the end token counts twice", weighing(func(g *sdk.Graph) sdk.Tensor {
			return one(g).Add(place(g).Eq(length(g)).To(sdk.F32))
		}), "tokens").noted(),
		mutant("first-token-half", "the first token counts half", weighing(func(g *sdk.Graph) sdk.Tensor {
			return one(g).Sub(place(g).EqScalar(1).To(sdk.F32).MulScalar(0.5))
		}), "tokens").noted(),
		mutant("first-four-tokens", "only the first four tokens of an answer count", keep(func(g *sdk.Graph) sdk.Tensor { return place(g).LeScalar(4) }), "tokens").noted(),
		mutant("kl-without-first-token", "the KL leaves out the first token", trace(func(g *sdk.Graph) sdk.Objective {
			o := term(g.Logps().Sum().Neg(), g.LabelMask().Sum())
			kl := g.ReverseKL().Where(place(g).GtScalar(1).And(g.LabelMask()), 0)
			o.Terms = append(o.Terms, sdk.Term{Name: "kl", Sum: kl.Sum(), Count: g.LabelMask().Sum(), Coefficient: 0.1})
			return o
		}), "tokens"),
		mutant("reference-without-last-token", "the reference's end token is left out", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			ref := g.RefLogps().Where(place(g).Lt(length(g)), 0).Sum(-1)
			p := x.sum.Sub(ref).MulScalar(0.1)
			gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
			return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "reference", "tokens"),
		mutant("worse-answer-without-first-token", "the worse answer lacks its first token", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			rest := g.Logps().Where(place(g).GtScalar(1), 0).Sum(-1)
			gap := x.sum.Unsqueeze(2).Sub(rest.Unsqueeze(1)).MulScalar(0.1)
			return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "tokens"),
	}
}

// ratioed is DPO with a share of the reference.
func ratioed(policy, reference float64) trace {
	return func(g *sdk.Graph) sdk.Objective {
		x := pieced(g)
		p := x.sum.MulScalar(policy).Sub(g.RefLogps().Sum(-1).MulScalar(reference))
		gap := p.Unsqueeze(2).Sub(p.Unsqueeze(1))
		return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
	}
}

// betaOfOne applies its beta to the policy alone.
type betaOfOne struct {
	Beta float64 `llmhost:"beta,default=0.1,min=0,max=1,doc=strength"`
}

func (l betaOfOne) Trace(g *sdk.Graph) sdk.Objective { return ratioed(l.Beta, 0.1)(g) }

// coefficients treat the reference, or one term, otherwise than the rest.
func coefficients() []Mutant {
	return []Mutant{
		mutant("half-the-reference", "the reference counts half", ratioed(0.1, 0.05), "reference"),
		mutant("reference-without-beta", "beta is applied to the policy and not to the reference", ratioed(0.1, 1), "reference"),
		mutant("beta-of-the-policy", "beta is applied to the policy, a fixed number to the reference", betaOfOne{}, "reference"),
		mutant("reference-of-worse-twice", "the worse candidate's reference counts twice", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			p, ref := x.sum.MulScalar(0.1), g.RefLogps().Sum(-1).MulScalar(0.1)
			gap := p.Sub(ref).Unsqueeze(2).Sub(p.Sub(ref.MulScalar(2)).Unsqueeze(1))
			return term(gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), x.better.Sum())
		}), "reference"),
		mutant("ratio-with-other-scale", "a token's ratio takes twice the reference", trace(func(g *sdk.Graph) sdk.Objective {
			rho := g.Logps().Sub(g.RefLogps().MulScalar(2)).ClampMin(-20).ClampMax(20)
			return term(rho.Square().Where(g.LabelMask(), 0).Sum().Add(g.Logps().Sum().Neg()), g.LabelMask().Sum())
		}), "reference"),
		mutant("weight-of-one-term", "the weight reaches one term of two", trace(func(g *sdk.Graph) sdk.Objective {
			x := pieced(g)
			w := g.ExampleColumn("weight", sdk.Role(sdk.WeightRole)).Unsqueeze(1)
			return sdk.Objective{Terms: []sdk.Term{
				{Name: "rank", Sum: x.gap.LogSigmoid().Neg().Where(x.better, 0).Sum(), Count: x.better.Sum(), Coefficient: 1},
				{Name: "tune", Sum: x.p.Neg().Mul(w).Sum(), Count: x.real.Sum(), Coefficient: 1},
			}}
		}), "weights").noted(),
		mutant("weight-of-one-head", "the weight reaches one head of two", trace(func(g *sdk.Graph) sdk.Objective {
			w := g.ExampleColumn("weight")
			return sdk.Objective{Terms: []sdk.Term{
				headTerm(g, "topic", "topic", w),
				headTerm(g, "tone", "tone", w.OnesLike()),
			}}
		}), "weights").noted(),
	}
}

// headTerm is the cross entropy of a head's logits and a label, weighed.
func headTerm(g *sdk.Graph, logitsOf, labelOf string, weight sdk.Tensor) sdk.Term {
	logits, label := g.Logits(logitsOf), g.Label(labelOf)
	has := label.GeScalar(0)
	own := logits.LogSumExp(-1).Sub(logits.Gather(1, label.ClampMin(0).Unsqueeze(-1)).Squeeze(-1))
	return sdk.Term{Name: logitsOf, Sum: own.Mul(weight).Where(has, 0).Sum(), Count: has.Sum(), Coefficient: 1}
}

// heads mix up or ignore labels.
func heads() []Mutant {
	ones := func(g *sdk.Graph) sdk.Tensor { return g.Label("topic").To(sdk.F32).OnesLike() }
	return []Mutant{
		mutant("label-of-another-head", "the logits of tone are trained on the label of topic", trace(func(g *sdk.Graph) sdk.Objective {
			return sdk.Objective{Terms: []sdk.Term{headTerm(g, "topic", "topic", ones(g)), headTerm(g, "tone", "topic", ones(g))}}
		}), "labels"),
		mutant("labels-crossed", "two heads have each other's labels", trace(func(g *sdk.Graph) sdk.Objective {
			return sdk.Objective{Terms: []sdk.Term{headTerm(g, "topic", "tone", ones(g)), headTerm(g, "tone", "topic", ones(g))}}
		}), "labels"),
		mutant("label-only-masks", "the label only says whether there is one", trace(func(g *sdk.Graph) sdk.Objective {
			logits, has := g.Logits("topic"), g.Label("topic").GeScalar(0)
			logp := logits.Sub(logits.LogSumExp(-1).Unsqueeze(-1))
			return term(logp.Amax(-1).Neg().Where(has, 0).Sum(), has.Sum())
		}), "labels"),
		mutant("one-class-for-all", "every prompt is trained on class 0", trace(func(g *sdk.Graph) sdk.Objective {
			logits, label := g.Logits("topic"), g.Label("topic")
			has := label.GeScalar(0)
			first := logits.Gather(1, label.ZerosLike().Unsqueeze(-1)).Squeeze(-1)
			return term(logits.LogSumExp(-1).Sub(first).Where(has, 0).Sum(), has.Sum())
		}), "labels"),
		mutant("head-without-label", "the second head's label is never read", trace(func(g *sdk.Graph) sdk.Objective {
			logits := g.Logits("tone")
			logp := logits.Sub(logits.LogSumExp(-1).Unsqueeze(-1))
			return sdk.Objective{Terms: []sdk.Term{
				headTerm(g, "topic", "topic", ones(g)),
				{Name: "tone", Sum: logp.Exp().Mul(logp).Sum(), Count: g.Count("B"), Coefficient: 1},
			}}
		}), "labels").noted(),
	}
}
