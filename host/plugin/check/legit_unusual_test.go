package check_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
)

// The plugins here are sound, each in a way that a check of something like it could
// take for a fault.

// alphaDPO weighs its reference by a parameter.
type alphaDPO struct {
	Beta  float64 `llmhost:"beta,default=0.1,min=0.01,max=1,doc=strength"`
	Alpha float64 `llmhost:"alpha,default=0.5,min=0,max=1,doc=share of the reference"`
}

func (l alphaDPO) Trace(g *sdk.Graph) sdk.Objective {
	better, gap := pairs(g, g.Logps().Sum(-1).Sub(g.RefLogps().Sum(-1).MulScalar(l.Alpha)).MulScalar(l.Beta))
	return objective(gap.LogSigmoid().Neg().Where(better, 0).Sum(), better.Sum())
}

// smoothed has parameters that are off by default.
type smoothed struct {
	Smoothing float64 `llmhost:"label_smoothing,default=0,min=0,max=0.5,doc=share of pairs that are the wrong way round"`
	Margin    float64 `llmhost:"margin,default=0,min=0,doc=gap wanted"`
	Power     float64 `llmhost:"power,default=1,min=0,max=2,doc=power of the length that divides an answer"`
}

func (l smoothed) Trace(g *sdk.Graph) sdk.Objective {
	n := g.LabelMask().Sum(-1).ClampMin(1).Pow(l.Power)
	better, gap := pairs(g, g.Logps().Sum(-1).Div(n))
	gap = gap.SubScalar(l.Margin)
	cost := gap.LogSigmoid().MulScalar(1 - l.Smoothing).Add(gap.Neg().LogSigmoid().MulScalar(l.Smoothing))
	return objective(cost.Neg().Where(better, 0).Sum(), better.Sum())
}

// thresholded has a number that only decides who takes part.
type thresholded struct {
	Least float64 `llmhost:"least_score,default=0.5,doc=score above which an answer is learned"`
	First int     `llmhost:"first_tokens,default=0,min=0,max=512,doc=tokens of an answer that count, 0 for all"`
}

func (l thresholded) Trace(g *sdk.Graph) sdk.Objective {
	good := g.Column("score").GtScalar(l.Least).And(g.Real())
	mask := g.LabelMask().And(good.Unsqueeze(2))
	if l.First > 0 {
		mask = mask.And(g.LabelMask().CumSum(-1).LeScalar(float64(l.First)))
	}
	return objective(g.Logps().Neg().Where(mask, 0).Sum(), mask.Sum())
}

