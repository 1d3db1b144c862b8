package loss

import (
	"fmt"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// weights triples the columns that hold weights: sums that read them must
// triple, counts may.
func (l *loss) weights() error {
	for _, input := range l.p.Inputs {
		if l.draw.columns[input.Name].role != sdk.WeightRole {
			continue
		}
		for _, in := range l.probes {
			base, err := l.evaluate(in)
			if err != nil {
				return err
			}
			e, err := l.evaluate(withColumn(in, only(input.Name), func(x float64) float64 { return 3 * x }))
			if err != nil {
				return err
			}
			for _, t := range l.p.Terms {
				if !l.weighed(t, input.Name, in, base, e) {
					return nil
				}
			}
		}
		l.unweighed(input.Name)
		l.Note = "three times the weight gives three times the sum"
	}
	if l.Note == "" {
		l.Note = "reads no weights"
	}
	return nil
}

// weighed checks that sum and count of a term scale with a tripled weight.
func (l *loss) weighed(t program.Term, column string, in sdktest.Inputs, base, e *sdktest.Evaluation) bool {
	for _, f := range []sdktest.Figure{{Name: "sum", Value: t.Sum}, {Name: "count", Value: t.Count}} {
		if f.Value == program.None || !l.fromInput(f.Value, column) {
			continue
		}
		was := base.Number(f.Value)
		is := e.Number(f.Value)
		if sdktest.Near(3*was, is) || f.Name == "count" && sdktest.Near(was, is) {
			continue
		}
		l.Find(check.Finding{
			Text: fmt.Sprintf(
				"the %s of term %s is %s, and with every %s three times as large it is %s instead of %s",
				f.Name,
				t.Name,
				sdktest.Numbers(was),
				column,
				sdktest.Numbers(is),
				sdktest.Numbers(3*was),
			),
			Cause:  "the weight is applied twice, to a part of the sum alone, or inside something non-linear; multiply each prompt's final number by it once",
			Places: l.Places(t.Sum), Probe: l.show(in),
		})
		return false
	}
	return true
}

// unweighed notes terms that a weight does not reach while it reaches others.
func (l *loss) unweighed(column string) {
	if l.Setting&check.Given != 0 {
		return // a term that a parameter adds may be a penalty by itself
	}
	var with, without []string
	for _, t := range l.p.Terms {
		switch {
		case t.Coefficient == 0:
		case l.fromInput(t.Sum, column):
			with = append(with, t.Name)
		default:
			without = append(without, t.Name)
		}
	}
	if with == nil || without == nil {
		return
	}
	l.Find(check.Finding{
		Warning: true,
		Text:    fmt.Sprintf("%s reaches term %s, but not term %s: an example of weight 0 still counts there", column, strings.Join(with, ", "), strings.Join(without, ", ")),
		Cause:   "multiply each example's part of every term by the weight; a penalty that is not about single examples may go without",
	})
}
