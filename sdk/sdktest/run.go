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
	States  map[string]float64 // updated as if the batch were the whole step

	// Gradients is the gradient of Loss, laid out as Inputs.Logps. A host does
	// not use gradients where there is no label, so they are left out here.
	Gradients      [][][]float64
	LogitGradients map[string][][]float64 // laid out as Inputs.Logits

	// Those of the model's other outputs, nil if the loss does not read them.
	RewardGradients                        [][]float64
	ReverseKLGradients, ForwardKLGradients [][][]float64
	VocabMeanGradients                     [][][]float64
}

// Fraction is a term of a loss before its coefficient.
type Fraction struct{ Sum, Count float64 }

// Value is Sum / Count; a count of 0 stands for 1.
func (f Fraction) Value() float64 { return f.Sum / orOne(f.Count) }

// Run traces the loss and runs it over one batch. It panics if the loss does
// not trace or the batch does not fit, with the error of RunErr.
func Run(loss sdk.Loss, in Inputs) Result {
	out, err := RunErr(loss, in)
	if err != nil {
		panic(err)
	}
	return out
}

// RunErr is Run for tests of failures.
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

// result extracts the result of an evaluation over in.
func (e *Evaluation) result(in Inputs) Result {
	r := Result{
		Loss:    e.Loss(),
		Terms:   map[string]Fraction{},
		Metrics: map[string]float64{},
		States:  map[string]float64{},
	}
	for _, t := range e.Program.Terms {
		r.Terms[t.Name] = Fraction{e.Number(t.Sum), e.Number(t.Count)}
	}
	for _, m := range e.Program.Metrics {
		r.Metrics[m.Name] = Fraction{e.Number(m.Sum), e.Number(m.Count)}.Value()
		if m.Exp {
			r.Metrics[m.Name] = math.Exp(r.Metrics[m.Name])
		}
	}
	for _, s := range e.Program.States {
		r.States[s.Name] = e.Number(s.Update)
	}
	gradient := e.Gradient(e.LossSeeds())
	r.Gradients = in.Unpadded(gradient["policy.logps"])
	r.LogitGradients = map[string][][]float64{}
	if g := gradient["kl.reverse"]; g != nil {
		r.ReverseKLGradients = in.Unpadded(g)
	}
	if g := gradient["kl.forward"]; g != nil {
		r.ForwardKLGradients = in.Unpadded(g)
	}
	if g := gradient["policy.vocab_mean_logps"]; g != nil {
		r.VocabMeanGradients = in.Unpadded(g)
	}
	if g := gradient["rewards"]; g != nil {
		r.RewardGradients = in.unpaddedRewards(g)
	}
	for head, rows := range in.Logits {
		if g := gradient["logits."+head]; g != nil {
			r.LogitGradients[head] = rowsOf(g, len(rows[0]))
		}
	}
	return r
}

// Unpadded splits a padded array of log-probabilities into the layout of Logps;
// nil if the batch has no per-token numbers.
func (in Inputs) Unpadded(data []float64) [][][]float64 {
	if in.Logps == nil && in.ReverseKL == nil && in.ForwardKL == nil && in.VocabMeanLogps == nil {
		return nil
	}
	_, k, t := in.sizes()
	lengths := in.candidates()
	out := make([][][]float64, len(lengths))
	for i, prompt := range lengths {
		for j, n := range prompt {
			own := make([]float64, n)
			if data != nil {
				copy(own, data[(i*k+j)*t:])
			}
			out[i] = append(out[i], own)
		}
	}
	return out
}

func (in Inputs) unpaddedRewards(data []float64) [][]float64 {
	_, k, _ := in.sizes()
	out := make([][]float64, len(in.Rewards))
	for i, prompt := range in.Rewards {
		out[i] = append([]float64(nil), data[i*k:i*k+len(prompt)]...)
	}
	return out
}