var unusualLosses = map[string]sdk.Loss{
	"a share of the reference": alphaDPO{},
	"off by default":           smoothed{},
	"a threshold":              thresholded{},
	"a coefficient that begins at 0": sound(func(g *sdk.Graph) sdk.Objective {
		rows, kl := g.Real().Sum(), g.ReverseKL().Sum()
		weight := g.State("weight")
		o := objective(g.Logps().Sum().Neg(), g.LabelMask().Sum())
		o.Terms = append(o.Terms, sdk.Term{Name: "kl", Sum: kl.Mul(weight), Count: rows, Coefficient: 1})
		o.States = []sdk.State{{Name: "weight", Update: weight.MulScalar(0.9).Add(kl.GlobalMean(rows).MulScalar(0.01))}}
		return o
	}),
	"a warm-up by steps": sound(func(g *sdk.Graph) sdk.Objective {
		step := g.State("step")
		o := objective(g.Logps().Sum().Neg(), g.LabelMask().Sum())
		o.Terms = append(o.Terms, sdk.Term{Name: "kl", Sum: g.ForwardKL().Sum().Mul(step.DivScalar(100).ClampMax(1)), Count: g.LabelMask().Sum(), Coefficient: 0.1})
		o.States = []sdk.State{{Name: "step", Update: step.AddScalar(1)}}
		return o
	}),
	"an average that is only reported": sound(func(g *sdk.Graph) sdk.Objective {
		rows, mean := g.Real().Sum(), g.State("score")
		better, gap := pairs(g, meanLogp(g))
		o := objective(gap.LogSigmoid().Neg().Where(better, 0).Sum(), better.Sum(), sdk.Metric{Name: "running_score", Sum: mean.Mul(rows), Count: rows})
		o.States = []sdk.State{{Name: "score", Update: mean.MulScalar(0.9).Add(g.Column("score").Sum().GlobalMean(rows).MulScalar(0.1))}}
		return o
	}),
	"leave one out": sound(func(g *sdk.Graph) sdk.Objective {
		real, score := g.Real(), g.Column("score")
		others := real.Sum(-1).SubScalar(1).ClampMin(1).Unsqueeze(-1)
		rest := score.Where(real, 0).Sum(-1).Unsqueeze(-1).Sub(score).Div(others)
		alone := real.Sum(-1).LeScalar(1).Unsqueeze(-1)
		advantage := score.Sub(rest).MaskedFill(alone, 0)
		return objective(g.Logps().Sum(-1).Mul(advantage).Neg().Where(real, 0).Sum(), real.Sum())
	}),
	"weighted by exponentials of rewards": sound(func(g *sdk.Graph) sdk.Objective {
		weight := g.Column("score").ClampMax(5).ClampMin(-5).DivScalar(2).Exp()
		return objective(meanLogp(g).Neg().Mul(weight).Where(g.Real(), 0).Sum(), g.Real().Sum())
	}),
	"later tokens count more": sound(func(g *sdk.Graph) sdk.Objective {
		w := g.LabelMask().CumSum(-1).AddScalar(3).Log().Where(g.LabelMask(), 0)
		return objective(g.Logps().Mul(w).Neg().Sum(), w.Sum())
	}),
	"certain classes are held back": sound(func(g *sdk.Graph) sdk.Objective {
		logits, label := g.Logits("topic"), g.Label("topic")
		has := label.GeScalar(0)
		logp := logits.Sub(logits.LogSumExp(-1).Unsqueeze(-1))
		own := logp.Gather(1, label.ClampMin(0).Unsqueeze(-1)).Squeeze(-1)
		entropy := logp.Exp().Mul(logp).Sum(-1)
		right := logits.Argmax(-1).Eq(label).And(has)
		return sdk.Objective{
			Terms: []sdk.Term{
				{Name: "nll", Sum: own.Neg().Where(has, 0).Sum(), Count: has.Sum(), Coefficient: 1},
				{Name: "confidence", Sum: entropy.Where(has, 0).Sum(), Count: has.Sum(), Coefficient: 0.1},
			},
			Metrics: []sdk.Metric{{Name: "topic_accuracy", Sum: right.Sum(), Count: has.Sum()}},
		}
	}),
	"classes and answers together": sound(func(g *sdk.Graph) sdk.Objective {
		logits, label := g.Logits("tone"), g.Label("tone")
		has := label.GeScalar(0)
		own := logits.LogSumExp(-1).Sub(logits.Gather(1, label.ClampMin(0).Unsqueeze(-1)).Squeeze(-1))
		return sdk.Objective{Terms: []sdk.Term{
			{Name: "tone", Sum: own.Where(has, 0).Sum(), Count: has.Sum(), Coefficient: 0.5},
			{Name: "answer", Sum: g.Logps().Sum().Neg(), Count: g.LabelMask().Sum(), Coefficient: 1},
		}}
	}),
	"two heads in one term": sound(func(g *sdk.Graph) sdk.Objective {
		cost := func(head string) (sdk.Tensor, sdk.Tensor) {
			logits, label := g.Logits(head), g.Label(head)
			has := label.GeScalar(0)
			own := logits.LogSumExp(-1).Sub(logits.Gather(1, label.ClampMin(0).Unsqueeze(-1)).Squeeze(-1))
			return own.Where(has, 0), has
		}
		a, hasA := cost("topic")
		b, hasB := cost("tone")
		return objective(a.Add(b.MulScalar(0.5)).Sum(), hasA.Sum().Add(hasB.Sum()))
	}),
	"reports both sides": sound(func(g *sdk.Graph) sdk.Objective {
		better, gap := pairs(g, ratio(g).MulScalar(0.1))
		n, r := better.Sum(), ratio(g).MulScalar(0.1).Detach()
		side := func(name string, x sdk.Tensor) sdk.Metric {
			return sdk.Metric{Name: name, Sum: x.ExpandAs(gap).Where(better, 0).Sum(), Count: n}
		}
		return objective(gap.LogSigmoid().Neg().Where(better, 0).Sum(), n,
			side("rewards_chosen", r.Unsqueeze(2)), side("rewards_rejected", r.Unsqueeze(1)),
			sdk.Metric{Name: "accuracy", Sum: gap.GtScalar(0).And(better).Sum(), Count: n},
			sdk.Metric{Name: "nll", Sum: g.Logps().Sum().Neg(), Count: g.LabelMask().Sum()})
	}),
	"ties are half right": sound(func(g *sdk.Graph) sdk.Objective {
		better, gap := pairs(g, meanLogp(g))
		right := gap.GtScalar(0).To(sdk.F32).Add(gap.EqScalar(0).To(sdk.F32).MulScalar(0.5))
		return objective(gap.LogSigmoid().Neg().Where(better, 0).Sum(), better.Sum(), sdk.Metric{Name: "accuracy", Sum: right.Where(better, 0).Sum(), Count: better.Sum()})
	}),
	"a square of the distance to the reference": sound(func(g *sdk.Graph) sdk.Objective {
		off := g.Logps().Sub(g.RefLogps())
		return sdk.Objective{Terms: []sdk.Term{
			{Name: "tune", Sum: g.Logps().Sum().Neg(), Count: g.LabelMask().Sum(), Coefficient: 1},
			{Name: "near", Sum: off.Square().Where(g.LabelMask(), 0).Sum(), Count: g.LabelMask().Sum(), Coefficient: 0.1},
		}}
	}),
	"hinge on rewards": sound(func(g *sdk.Graph) sdk.Objective {
		better, gap := pairs(g, g.Rewards())
		return objective(gap.Neg().AddScalar(1).Relu().Where(better, 0).Sum(), better.Sum(), sdk.Metric{Name: "margin", Sum: gap.Where(better, 0).Sum(), Count: better.Sum()})
	}),
	"bradley terry of places": sound(func(g *sdk.Graph) sdk.Objective {
		better, gap := pairs(g, g.Rewards())
		_, apart := pairs(g, g.Column("score"))
		soft := apart.Sigmoid()
		cost := gap.LogSigmoid().Mul(soft).Add(gap.Neg().LogSigmoid().Mul(soft.Neg().AddScalar(1)))
		return objective(cost.Neg().Where(better, 0).Sum(), better.Sum())
	}),
	"a soft label of the data": sound(func(g *sdk.Graph) sdk.Objective {
		share := g.ExampleColumn("share", sdk.Range(0, 1)).Unsqueeze(1)
		r := g.Rewards()
		cost := r.LogSigmoid().Mul(share).Add(r.Neg().LogSigmoid().Mul(share.Neg().AddScalar(1)))
		return objective(cost.Neg().Where(g.Real(), 0).Sum(), g.Real().Sum())
	}),
	"a mean of the best": sound(func(g *sdk.Graph) sdk.Objective {
		score := g.Column("score").MaskedFill(g.Real().Not(), math.Inf(-1))
		best := score.Ge(score.Amax(-1).Unsqueeze(-1)).And(g.Real())
		return objective(meanLogp(g).Neg().Where(best, 0).Sum(), best.Sum())
	}),
}

