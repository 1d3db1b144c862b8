package loss

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// maxElements is how many elements of a batch are differentiated numerically.
const maxElements = 24

// draws is how often a probe is drawn again because it stands at a kink.
const draws = 6

// gradient holds the gradient of every term to central differences, with what
// the author detached held constant.
func (l *loss) gradient() error {
	checked, worst := 0, 0.0
	for _, t := range l.p.Terms {
		for _, size := range l.sizes() {
			in, slopes, err := l.slopes(t.Sum, size, (*sdktest.Evaluation).Detached)
			if err != nil {
				return err
			}
			if s, found := wrongSlope(slopes); found {
				l.tooSteep(t, in, s, "")
				return nil
			}
			for _, s := range slopes {
				checked = checked + 1
				worst = math.Max(worst, s.Error)
			}
		}
	}
	l.Note = fmt.Sprintf("%d derivatives, largest relative error %.1g", checked, worst)
	return nil
}

// detach asks whether what the author detached takes part in the slope of a
// term. It may be meant, as in a weight that is to be a constant; then the loss
// says so with Allow, or the caller with --allow.
func (l *loss) detach() error {
	for _, t := range l.p.Terms {
		places := l.detached(t.Sum)
		if places == nil {
			continue
		}
		for _, size := range l.sizes() {
			in, slopes, err := l.slopes(t.Sum, size, (*sdktest.Evaluation).GlobalMeans) // constants by what they are
			if err != nil {
				return err
			}
			if s, found := wrongSlope(slopes); found {
				const cause = "a Detach holds the gradient back; remove it, or, where a constant is meant there, say so with Allow in the Objective"
				l.tooSteep(t, in, s, cause, places...)
				return nil
			}
		}
	}
	l.Note = "the gradient is the slope of what is computed"
	return nil
}

// detached are the places of what is detached on the way to a value.
func (l *loss) detached(value int) []string {
	var places []string
	for v, reached := range l.p.Reach(value) {
		if reached && l.p.Op(v) == "detach" && !surrogate(l.p, v) {
			places = append(places, l.p.Place(v))
		}
	}
	return places
}

// surrogate says whether a detached value is only compared with itself: x less
// or divided by its own Detach is a constant that is there for its gradient
// alone, as in a policy gradient, and can be nothing but meant.
func surrogate(p *sdktest.Traced, detached int) bool {
	of := p.Nodes[detached-len(p.Inputs)].In[0]
	uses := 0
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

// slopes compares the gradient of a value with differences on a batch of a size,
// which is drawn again while some element stands at a kink. Constant are the
// values to be held constant. What cannot be compared is left out.
func (l *loss) slopes(value int, size [3]int, constant func(*sdktest.Evaluation) map[int]sdktest.Array) (in sdktest.Inputs, slopes []sdktest.Slope, err error) {
	for range draws {
		in = l.draw.batch(size[0], size[1], size[2])
		e, err := l.evaluate(in)
		if err != nil {
			return in, nil, err
		}
		a, err := in.Arguments()
		if err != nil {
			return in, nil, err
		}
		a.Held = constant(e)
		if slopes, err = l.p.Slopes(a, value, l.some(a)); err != nil {
			return in, nil, err
		}
		if !slices.ContainsFunc(slopes, func(s sdktest.Slope) bool { return s.Rough }) {
			break
		}
	}
	slopes = slices.DeleteFunc(slopes, func(s sdktest.Slope) bool {
		return s.Rough || !numbers.Finite(s.Gradient) // finite is another check's business
	})
	return in, slopes, nil
}

// some picks elements that a host has a use for, not too many of them.
func (l *loss) some(a sdktest.Arguments) func(input string, i int) bool {
	total := len(a.Inputs["label_mask"].Data)
	for _, input := range l.p.Inputs {
		if input.FromModel {
			total = max(total, len(a.Inputs[input.Name].Data))
		}
	}
	rng := rand.New(rand.NewPCG(uint64(total), 7))
	return func(input string, i int) bool { return a.Used(input, i) && rng.IntN(total) < maxElements }
}

// wrongSlope is the first slope that is not the gradient.
func wrongSlope(slopes []sdktest.Slope) (s sdktest.Slope, found bool) {
	at := slices.IndexFunc(slopes, sdktest.Slope.Wrong)
	if at < 0 {
		return s, false
	}
	return slopes[at], true
}

// tooSteep reports a slope of a term that is not its gradient.
func (l *loss) tooSteep(t program.Term, in sdktest.Inputs, s sdktest.Slope, cause string, places ...string) {
	a, err := in.Arguments()
	if err != nil {
		return // the batch has been run
	}
	l.Find(check.Finding{
		Text:   "term " + t.Name + ": " + a.Compared(s),
		Cause:  cause,
		Places: places,
		Probe:  l.show(in),
	})
}

// learns asks whether every term has a gradient to the model.
func (l *loss) learns() error {
	for _, t := range l.p.Terms {
		largest, moves := 0.0, false
		for _, size := range sizes {
			in := l.draw.batch(size[0], size[1], size[2])
			e, err := l.evaluate(in)
			if err != nil {
				return err
			}
			largest = math.Max(largest, numbers.Largest(used(in, e, bySum(t.Sum))))
			other, err := l.evaluate(l.redrawn(in))
			if err != nil {
				return err
			}
			moves = moves || !sdktest.Near(e.Number(t.Sum), other.Number(t.Sum))
		}
		if largest > 0 {
			continue
		}
		cause := "it is computed from data alone; report it as a metric"
		if moves {
			cause = "a Detach, a comparison or an index cuts its gradient off; report it as a metric if that is meant"
		}
		l.Find(check.Finding{
			Text:   fmt.Sprintf("term %s has no gradient to the model on any batch", t.Name),
			Cause:  cause,
			Places: l.Places(t.Sum),
		})
	}
	l.Note = fmt.Sprintf("%d terms, each with a gradient", len(l.p.Terms))
	return nil
}
