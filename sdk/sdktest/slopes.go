package sdktest

import (
	"fmt"
	"math"
)

// GradientTolerance is how far a gradient may be from central differences,
// relative to the larger of the two. Differences below a ten-thousandth of the
// largest gradient are noise, as are those below roundoff of the value.
const GradientTolerance = 1e-6

// roundoff is the smallest derivative that differences resolve to
// GradientTolerance, relative to the value: float64's precision over slopeStep
// and the tolerance.
const roundoff = 4e-7

// Slope is one derivative of a value by one element of an input.
type Slope struct {
	Input      string
	Element    int
	Gradient   float64 // by the rules of the ops
	Difference float64 // by central differences
	Error      float64 // relative, see GradientTolerance
	Rough      bool    // two step sizes disagree: there is a kink, and Difference means nothing
}

// Wrong reports whether the gradient is not the slope.
func (s Slope) Wrong() bool { return !s.Rough && s.Error > GradientTolerance }

// Used reports whether a host uses the gradient by an element of a model input:
// there is a label token, or the candidate is real.
func (a Arguments) Used(input string, element int) bool {
	switch input {
	case "policy.logps", "policy.vocab_mean_logps", "kl.reverse", "kl.forward":
		return a.Inputs["label_mask"].Data[element] != 0
	case "rewards":
		return a.Inputs["candidate_mask"].Data[element] != 0
	}
	return true
}

// Compared describes a slope of a run over a for people.
func (a Arguments) Compared(s Slope) string {
	return fmt.Sprintf("by %s the gradient is %s, while moving that by a little changes the result by %s a unit",
		a.element(s.Input, s.Element), Numbers(s.Gradient), Numbers(s.Difference))
}

// element names an element of an input of the model.
func (a Arguments) element(input string, i int) string {
	k := int(a.Sizes["K"])
	t := int(a.Sizes["T"])
	switch input {
	case "policy.logps":
		return fmt.Sprintf("the log-probability of prompt %d, candidate %d, token %d", i/(k*t), i/t%k, i%t)
	case "policy.vocab_mean_logps", "kl.reverse", "kl.forward":
		return fmt.Sprintf("%s of prompt %d, candidate %d, token %d", input, i/(k*t), i/t%k, i%t)
	case "rewards":
		return fmt.Sprintf("the reward of prompt %d, candidate %d", i/k, i%k)
	}
	width := 1
	if shape := a.Inputs[input].Shape; len(shape) > 0 {
		width = shape[len(shape)-1]
	}
	return fmt.Sprintf("%s of row %d, element %d", input, i/width, i%width)
}

// slopeStep is the step of central differences, relative to 1 + |x|.
const slopeStep = 1e-3

// Slopes compares the gradient of value v, a scalar, with central differences
// by every element of every model input for which pick is true.
func (p *Traced) Slopes(a Arguments, v int, pick func(input string, element int) bool) ([]Slope, error) {
	e, err := p.Evaluate(a)
	if err != nil {
		return nil, err
	}
	var all []Slope
	for name, gradient := range e.Gradient(map[int][]float64{v: {1}}) {
		for i, g := range gradient {
			if !pick(name, i) {
				continue
			}
			s := Slope{Input: name, Element: i, Gradient: g}
			if s.Difference, s.Rough, err = p.difference(a, v, name, i); err != nil {
				return nil, err
			}
			all = append(all, s)
		}
	}
	rate(all, e.Number(v))
	return all, nil
}

// rate fills in the relative errors of the slopes of a value.
func rate(all []Slope, value float64) {
	floor := math.Max(1e-12, roundoff*math.Abs(value))
	for _, s := range all {
		floor = math.Max(floor, 1e-4*math.Abs(s.Gradient))
	}
	for i, s := range all {
		all[i].Error = math.Abs(s.Gradient-s.Difference) / math.Max(floor, math.Max(math.Abs(s.Gradient), math.Abs(s.Difference)))
		if math.IsNaN(all[i].Error) {
			all[i].Error = math.Inf(1)
		}
	}
}

// difference is the derivative by central differences of fourth order,
// extrapolated from two step sizes, and whether those disagree.
func (p *Traced) difference(a Arguments, v int, input string, element int) (slope float64, rough bool, err error) {
	x := a.Inputs[input]
	at := func(by float64) float64 {
		moved := Array{x.DType, x.Shape, append([]float64(nil), x.Data...)}
		moved.Data[element] += by
		inputs := map[string]Array{}
		for name, array := range a.Inputs {
			inputs[name] = array
		}
		inputs[input] = moved
		e, failed := p.Evaluate(Arguments{
			Inputs: inputs,
			Sizes:  a.Sizes,
			Held:   a.Held,
		})
		if failed != nil {
			err = failed
			return 0
		}
		return e.Number(v)
	}
	h := slopeStep * (1 + math.Abs(x.Data[element]))
	near := (8*(at(h/2)-at(-h/2)) - (at(h) - at(-h))) / (6 * h)
	wide := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
	return near + (near-wide)/15, math.Abs(near-wide) > 1e-6*math.Max(1e-3, math.Max(math.Abs(near), math.Abs(wide))), err
}

// Detached are the values that are constants for a gradient, global means
// included, to be held while differences are taken.
func (e *Evaluation) Detached() map[int]Array {
	held := map[int]Array{}
	for i, node := range e.Program.Nodes {
		if v := len(e.Program.Inputs) + i; node.Op == "detach" || node.Op == globalMean {
			held[v] = e.Values[v]
		}
	}
	return held
}

// globalMean is the op whose value is that of the whole step.
const globalMean = "global_mean"

// GlobalMeans are the means over this batch, to be held in the batches that it
// is split into.
func (e *Evaluation) GlobalMeans() map[int]Array {
	held := map[int]Array{}
	for i, node := range e.Program.Nodes {
		if v := len(e.Program.Inputs) + i; node.Op == globalMean {
			held[v] = e.Values[v]
		}
	}
	return held
}