func TestUnusualLossesPass(t *testing.T) {
	for name, loss := range unusualLosses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := checked(t, sdk.Plugin{Name: "unusual", Version: "1", Doc: name, Losses: []sdk.LossSpec{sdk.NewLoss("unusual", name, loss)}}, check.Options{})
			require.True(t, report.OK(), report.Text())
		})
	}
}

// cleaned has a parameter for each change that it makes, all on by default.
type cleaned struct {
	Lower bool   `llmhost:"lower_case,default=true,doc=for models without capitals"`
	Trim  bool   `llmhost:"trim,default=true,doc=take blanks off the ends"`
	Limit int    `llmhost:"limit,default=3000,min=10,max=1000000,doc=characters of an answer that are kept"`
	End   string `llmhost:"end,default=.,doc=what ends every answer"`
}

func (cleaned) Columns() []sdk.Column {
	return []sdk.Column{needed("question", sdk.String), needed("answer", sdk.String)}
}

func (f cleaned) Format(r *sdk.Row, o *sdk.Out) error {
	question, answer := r.Str(0), r.Str(1)
	if f.Lower {
		question, answer = strings.ToLower(question), strings.ToLower(answer)
	}
	if f.Trim {
		answer = strings.TrimSpace(answer)
	}
	if long := []rune(answer); len(long) > f.Limit {
		answer = string(long[:f.Limit])
	}
	if answer == "" {
		return o.Drop("no answer")
	}
	o.Candidate(question+"\n", answer+f.End)
	return nil
}

