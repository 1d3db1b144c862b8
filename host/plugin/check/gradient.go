package check

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"llmhost/sdk/sdktest"
)

// maxElements is how many elements of a batch are differentiated numerically.
const maxElements = 24

// draws is how often a probe is drawn anew because it stands at a kink.
const draws = 6

// gradient holds the gradient of every term to central differences, with what
// the author detached held constant.
func (l *loss) gradient() error {
	checked, worst := 0, 0.0
	for i := range l.p.Terms {
		for _, size := range l.sizes() {
			in, slopes, err := l.slopes(i, size, true)
			if err != nil {
				return err
			}
			for _, s := range slopes {
				if s.Rough || !isFinite(s.Gradient) { // finite is another check's business
					continue
				}
				checked, worst = checked+1, math.Max(worst, s.Error)
				if s.Error > sdktest.GradientTolerance {
					l.wrongSlope(i, in, s, "")
					return nil
				}
			}
		}
	}
	l.note = fmt.Sprintf("%d derivatives, largest relative error %.1g", checked, worst)
	return nil
}

// slopes compares the gradient of term i with differences on a batch of a size,
// drawn anew while some element stands at a kink.
func (l *loss) slopes(i int, size [3]int, hold bool) (in sdktest.Inputs, slopes []sdktest.Slope, err error) {
	for range draws {
		in = l.draw.batch(size[0], size[1], size[2])
		var e *sdktest.Evaluation
		if e, err = l.evaluate(in); err != nil {
			return in, nil, err
		}
		a, _ := in.Arguments()
		a.Held = e.GlobalMeans() // constants by what they are
		if hold {
			a.Held = e.Detached()
		}
		if slopes, err = l.p.Slopes(a, l.p.Terms[i].Sum, l.elements(a)); err != nil {
			return in, nil, err
		}
		rough := false
		for _, s := range slopes {
			rough = rough || s.Rough
		}
		if !rough {
			break
		}
	}
	return in, slopes, nil
}

// elements picks elements that a host has a use for, not too many of them.
func (l *loss) elements(a sdktest.Arguments) func(input string, i int) bool {
	labels, real := a.Inputs["label_mask"].Data, a.Inputs["candidate_mask"].Data
	total := len(labels)
	for _, input := range l.p.Inputs {
		if input.FromModel {
			total = max(total, len(a.Inputs[input.Name].Data))
		}
	}
	rng := rand.New(rand.NewPCG(uint64(total), 7))
	return func(input string, i int) bool {
		there := true
		switch input {
		case "policy.logps", "kl.reverse", "kl.forward":
			there = labels[i] != 0
		case "rewards":
			there = real[i] != 0
		}
		return there && rng.IntN(total) < maxElements
	}
}

// wrongSlope reports one derivative.
func (l *loss) wrongSlope(i int, in sdktest.Inputs, s sdktest.Slope, cause string, places ...string) {
	a, _ := in.Arguments()
	l.find(Finding{
		Text: fmt.Sprintf("term %s: by %s its gradient is %s, while moving that by a little changes the term by %s a unit",
			l.p.Terms[i].Name, element(s.Input, a, s.Element), number(s.Gradient), number(s.Difference)),
		Cause: cause, Places: places, Probe: l.show(in),
	})
}

// surrogate says whether a detached value is only compared with itself: x less
// or divided by its own Detach is a constant that is there for its gradient
// alone, as in a policy gradient, and can be nothing but meant.
func surrogate(p *sdktest.Traced, detached int) bool {
	of, uses := p.Nodes[detached-len(p.Inputs)].In[0], 0
	for _, node := range p.Nodes {
		if !slices.Contains(node.In, detached) {
			continue
		}
		if uses++; (node.Op != "sub" && node.Op != "div") || !slices.Contains(node.In, of) {
			return false
		}
	}
	return uses > 0
}

// detach asks whether what the author detached takes part in the slope of a
// term. It may be meant, as in a weight that is to be a constant; then the
// author says so with --allow detach.
func (l *loss) detach() error {
	for i, t := range l.p.Terms {
		var places []string
		for v, reached := range l.reach(t.Sum) {
			if reached && nodeOp(l.p, v) == "detach" && !surrogate(l.p, v) {
				places = append(places, l.p.Place(v))
			}
		}
		if places == nil {
			continue
		}
		for _, size := range l.sizes() {
			in, slopes, err := l.slopes(i, size, false)
			if err != nil {
				return err
			}
			for _, s := range slopes {
				if !s.Rough && isFinite(s.Gradient) && s.Error > sdktest.GradientTolerance {
					l.wrongSlope(i, in, s, "a Detach holds the gradient back; remove it, or, where a constant is meant there, check with --allow detach", places...)
					return nil
				}
			}
		}
	}
	l.note = "the gradient is the slope of what is computed"
	return nil
}

// learns asks whether every term has a gradient to the model.
func (l *loss) learns() error {
	for i, t := range l.p.Terms {
		largest, moves := 0.0, false
		for _, size := range sizes {
			in := l.draw.batch(size[0], size[1], size[2])
			e, err := l.evaluate(in)
			if err != nil {
				return err
			}
			for _, g := range l.termGradient(in, e, map[int][]float64{t.Sum: {1}}) {
				largest = math.Max(largest, math.Abs(g))
			}
			other, err := l.evaluate(l.redrawn(in))
			if err != nil {
				return err
			}
			moves = moves || !same(e.Number(t.Sum), other.Number(t.Sum))
		}
		if largest > 0 {
			continue
		}
		cause := "it is computed from data alone; report it as a metric"
		if moves {
			cause = "a Detach, a comparison or an index cuts its gradient off; report it as a metric if that is meant"
		}
		l.find(Finding{Text: fmt.Sprintf("term %s has no gradient to the model on any batch", l.p.Terms[i].Name), Cause: cause, Places: place(l.p, t.Sum)})
	}
	l.note = fmt.Sprintf("%d terms, each with a gradient", len(l.p.Terms))
	return nil
}
