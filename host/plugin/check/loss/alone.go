package loss

import (
	"fmt"
	"math"
	"slices"

	"llmhost/host/plugin/check"
	"llmhost/host/plugin/check/numbers"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// gatherings are the numbers of prompts of the batches whose prompts are also tried
// one by one.
var gatherings = []int{2, 2, 3, 4}

// nudge is by what share of a way from the model to another it is moved.
const nudge = 0.01

// alone checks that a prompt teaches without others in its step: a record can be the
// last one of an epoch, or a step may hold one. Unlike in the cuts check, the means
// of the step are then those of the one prompt.
func (l *loss) alone() error {
	if l.draw.readsKind("mismatched") {
		l.Note = "reads the answer of another record, so a run refuses steps of one"
		return nil
	}
	for _, candidates := range []int{1, 2} { // one answer, and a pair
		wrong, err := l.aloneWith(candidates)
		if wrong || err != nil {
			return err
		}
		if l.draw.fixed > 0 {
			break
		}
	}
	l.Note = "a prompt teaches by itself if it teaches in a step with others"
	return nil
}

// aloneWith tries prompts of up to so many candidates.
func (l *loss) aloneWith(candidates int) (wrong bool, err error) {
	apart := make([][]response, len(l.p.Terms))
	together := make([][]response, len(l.p.Terms))
	for _, prompts := range gatherings {
		in := l.draw.batch(prompts, candidates, 3)
		moved := l.nudged(in)
		if err := l.respond(in, moved, together); err != nil {
			return false, err
		}
		for b := range prompts {
			one := in.Pick(b)
			if wrong, err := l.breaks(one, in); wrong || err != nil {
				return wrong, err
			}
			if err := l.respond(one, moved.Pick(b), apart); err != nil {
				return false, err
			}
		}
	}
	for i, t := range l.p.Terms {
		wrong = l.idleAlone(t, apart[i], together[i]) || wrong
	}
	return wrong, nil
}

// nudged is the batch with a model that is a little different; its reference stays.
func (l *loss) nudged(in sdktest.Inputs) sdktest.Inputs {
	to := l.redrawn(in)
	to.RefLogps = in.RefLogps
	return between(in, to, nudge)
}

// breaks reports a prompt whose figures or gradients are finite in a batch, but not
// alone, in float32.
func (l *loss) breaks(one, in sdktest.Inputs) (bool, error) {
	alone, err := l.inSingle(one)
	if err != nil {
		return false, err
	}
	whole, err := l.inSingle(in)
	if err != nil || !l.isFinite(in, whole) {
		return false, err // the finite check reports it
	}
	return l.infinite("a prompt alone in its step, of a batch on which all is finite", one, alone), nil
}

// isFinite reports whether all that a host reads is.
func (l *loss) isFinite(in sdktest.Inputs, e *sdktest.Evaluation) bool {
	for _, f := range l.p.Yields() {
		if !numbers.Finite(e.Number(f.Value)) {
			return false
		}
	}
	return numbers.AllFinite(used(in, e, e.LossSeeds()))
}

// response is how a term's sum responds to a model that is a little different.
type response struct {
	size   float64 // of the sum
	slope  float64 // the largest element of the gradient
	change float64 // of the sum
	held   float64 // the same with what is constant for the gradient held
}

// takenBack reports whether a mean that is constant for the gradient moves just as
// what is compared with it does.
func (r response) takenBack() bool {
	return math.Abs(r.held) > 1e-9*(1+math.Abs(r.size)) && math.Abs(r.change) < 1e-6*math.Abs(r.held)
}

// respond adds the response of each term on a batch.
func (l *loss) respond(in, moved sdktest.Inputs, to [][]response) error {
	before, err := l.evaluate(in)
	if err != nil {
		return err
	}
	after, err := l.evaluate(moved)
	if err != nil {
		return err
	}
	a, err := moved.Arguments()
	if err != nil {
		return err
	}
	a.Held = before.Detached()
	held, err := l.evaluateOn(moved, a)
	if err != nil {
		return err
	}
	for i, t := range l.p.Terms {
		sum := before.Number(t.Sum)
		to[i] = append(to[i], response{
			size:   sum,
			slope:  numbers.Largest(used(in, before, bySum(t.Sum))),
			change: after.Number(t.Sum) - sum,
			held:   held.Number(t.Sum) - sum,
		})
	}
	return nil
}

// idleAlone notes a term from which prompts teach in a batch but not by themselves.
func (l *loss) idleAlone(t program.Term, apart, together []response) bool {
	slope := func(r response) float64 { return r.slope }
	most := largestOf(together, slope)
	back := howMany(apart, response.takenBack)
	text := ""
	switch {
	case numbers.Finite(most) && most > 1e-9 && largestOf(apart, slope) <= 1e-9*most:
		text = fmt.Sprintf("has no gradient on any of %d prompts by themselves, and one of up to %s on the same prompts in batches of 2 to 4",
			len(apart), sdktest.Numbers(most))
	case back > 0 && howMany(together, response.takenBack) < len(together):
		text = fmt.Sprintf("stays the same on %d of %d prompts by themselves when the model changes there, and does not on the same prompts in batches of 2 to 4: alone it measures nothing",
			back, len(apart))
	default:
		return false
	}
	unit := l.unitOf(t)
	l.Find(check.Finding{
		Warning: true,
		Text:    fmt.Sprintf("term %s %s", t.Name, text),
		Cause: fmt.Sprintf("a prompt is compared with a mean, a rank or other prompts of its %s, and alone it is compared with itself; if that is meant, "+
			"train with several records in every %s, also in the last one of an epoch (dataloader_drop_last)", unit, unit),
		Places: l.Places(t.Sum),
	})
	return true
}

// unitOf is what a term takes its means over.
func (l *loss) unitOf(t program.Term) string {
	for v, reached := range l.p.Reach(t.Sum) {
		if reached && l.p.Op(v) == "global_mean" {
			return "step"
		}
	}
	return "micro-batch"
}

func largestOf(all []response, of func(response) float64) float64 {
	most := 0.0
	for _, r := range all {
		most = math.Max(most, of(r))
	}
	return most
}

func howMany(all []response, is func(response) bool) int {
	return len(slices.DeleteFunc(slices.Clone(all), func(r response) bool { return !is(r) }))
}
