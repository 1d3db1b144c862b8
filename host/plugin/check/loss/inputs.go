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

// inputs checks that everything that a loss reads matters: a run must provide
// it, and a reference model costs as much as the model itself.
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
				Text:  fmt.Sprintf("%s is read but changes nothing: with other numbers in it, all sums, counts and gradients stay the same", input.Name),
				Cause: "it cancels out, is multiplied by 0, or is masked out entirely; use it, or do not read it",
			})
		}
	}
	l.Note = fmt.Sprintf("%d inputs, each of which matters", asked)
	return nil
}

// changeOf returns a function that changes one input; nil for one that cannot
// be changed by itself.
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
	case "policy":
		if name == "logps" {
			return nil
		}
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

// withOther redraws one input from the model, for the same tokens.
func (l *loss) withOther(input string, in sdktest.Inputs) sdktest.Inputs {
	other := l.redrawn(in)
	switch input {
	case "kl.reverse":
		in.ReverseKL = other.ReverseKL
	case "kl.forward":
		in.ForwardKL = other.ForwardKL
	case "policy.vocab_mean_logps":
		in.VocabMeanLogps = other.VocabMeanLogps
	case "rewards":
		in.Rewards = other.Rewards
	case "mismatched.policy.logps":
		in.MismatchedLogps = other.MismatchedLogps
	case "mismatched.ref.logps":
		in.MismatchedRefLogps = other.MismatchedRefLogps
	}
	return in
}

// matters reports whether a change has an effect on any of many batches.
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
