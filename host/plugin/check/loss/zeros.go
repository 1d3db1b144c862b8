package loss

import (
	"fmt"
	"math"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/sdktest"
)

// nearZero is a number next to 0, and smooth bounds how much a term may change
// over that distance.
const (
	nearZero = 1e-9
	smooth   = 1e-5
)

// zeros checks that a number that is exactly 0 is treated as a number. A
// log-probability of 0 is that of a certain token, a score of 0 is a score;
// padding is marked by the masks.
func (l *loss) zeros() error {
	type place struct {
		what string
		set  func(in sdktest.Inputs, to float64) sdktest.Inputs
		away []float64 // on which sides of 0 numbers may lie
	}
	places := []place{{"a log-probability", firstLogp, []float64{-nearZero}}}
	for _, input := range l.p.Inputs {
		switch input.Name {
		case "rewards":
			places = append(places, place{"a reward", firstReward, []float64{-nearZero, nearZero}})
		case "kl.reverse", "kl.forward":
			places = append(places, place{"a KL", firstKL, []float64{nearZero}})
		}
		if strings.Contains(input.Name, "column.") && l.draw.free(input.Name) {
			places = append(places, place{"a number of " + input.Name, firstOf(input.Name), []float64{-nearZero, nearZero}})
		}
	}
	for _, p := range places {
		for range 4 {
			in := l.draw.batch(3, 3, 3)
			if wrong, err := l.hole(
				p.what,
				in,
				p.set(in, 0),
				p.set(in, p.away[0]),
				p.set(in, p.away[len(p.away)-1]),
			); wrong ||
				err != nil {
				return err
			}
		}
	}
	l.Note = "exactly 0 is treated as a number"
	return nil
}

// hole reports a term that has one value on both sides of 0, and another at 0.
func (l *loss) hole(what string, in, at, below, above sdktest.Inputs) (wrong bool, err error) {
	var runs [3]*sdktest.Evaluation
	for i, batch := range []sdktest.Inputs{at, below, above} {
		if runs[i], err = l.evaluate(batch); err != nil {
			return false, err
		}
	}
	for _, t := range l.p.Terms {
		for _, f := range []sdktest.Figure{{Name: "sum", Value: t.Sum}, {Name: "count", Value: t.Count}} {
			at := runs[0].Number(f.Value)
			low := runs[1].Number(f.Value)
			high := runs[2].Number(f.Value)
			if !numbers.Finite(at) ||
				!numbers.Finite(low) ||
				math.Abs(low-high) > smooth*(1+math.Abs(low)) ||
				math.Abs(at-low) <= smooth*(1+math.Abs(low)) {
				continue
			}
			l.Find(check.Finding{
				Text: fmt.Sprintf(
					"the %s of term %s is %s when %s is almost 0, and %s when it is 0",
					f.Name,
					t.Name,
					sdktest.Numbers(low),
					what,
					sdktest.Numbers(at),
				),
				Cause:  "a 0 is treated as padding: LabelMask() marks the label tokens, Real() the real candidates",
				Places: l.Places(f.Value), Probe: l.show(in),
			})
			return true, nil
		}
	}
	return false, nil
}

// firstLogp sets the first log-probability of the batch.
func firstLogp(in sdktest.Inputs, to float64) sdktest.Inputs {
	out := mapped(in, func(x float64) float64 { return x })
	out.Logps[0][0][0] = to
	return out
}

// firstReward sets the first reward of the batch.
func firstReward(in sdktest.Inputs, to float64) sdktest.Inputs {
	in.Rewards = applied2(in.Rewards, func(x float64) float64 { return x })
	in.Rewards[0][0] = to
	return in
}

// firstKL sets the KLs of the first label token of the batch.
func firstKL(in sdktest.Inputs, to float64) sdktest.Inputs {
	for _, kl := range []*[][][]float64{&in.ReverseKL, &in.ForwardKL} {
		if *kl = applied3(*kl, func(x float64) float64 { return x }); *kl != nil {
			(*kl)[0][0][0] = to
		}
	}
	return in
}

// firstOf sets the first number of a column.
func firstOf(column string) func(in sdktest.Inputs, to float64) sdktest.Inputs {
	return func(in sdktest.Inputs, to float64) sdktest.Inputs {
		out := withColumn(in, func(string) bool { return false }, nil)
		if kind, name, _ := strings.Cut(column, "."); kind == "column" {
			out.Columns[name][0][0] = to
		} else {
			out.ExampleColumns[name][0] = to
		}
		return out
	}
}
