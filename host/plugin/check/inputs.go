package check

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"llmhost/sdk/op"
	"llmhost/sdk/sdktest"
)

// inputs asks of everything that a loss reads whether it matters: a run must
// provide it, and a reference model costs as much as the model itself.
func (l *loss) inputs() error {
	asked := 0
	for _, input := range l.p.Inputs {
		change := l.changeOf(input)
		if change == nil {
			continue
		}
		asked++
		matters, err := l.matters(change)
		if err != nil {
			return err
		}
		if !matters {
			l.find(Finding{
				Text:  fmt.Sprintf("%s is read, and changes nothing: with other numbers in it, all sums, counts and gradients stay as they are", input.Name),
				Cause: "it cancels out, is multiplied with 0, or a mask leaves nothing of it; use it, or do not read it",
			})
		}
	}
	l.note = fmt.Sprintf("%d inputs, each of which matters", asked)
	return nil
}

// changeOf puts other numbers into one input; nil for what cannot be changed
// by itself.
func (l *loss) changeOf(input op.Input) func(in sdktest.Inputs) sdktest.Inputs {
	kind, name, _ := strings.Cut(input.Name, ".")
	switch kind {
	case "column", "example_column":
		only := func(column string) bool { return column == input.Name }
		return func(in sdktest.Inputs) sdktest.Inputs {
			return withColumn(in, only, func(float64) float64 { return l.draw.number(input.Name) })
		}
	case "ref":
		return func(in sdktest.Inputs) sdktest.Inputs {
			in.RefLogps = l.redrawn(in).RefLogps
			return in
		}
	case "kl", "rewards", "mismatched":
		return func(in sdktest.Inputs) sdktest.Inputs { return l.withOther(input.Name, in) }
	case "state":
		return func(in sdktest.Inputs) sdktest.Inputs {
			in.States = map[string]float64{name: rounded(0.2 + l.draw.rng.Float64())}
			return in
		}
	case "label":
		return func(in sdktest.Inputs) sdktest.Inputs {
			labels := map[string][]int{}
			for head, own := range in.Labels {
				labels[head] = slices.Clone(own)
			}
			for b := range labels[name] {
				labels[name][b] = l.draw.rng.IntN(l.draw.classes)
			}
			in.Labels = labels
			return in
		}
	}
	return nil
}

// withOther puts other numbers into one input of a model, for as many tokens.
func (l *loss) withOther(input string, in sdktest.Inputs) sdktest.Inputs {
	other := l.redrawn(in)
	switch input {
	case "kl.reverse":
		in.ReverseKL = other.ReverseKL
	case "kl.forward":
		in.ForwardKL = other.ForwardKL
	case "rewards":
		in.Rewards = other.Rewards
	case "mismatched.policy.logps":
		in.MismatchedLogps = other.MismatchedLogps
	case "mismatched.ref.logps":
		in.MismatchedRefLogps = other.MismatchedRefLogps
	}
	return in
}

// matters says whether a change shows on any of many batches.
func (l *loss) matters(change func(sdktest.Inputs) sdktest.Inputs) (bool, error) {
	batches := slices.Clone(l.probes)
	for _, s := range scenes {
		batches = append(batches, s.make(l))
	}
	for _, in := range batches {
		base, err := l.evaluate(in)
		if err != nil {
			return false, err
		}
		other, err := l.evaluate(change(in))
		if err != nil {
			return false, err
		}
		for _, f := range l.results() {
			if !same(base.Number(f.value), other.Number(f.value)) {
				return true, nil
			}
		}
		if !slices.EqualFunc(l.termGradient(in, base, base.LossSeeds()), l.termGradient(in, other, other.LossSeeds()), same) {
			return true, nil
		}
	}
	return false, nil
}

// nearZero is next to 0, and smooth what a term may change over that distance.
const (
	nearZero = 1e-9
	smooth   = 1e-5
)

// zeros asks whether a number that is exactly 0 is taken for what it is. A
// log-probability of 0 is that of a certain token, a score of 0 is a score;
// what tells padding are the masks.
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
			if wrong, err := l.hole(p.what, in, p.set(in, 0), p.set(in, p.away[0]), p.set(in, p.away[len(p.away)-1])); wrong || err != nil {
				return err
			}
		}
	}
	l.note = "a number of exactly 0 is a number"
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
		for _, f := range []figure{{name: "sum", value: t.Sum}, {name: "count", value: t.Count}} {
			at, low, high := runs[0].Number(f.value), runs[1].Number(f.value), runs[2].Number(f.value)
			if !isFinite(at) || !isFinite(low) || math.Abs(low-high) > smooth*(1+math.Abs(low)) || math.Abs(at-low) <= smooth*(1+math.Abs(low)) {
				continue
			}
			l.find(Finding{
				Text:   fmt.Sprintf("the %s of term %s is %s where %s is all but 0, and %s where it is 0", f.name, t.Name, number(low), what, number(at)),
				Cause:  "a 0 is taken for padding: which tokens are there is what LabelMask() says, which candidates Real()",
				Places: place(l.p, f.value), Probe: l.show(in),
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