func questionAnswer(format func(q, a string, o *sdk.Out) error) sdk.Formatter {
	return soundFormatter{[]sdk.Column{needed("question", sdk.String), needed("answer", sdk.String)}, func(r *sdk.Row, o *sdk.Out) error {
		return format(r.Str(0), r.Str(1), o)
	}}
}

func escapedXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}

var unusualFormatters = map[string]sdk.Formatter{
	"changes with parameters": cleaned{},
	"json in the prompt": questionAnswer(func(q, a string, o *sdk.Out) error {
		call, err := json.Marshal(map[string]string{"question": q})
		if err != nil {
			return err
		}
		o.Candidate("Call: "+string(call)+"\n", a)
		return nil
	}),
	"xml around the question": questionAnswer(func(q, a string, o *sdk.Out) error {
		o.Candidate("<question>"+escapedXML(q)+"</question>\n", a)
		return nil
	}),
	"a quoted block": questionAnswer(func(q, a string, o *sdk.Out) error {
		o.Candidate("> "+strings.ReplaceAll(q, "\n", "\n> ")+"\n", a)
		return nil
	}),
	"ends trimmed": questionAnswer(func(q, a string, o *sdk.Out) error {
		if strings.TrimSpace(a) == "" {
			return o.Drop("no answer")
		}
		o.Candidate(strings.TrimSpace(q)+"\n", strings.TrimSpace(a))
		return nil
	}),
	"long answers left out": questionAnswer(func(q, a string, o *sdk.Out) error {
		if len(a) > 50_000 {
			return o.Drop("too long")
		}
		o.Candidate(q+"\n", a)
		return nil
	}),
	"refuses marks": questionAnswer(func(q, a string, o *sdk.Out) error {
		if strings.Contains(q+a, "<sep>") || strings.Contains(q+a, "### Response:") {
			return errors.New("a text holds a mark of the template")
		}
		o.Candidate(q+"\n### Response:\n", a)
		return nil
	}),
	"pairs": soundFormatter{[]sdk.Column{needed("prompt", sdk.String), needed("chosen", sdk.String), needed("rejected", sdk.String)}, func(r *sdk.Row, o *sdk.Out) error {
		o.Candidate(r.Str(0), r.Str(1)).Set("score", 1)
		o.Candidate(r.Str(0), r.Str(2)).Set("score", 0)
		return nil
	}},
	"pairs with a rating each": soundFormatter{[]sdk.Column{needed("prompt", sdk.String), needed("chosen", sdk.String), needed("rejected", sdk.String), needed("score_chosen", sdk.Float), needed("score_rejected", sdk.Float)}, func(r *sdk.Row, o *sdk.Out) error {
		o.Candidate(r.Str(0), r.Str(1)).Set("score", r.Float(3))
		o.Candidate(r.Str(0), r.Str(2)).Set("score", r.Float(4))
		return nil
	}},
	"whole texts of one prompt": soundFormatter{[]sdk.Column{needed("chosen", sdk.String), needed("rejected", sdk.String)}, func(r *sdk.Row, o *sdk.Out) error {
		for i, score := range []float64{1, 0} {
			text := r.Str(i)
			at := strings.LastIndex(text, "Assistant: ")
			if at < 0 {
				return o.Drop("no assistant")
			}
			at += len("Assistant: ")
			o.Candidate(text[:at], text[at:]).Set("score", score)
		}
		return nil
	}},
	"a prompt of its own for each": soundFormatter{[]sdk.Column{needed("prompts", sdk.StringList), needed("answers", sdk.StringList), needed("scores", sdk.FloatList)}, func(r *sdk.Row, o *sdk.Out) error {
		if len(r.Strs(0)) == 0 || len(r.Strs(0)) != len(r.Strs(1)) || len(r.Strs(0)) != len(r.Floats(2)) {
			return errors.New("prompts, answers and scores do not pair up")
		}
		for i, prompt := range r.Strs(0) {
			o.Candidate(prompt, r.Strs(1)[i]).Set("score", r.Floats(2)[i])
		}
		return nil
	}},
	"scores as ranks": soundFormatter{[]sdk.Column{needed("texts", sdk.StringList), needed("scores", sdk.FloatList)}, func(r *sdk.Row, o *sdk.Out) error {
		texts, scores := r.Strs(0), r.Floats(1)
		if len(texts) == 0 || len(texts) != len(scores) {
			return errors.New("texts and scores do not pair up")
		}
		for i, text := range texts {
			below := 0.0
			for _, s := range scores {
				if s < scores[i] {
					below++
				}
			}
			o.Candidate("", text).Set("score", below)
		}
		return nil
	}},
	"a weight that may be absent": soundFormatter{[]sdk.Column{needed("prompt", sdk.String), needed("completion", sdk.String), {Name: "weight", Type: sdk.Float, Role: sdk.WeightRole}}, func(r *sdk.Row, o *sdk.Out) error {
		weight := 1.0
		if r.Has(2) {
			weight = max(0, r.Float(2))
		}
		o.Candidate(r.Str(0), r.Str(1))
		o.Set("weight", weight)
		return nil
	}},
	"toxic or not": soundFormatter{[]sdk.Column{needed("text", sdk.String), needed("toxic", sdk.Bool)}, func(r *sdk.Row, o *sdk.Out) error {
		o.Candidate("", r.Str(0))
		o.Label("toxic", fmt.Sprint(r.Bool(1)))
		return nil
	}},
	"only good answers": soundFormatter{[]sdk.Column{needed("prompt", sdk.String), needed("answer", sdk.String), needed("good", sdk.Bool)}, func(r *sdk.Row, o *sdk.Out) error {
		if !r.Bool(2) {
			return o.Drop("not good")
		}
		o.Candidate(r.Str(0), r.Str(1))
		return nil
	}},
	"one template filled at once": questionAnswer(func(q, a string, o *sdk.Out) error {
		o.Candidate(strings.NewReplacer("{question}", q).Replace("Question: {question}\nAnswer: "), a)
		return nil
	}),
	"turns in another template": soundFormatter{[]sdk.Column{needed("text", sdk.String)}, func(r *sdk.Row, o *sdk.Out) error {
		text := strings.NewReplacer("\n\nHuman: ", "<|user|>", "\n\nAssistant: ", "<|assistant|>").Replace(r.Str(0))
		at := strings.LastIndex(text, "<|assistant|>")
		if at < 0 {
			return o.Drop("no assistant")
		}
		at += len("<|assistant|>")
		if text[at:] == "" {
			return o.Drop("no answer")
		}
		o.Candidate(text[:at], text[at:])
		return nil
	}},
	"examples and no form to guess": told{examples: []string{`"a red one ==> and a blue one"`, `"three of them ==> four of them"`}, gives: []sdk.Output{{Name: "score", Role: sdk.ScoreRole}}},
}

