package sdktest

import (
	"math"

	"llmhost/sdk"
)

// Result is what a loss gives for one batch.
type Result struct {
	Loss    float64
	Terms   map[string]Fraction
	Metrics map[string]float64 // 0 where its count is 0

	// Gradients is that of Loss, laid out as Inputs.Logps. Where there is no
	// label a host has no use for a gradient, and there is none here.
	Gradients      [][][]float64
	LogitGradients map[string][][]float64 // laid out as Inputs.Logits
}

// Fraction is a term of a loss before it is weighed.
type Fraction struct{ Sum, Count float64 }

// Value is Sum / Count; a count of 0 stands for 1.
func (f Fraction) Value() float64 { return f.Sum / orOne(f.Count) }

// Run traces the loss and runs it over one batch. It panics where the loss does
// not trace or the batch does not fit, with what RunErr would return.
func Run(loss sdk.Loss, in Inputs) Result {
	out, err := RunErr(loss, in)
	if err != nil {
		panic(err)
	}
	return out
}

// RunErr is Run for a test of what goes wrong.
func RunErr(loss sdk.Loss, in Inputs) (Result, error) {
	p, err := Trace(loss)
	if err != nil {
		return Result{}, err
	}
	a, err := in.Arguments()
	if err != nil {
		return Result{}, err
	}
	e, err := p.Evaluate(a)
	if err != nil {
		return Result{}, err
	}
	return e.result(in), nil
}

// result reads an evaluation over in.
func (e *Evaluation) result(in Inputs) Result {
	r := Result{Loss: e.Loss(), Terms: map[string]Fraction{}, Metrics: map[string]float64{}}
	for _, t := range e.Program.Terms {
		r.Terms[t.Name] = Fraction{e.Number(t.Sum), e.Number(t.Count)}
	}
	for _, m := range e.Program.Metrics {
		r.Metrics[m.Name] = Fraction{e.Number(m.Sum), e.Number(m.Count)}.Value()
		if m.Exp {
			r.Metrics[m.Name] = math.Exp(r.Metrics[m.Name])
		}
	}
	gradient := e.Gradient(e.LossSeeds())
	r.Gradients, r.LogitGradients = in.Unpadded(gradient["policy.logps"]), map[string][][]float64{}
	for head, rows := range in.Logits {
		if g := gradient["logits."+head]; g != nil {
			r.LogitGradients[head] = rowsOf(g, len(rows[0]))
		}
	}
	return r
}

// Unpadded takes a filled array of log-probabilities apart as Logps is laid out.
func (in Inputs) Unpadded(data []float64) [][][]float64 {
	if in.Logps == nil {
		return nil
	}
	_, k, t := in.sizes()
	out := make([][][]float64, len(in.Logps))
	for i, prompt := range in.Logps {
		for j, row := range prompt {
			own := make([]float64, len(row))
			if data != nil {
				copy(own, data[(i*k+j)*t:])
			}
			out[i] = append(out[i], own)
		}
	}
	return out
}
