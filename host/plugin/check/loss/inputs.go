package loss

import (
	"fmt"
	"slices"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
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
			l.Find(check.Finding{
				Text:  fmt.Sprintf("%s is read, and changes nothing: with other numbers in it, all sums, counts and gradients stay as they are", input.Name),
				Cause: "it cancels out, is multiplied with 0, or a mask leaves nothing of it; use it, or do not read it",
			})
		}
	}
	l.Note = fmt.Sprintf("%d inputs, each of which matters", asked)
	return nil
}

// changeOf puts other numbers into one input; nil for what cannot be changed
// by itself.
func (l *loss) changeOf(input op.Input) func(in sdktest.Inputs) sdktest.Inputs {
	kind, name, _ := strings.Cut(input.Name, ".")
	switch kind {
	case "column", "example_column":
		return func(in sdktest.Inputs) sdktest.Inputs {
			return withColumn(in, only(input.Name), func(float64) float64 { return l.draw.number(input.Name) })
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
			in.States = map[string]float64{name: numbers.Rounded(0.2 + l.draw.rng.Float64())}
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
		for _, f := range l.p.Yields() {
			if !sdktest.Near(base.Number(f.Value), other.Number(f.Value)) {
				return true, nil
			}
		}
		if !slices.EqualFunc(used(in, base, base.LossSeeds()), used(in, other, other.LossSeeds()), sdktest.Near) {
			return true, nil
		}
	}
	return false, nil
}
