package loss

import (
	"fmt"
	"math"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// way is a direction in which a model may go, to any height.
type way struct {
	what string
	to   func(l *loss, in sdktest.Inputs, height float64) sdktest.Inputs
}

// ways are those that a term is followed along.
var ways = []way{
	{what: "as all answers get less likely", to: func(l *loss, in sdktest.Inputs, h float64) sdktest.Inputs {
		return l.logpsAt(in, func(int, int) float64 { return -h })
	}},
	{what: "as better answers get likely and worse ones unlikely", to: func(l *loss, in sdktest.Inputs, h float64) sdktest.Inputs {
		return l.logpsAt(in, func(b, k int) float64 { return -h * (1 - l.standing(in, b, k)) })
	}},
	{what: "as every second answer gets less likely", to: func(l *loss, in sdktest.Inputs, h float64) sdktest.Inputs {
		return l.logpsAt(in, func(_, k int) float64 { return -h*float64(k%2) - 0.1 })
	}},
	{what: "as rewards rise with scores", to: func(l *loss, in sdktest.Inputs, h float64) sdktest.Inputs {
		return l.rewardsAt(in, func(b, k int) float64 { return h * (l.standing(in, b, k) - 0.5) })
	}},
	{what: "as all rewards rise", to: func(l *loss, in sdktest.Inputs, h float64) sdktest.Inputs {
		return l.rewardsAt(in, func(int, int) float64 { return h })
	}},
	{what: "as all rewards fall", to: func(l *loss, in sdktest.Inputs, h float64) sdktest.Inputs {
		return l.rewardsAt(in, func(int, int) float64 { return -h })
	}},
	{what: "as the model goes away from its reference", to: func(_ *loss, in sdktest.Inputs, h float64) sdktest.Inputs {
		in.ReverseKL = applied3(in.ReverseKL, func(float64) float64 { return h })
		in.ForwardKL = applied3(in.ForwardKL, func(float64) float64 { return h })
		return in
	}},
	{what: "as the model becomes certain", to: func(_ *loss, in sdktest.Inputs, h float64) sdktest.Inputs {
		in.VocabMeanLogps = applied3(in.VocabMeanLogps, func(float64) float64 { return -h })
		return in
	}},
}

// logpsAt sets every log-probability of each answer.
func (l *loss) logpsAt(in sdktest.Inputs, level func(b, k int) float64) sdktest.Inputs {
	out := in
	out.Logps = nil
	for b, prompt := range in.Logps {
		var rows [][]float64
		for k, row := range prompt {
			rows = append(rows, applied(row, true, func(float64) float64 { return level(b, k) }))
		}
		out.Logps = append(out.Logps, rows)
	}
	return out
}

// rewardsAt sets the reward of each answer.
func (l *loss) rewardsAt(in sdktest.Inputs, level func(b, k int) float64) sdktest.Inputs {
	out := in
	out.Rewards = nil
	for b, prompt := range in.Rewards {
		row := make([]float64, len(prompt))
		for k := range row {
			row[k] = level(b, k)
		}
		out.Rewards = append(out.Rewards, row)
	}
	return out
}

// standing is 1 for the best candidate of a prompt, 0 for the worst; by place where
// no score says which is better.
func (l *loss) standing(in sdktest.Inputs, b, k int) float64 {
	n := len(in.Logps[b])
	if n < 2 {
		return 1
	}
	scores := in.Columns[l.draw.score]
	if scores == nil {
		return 1 - float64(k)/float64(n-1)
	}
	below := 0
	for _, s := range scores[b] {
		if s < scores[b][k] {
			below++
		}
	}
	return float64(below) / float64(n-1)
}

// bounded follows each term along every way: one that falls in proportion to the
// height, or faster, has no lowest value.
func (l *loss) bounded() error {
	for _, t := range l.p.Terms {
		if t.Coefficient == 0 {
			continue
		}
		for _, w := range ways {
			for range 3 {
				in := l.draw.batch(3, 3, 3)
				depths, err := l.depths(t, w, in)
				if err != nil {
					return err
				}
				if endless(depths) {
					l.sinks(t, w, in, depths)
					return nil
				}
			}
		}
	}
	l.Note = "no term falls without end"
	return nil
}

// depths are a term's sums, as they count in the loss, at rising heights.
func (l *loss) depths(t program.Term, w way, in sdktest.Inputs) (depths [3]float64, err error) {
	for i, height := range []float64{1000, 2000, 4000} {
		v, err := l.sum(t, w.to(l, in, height))
		if err != nil {
			return depths, err
		}
		depths[i] = sign(t.Coefficient) * v
	}
	return depths, nil
}

// endless reports whether numbers at doubling heights fall at least in proportion.
func endless(depths [3]float64) bool {
	first := depths[0] - depths[1]
	second := depths[1] - depths[2]
	return first > 0.1 && second >= 1.99*first && !math.IsInf(second, 0)
}

// sinks reports a term without a lowest value: a note where a column may ask for
// that, or a distance to the reference that is estimated by a difference.
func (l *loss) sinks(t program.Term, w way, in sdktest.Inputs, depths [3]float64) {
	asked := l.fromInput(t.Sum, "ref.logps") || l.from(t.Sum, func(i op.Input) bool {
		column := l.draw.columns[i.Name]
		return strings.Contains(i.Name, "column.") && (column.min == nil || *column.min < 0)
	})
	f := check.Finding{
		Warning: asked,
		Text: fmt.Sprintf("term %s falls without end %s: it is %s, %s and %s at 1,000, 2,000 and 4,000",
			t.Name, w.what, sdktest.Numbers(sign(t.Coefficient)*depths[0]), sdktest.Numbers(sign(t.Coefficient)*depths[1]), sdktest.Numbers(sign(t.Coefficient)*depths[2])),
		Cause:  "a sign is missing, or a Coefficient is below 0: what is to stay small is added to the loss",
		Places: l.Places(t.Sum), Probe: l.show(in),
	}
	if asked {
		f.Cause = "a difference is trained without LogSigmoid, Relu or Square around it; a policy gradient, or an estimate of a KL, does this on purpose, and relies on small steps"
	}
	l.Find(f)
}