func TestUnusualFormattersPass(t *testing.T) {
	for name, formatter := range unusualFormatters {
		t.Run(name, func(t *testing.T) {
			report := checked(t, sdk.Plugin{Name: "unusual", Version: "1", Doc: name, Formatters: []sdk.FormatterSpec{sdk.NewFormatter("unusual", name, formatter)}}, check.Options{})
			require.True(t, report.OK(), report.Text())
		})
	}
}

// powered weighs tokens by their place.
type powered struct {
	Power float64 `llmhost:"power,default=1,min=0,max=3,doc=power of the place"`
}

func (p powered) Trace(g *sdk.Graph) sdk.Tensor { return weighted(g, places(g).Pow(p.Power)) }

var unusualPoolings = map[string]sdk.Pooling{
	"places to a power": powered{},
	"first and last": soundPooling(func(g *sdk.Graph) sdk.Tensor {
		first := states(g).IndexSelect(0, lengths(g).CumSum(0).Sub(lengths(g)).To(sdk.I64))
		last := states(g).IndexSelect(0, lengths(g).CumSum(0).SubScalar(1).To(sdk.I64))
		return first.Add(last).MulScalar(0.5)
	}),
	"largest of each unit": soundPooling(func(g *sdk.Graph) sdk.Tensor { return states(g).SegmentMax(g.Sequence(), "N") }),
}

func TestUnusualPoolingsPass(t *testing.T) {
	for name, pooling := range unusualPoolings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := checked(t, sdk.Plugin{Name: "unusual", Version: "1", Doc: name, Poolings: []sdk.PoolingSpec{sdk.NewPooling("unusual", name, pooling)}}, check.Options{})
			require.True(t, report.OK(), report.Text())
		})
	}
}
