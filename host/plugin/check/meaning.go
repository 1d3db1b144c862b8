package check

import (
	"fmt"
	"strings"

	"llmhost/sdk/op"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// direction asks whether a term pushes the way the data points: with scores,
// the best candidate of a prompt up against the worst; with nothing but
// answers, the answers up.
func (l *loss) direction() error {
	if err := l.classDirection(); err != nil {
		return err
	}
	plain := l.draw.reads("policy.logps") && !l.draw.readsKind("column") && !l.draw.readsKind("label") && !l.exampleColumns()
	if !l.draw.scored() && !plain {
		if l.note == "" {
			l.note = "no column says what is better"
		}
		return nil
	}
	for _, t := range l.p.Terms {
		right, wrong := 0, 0
		var probe sdktest.Inputs
		for range 30 {
			in := l.draw.fill([][]int{{2, 2, 2}, {3, 3, 3}, {1, 1, 1}})
			pushes, err := l.pushes(in, t.Sum)
			if err != nil {
				return err
			}
			for b, total := range pushes {
				push := 0.0
				for _, g := range total {
					push -= sign(t.Coefficient) * g
				}
				if l.draw.scored() {
					best, worst := extremes(in.Columns["score"][b])
					push = sign(t.Coefficient) * (total[worst] - total[best])
				}
				switch {
				case push > 1e-12:
					right++
				case push < -1e-12:
					wrong, probe = wrong+1, in
				}
			}
		}
		if wrong >= 20 && right == 0 {
			l.backwards(t, plain, wrong, probe)
		}
	}
	if l.note == "" {
		l.note = "better candidates are pushed up"
	}
	return nil
}

// pushes is the gradient of a sum by what the model thinks of each candidate:
// the log-probabilities of its tokens together, and its reward.
func (l *loss) pushes(in sdktest.Inputs, sum int) ([][]float64, error) {
	e, err := l.evaluate(in)
	if err != nil {
		return nil, err
	}
	gradient := e.Gradient(map[int][]float64{sum: {1}})
	all := perCandidate(in.Unpadded(gradient["policy.logps"]))
	for b, prompt := range in.Rewards {
		for k := range prompt {
			all[b][k] += gradient["rewards"][b*len(gradient["rewards"])/len(in.Rewards)+k]
		}
	}
	return all, nil
}

func (l *loss) exampleColumns() bool {
	for name, v := range l.draw.columns {
		if strings.HasPrefix(name, "example_column.") && !v.positive {
			return true
		}
	}
	return false
}

func (l *loss) backwards(t program.Term, plain bool, wrong int, probe sdktest.Inputs) {
	f := Finding{
		Text:   fmt.Sprintf("term %s pushes the candidate of the highest score down against that of the lowest, on all %d prompts where it pushes at all", t.Name, wrong),
		Cause:  "a comparison or a difference is the wrong way round (Lt for Gt, j − i for i − j), or Argmin stands for Argmax: the column score is the better the higher",
		Places: place(l.p, t.Sum), Probe: l.show(probe),
	}
	if plain {
		f.Text = fmt.Sprintf("term %s falls as answers get less likely, on all %d prompts: it trains the model not to give them", t.Name, wrong)
		f.Cause = "a sign is missing: a likelihood is maximised by minimising its Neg"
	}
	l.find(f)
}

func sign(x float64) float64 {
	if x < 0 {
		return -1
	}
	return 1
}

// extremes are the places of the largest and the smallest number.
func extremes(scores []float64) (best, worst int) {
	for i, s := range scores {
		if s > scores[best] {
			best = i
		}
		if s < scores[worst] {
			worst = i
		}
	}
	return best, worst
}

// weights triples the columns that hold weights: sums that read them must
// triple, counts may.
func (l *loss) weights() error {
	isWeight := func(name string) bool { return strings.Contains(name, "weight") }
	for _, input := range l.p.Inputs {
		if !isWeight(input.Name) || input.Value.DType != op.F32 || input.FromModel {
			continue
		}
		only := func(name string) bool { return name == input.Name }
		for _, in := range l.probes {
			base, err := l.evaluate(in)
			if err != nil {
				return err
			}
			e, err := l.evaluate(withColumn(in, only, func(x float64) float64 { return 3 * x }))
			if err != nil {
				return err
			}
			for _, t := range l.p.Terms {
				if !l.weighed(t, input.Name, in, base, e) {
					return nil
				}
			}
		}
		l.note = "three times the weight is three times the sum"
	}
	if l.note == "" {
		l.note = "reads no weights"
	}
	return nil
}

func (l *loss) weighed(t program.Term, column string, in sdktest.Inputs, base, e *sdktest.Evaluation) bool {
	reads := func(v int) bool {
		return v != program.None && l.from(v, func(i op.Input) bool { return i.Name == column })
	}
	for _, f := range []figure{{name: "sum", value: t.Sum}, {name: "count", value: t.Count}} {
		if !reads(f.value) {
			continue
		}
		was, is := base.Number(f.value), e.Number(f.value)
		if same(3*was, is) || f.name == "count" && same(was, is) {
			continue
		}
		l.find(Finding{
			Text:   fmt.Sprintf("the %s of term %s is %s, and with every %s three times as large it is %s instead of %s", f.name, t.Name, number(was), column, number(is), number(3*was)),
			Cause:  "the weight is applied twice, to a part of the sum alone, or inside something that is not linear; multiply each prompt's finished number once",
			Places: place(l.p, t.Sum), Probe: l.show(in),
		})
		return false
	}
	return true
}

// unlabelled asks whether prompts without a class count for nothing.
func (l *loss) unlabelled() error {
	if !l.draw.readsKind("label") {
		l.note = "reads no class labels"
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
		for _, f := range l.figures() {
			ofClasses := l.from(f.value, func(i op.Input) bool {
				return strings.HasPrefix(i.Name, "logits.") || strings.HasPrefix(i.Name, "label.")
			})
			if !ofClasses && nodeOp(l.p, f.value) != "dim_size" {
				continue
			}
			if !same(base.Number(f.value), rest.Number(f.value)) {
				l.find(Finding{
					Text:   fmt.Sprintf("%s is %s, and %s without the one prompt that has no class (label %d)", f.name, number(base.Number(f.value)), number(rest.Number(f.value)), sdktest.NoLabel),
					Cause:  "a missing label is compared with another number, or its prompt is counted: mask with Label(name).GeScalar(0), in sum and count",
					Places: place(l.p, f.value), Probe: l.show(in),
				})
				return nil
			}
		}
	}
	l.note = "prompts without a class count for nothing"
	return nil
}
