package loss

import (
	"fmt"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// floorLogp is as unlikely as a token gets in float32 before its probability
// is 0: e^-80 is 2e-35.
const floorLogp = -80

// floor asks whether a term still learns where the model is most wrong. A
// logarithm of a clamped probability does not.
func (l *loss) floor() error {
	for _, t := range l.p.Terms {
		for range 12 {
			in := l.draw.batch(2, 3, 3)
			base, err := l.logpGradient(in, t.Sum)
			if err != nil {
				return err
			}
			deep, err := l.logpGradient(mapped(in, func(x float64) float64 { return 40*x + floorLogp/2 }), t.Sum)
			if err != nil {
				return err
			}
			for b, prompt := range base {
				for k, row := range prompt {
					if row == nil || row[0] >= 0 || deep[b][k][0] != 0 || t.Coefficient < 0 {
						continue
					}
					alone, err := l.logpGradient(lowered(in, b, k), t.Sum)
					if err != nil {
						return err
					}
					if alone[b][k][0] == 0 {
						l.dies(t, in, row[0], b, k)
						return nil
					}
				}
			}
		}
	}
	l.Note = "the gradient lives on where the model is most wrong"
	return nil
}

// logpGradient is the gradient of a sum by each label token.
func (l *loss) logpGradient(in sdktest.Inputs, sum int) ([][][]float64, error) {
	e, err := l.evaluate(in)
	if err != nil {
		return nil, err
	}
	return in.Unpadded(e.Gradient(bySum(sum))["policy.logps"]), nil
}

// lowered is the batch with one candidate's first token at the floor.
func lowered(in sdktest.Inputs, b, k int) sdktest.Inputs {
	out := mapped(in, func(x float64) float64 { return x })
	out.Logps[b][k][0] = floorLogp
	return out
}

func (l *loss) dies(t program.Term, in sdktest.Inputs, slope float64, b, k int) {
	places := []string{}
	for v, reached := range l.p.Reach(t.Sum) {
		if name := l.p.Op(v); reached &&
			(strings.HasPrefix(name, "clamp") || name == "minimum" || name == "maximum") {
			places = append(places, l.p.Place(v))
		}
	}
	l.Find(check.Finding{
		Text: fmt.Sprintf("term %s wants the first token of prompt %d, candidate %d likelier (slope %s), but where its log-probability is %d, so that it is needed most, the gradient is 0",
			t.Name, b, k, sdktest.Numbers(slope), floorLogp),
		Cause:  "a probability or a loss is clamped, such as Exp().ClampMin(1e-8).Log(): work with the log-probability itself",
		Places: places, Probe: l.show(in),
	})
}
