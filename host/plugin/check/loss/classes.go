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

// classDirection checks that terms over classes raise the logit of the label's
// class, and that they are bounded below.
func (l *loss) classDirection() error {
	for _, t := range l.p.Terms {
		for _, input := range l.p.Inputs {
			kind, head, _ := strings.Cut(input.Name, ".")
			label := "label." + head
			if kind != "logits" || !l.draw.reads(label) || t.Coefficient == 0 ||
				!l.fromInput(t.Sum, input.Name) || !l.fromInput(t.Sum, label) {
				continue
			}
			if err := l.lowersOwn(t, head); err != nil {
				return err
			}
			if err := l.bottomless(t, head); err != nil {
				return err
			}
			l.Note = "the label's class is raised"
		}
	}
	return nil
}

// lowersOwn reports a term that pushes the label's class down wherever it has a
// gradient.
func (l *loss) lowersOwn(t program.Term, head string) error {
	right, wrong := 0, 0
	var probe sdktest.Inputs
	for range 12 {
		in := l.draw.batch(4, 1, 2)
		e, err := l.evaluate(in)
		if err != nil {
			return err
		}
		gradient := e.Gradient(map[int][]float64{t.Sum: {sign(t.Coefficient)}})["logits."+head]
		for b, class := range in.Labels[head] {
			switch g := gradient[b*l.draw.classes+class]; {
			case g < 0:
				right++
			case g > 0:
				wrong = wrong + 1
				probe = in
			}
		}
	}
	if wrong >= 12 && right == 0 {
		l.Find(check.Finding{
			Text: fmt.Sprintf(
				"term %s lowers the logit of the label's own class, for all %d prompts where it changes it",
				t.Name,
				wrong,
			),
			Cause:  "a Neg is missing, or the label is shifted: classes are counted from 0, as Label(name) gives them",
			Places: l.Places(t.Sum), Probe: l.show(probe),
		})
	}
	return nil
}

// bottomless reports a term that keeps falling linearly as the logit of the
// label's class rises, however right the model already is.
func (l *loss) bottomless(t program.Term, head string) error {
	in := l.draw.batch(4, 1, 2)
	var sums []float64
	for _, height := range []float64{1000, 2000, 4000} {
		out := in
		out.Logits = map[string][][]float64{}
		for name, rows := range in.Logits {
			for b, row := range rows {
				row = append([]float64(nil), row...)
				if name == head {
					row[in.Labels[head][b]] = height
				}
				out.Logits[name] = append(out.Logits[name], row)
			}
		}
		v, err := l.sum(t, out)
		if err != nil {
			return err
		}
		sums = append(sums, sign(t.Coefficient)*v)
	}
	first := sums[0] - sums[1]
	second := sums[1] - sums[2]
	if first > 1 && math.Abs(second-2*first) < 1e-6*second {
		l.Find(check.Finding{
			Text: fmt.Sprintf(
				"term %s falls without bound as the logit of the label's class rises: it is %s, %s and %s at 1,000, 2,000 and 4,000",
				t.Name,
				sdktest.Numbers(sums[0]),
				sdktest.Numbers(sums[1]),
				sdktest.Numbers(sums[2]),
			),
			Cause:  "the other classes do not limit it: subtract LogSumExp(-1) of the logits",
			Places: l.Places(t.Sum), Probe: l.show(in),
		})
	}
	return nil
}

// unlabelled checks that prompts without a class count for nothing.
func (l *loss) unlabelled() error {
	if !l.draw.readsKind("label") {
		l.Note = "reads no class labels"
		return nil
	}
	for range 3 {
		in := l.draw.batch(4, 1, 2)
		for _, labels := range in.Labels {
			labels[1] = sdktest.NoLabel
		}
		base, err := l.evaluate(in)
		if err != nil {
			return fmt.Errorf("with a prompt whose label is %d, for none, it %w", sdktest.NoLabel, err)
		}
		rest, err := l.evaluate(in.Pick(0, 2, 3))
		if err != nil {
			return err
		}
		if l.countsUnlabelled(in, base, rest) {
			return nil
		}
	}
	l.Note = "prompts without a class count for nothing"
	return nil
}

// countsUnlabelled reports a figure of classes that a prompt without one changes.
func (l *loss) countsUnlabelled(in sdktest.Inputs, base, rest *sdktest.Evaluation) bool {
	ofClasses := func(i op.Input) bool {
		return strings.HasPrefix(i.Name, "logits.") || strings.HasPrefix(i.Name, "label.")
	}
	for _, f := range l.p.Figures() {
		if !l.from(f.Value, ofClasses) && l.p.Op(f.Value) != "dim_size" {
			continue
		}
		with := base.Number(f.Value)
		without := rest.Number(f.Value)
		if sdktest.Near(with, without) {
			continue
		}
		l.Find(check.Finding{
			Text: fmt.Sprintf(
				"%s is %s, and %s without the one prompt that has no class (label %d)",
				f.Name,
				sdktest.Numbers(with),
				sdktest.Numbers(without),
				sdktest.NoLabel,
			),
			Cause:  "a missing label is compared with another number, or its prompt is counted: mask with Label(name).GeScalar(0), in sum and count",
			Places: l.Places(f.Value), Probe: l.show(in),
		})
		return true
	}
	return false
}
