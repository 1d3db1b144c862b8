package loss

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmhost/host/plugin/check"
	"llmhost/sdk/op"
	"llmhost/sdk/sdktest"
)

// labels checks that the logits of each head are trained on the label of that head.
func (l *loss) labels() error {
	l.Note = "reads no head of classes"
	for _, input := range l.p.Inputs {
		head, is := strings.CutPrefix(input.Name, "logits.")
		if !is {
			continue
		}
		l.Note = "every head is trained on its own label"
		trained, err := l.trainedOn(head)
		if err != nil {
			return err
		}
		if !slices.Contains(trained, head) {
			l.foreignLabel(head, trained)
		}
	}
	return nil
}

// trainedOn are the heads whose labels change the gradient of a head's logits.
func (l *loss) trainedOn(head string) (heads []string, err error) {
	found := map[string]bool{}
	for range 4 {
		in := l.draw.batch(4, 1, 2)
		base, err := l.logitGradient(head, in)
		if err != nil {
			return nil, err
		}
		for other := range in.Labels {
			moved, err := l.logitGradient(head, l.relabelled(in, other))
			if err != nil {
				return nil, err
			}
			found[other] = found[other] || !sdktest.NearAll(base, moved)
		}
	}
	for other, changes := range found {
		if changes {
			heads = append(heads, other)
		}
	}
	slices.Sort(heads)
	return heads, nil
}

func (l *loss) logitGradient(head string, in sdktest.Inputs) ([]float64, error) {
	e, err := l.evaluate(in)
	if err != nil {
		return nil, err
	}
	return e.Gradient(e.LossSeeds())["logits."+head], nil
}

// relabelled gives every prompt another class under a head.
func (l *loss) relabelled(in sdktest.Inputs, head string) sdktest.Inputs {
	labels := maps.Clone(in.Labels)
	labels[head] = slices.Clone(in.Labels[head])
	for b, class := range labels[head] {
		labels[head][b] = (class + 1) % l.draw.classes
	}
	in.Labels = labels
	return in
}

// foreignLabel reports a head that its own label does not train.
func (l *loss) foreignLabel(head string, trained []string) {
	f := check.Finding{
		Text:  fmt.Sprintf("the gradient of the logits of head %s is the same whatever the class that its label names", head),
		Cause: "the label is only used as a mask, or not at all: Gather the logit of Label(name)",
	}
	read := l.draw.reads("label." + head)
	switch {
	case len(trained) > 0:
		f.Text += fmt.Sprintf("; it changes with the label of %s", strings.Join(trained, ", "))
		f.Cause = "two heads are mixed up: Logits(name) goes with Label(name) of the same name"
	case !read:
		f.Warning = true
		f.Cause = "no label is read; that is right for a penalty on undecided or certain classes"
		if l.softly(head) {
			return
		}
	}
	l.Find(f)
}

// softly reports whether a term trains a head on columns, such as shares of classes.
func (l *loss) softly(head string) bool {
	for _, t := range l.p.Terms {
		if l.fromInput(t.Sum, "logits."+head) && l.from(t.Sum, func(i op.Input) bool { return strings.Contains(i.Name, "column.") }) {
			return true
		}
	}
	return false
}
