package objective

import (
	"llmhost/host/exec"
	"llmhost/host/tensor"
)

// Totals add up, in float64 on the device, the sums and counts of a program's
// means over a step.
type Totals struct {
	o    *Objective
	sums tensor.Tensor // of the step so far: sum and count of each mean, in turns
}

// NewTotals begins a step. Its tensors belong to the scopes around the calls.
func (o *Objective) NewTotals() *Totals { return &Totals{o: o} }

// Add adds one batch's parts; none where the means are known already. It is
// called in a scope directly inside the step's own.
func (t *Totals) Add(parts []exec.Fraction) {
	if len(parts) == 0 {
		return
	}
	var scalars []tensor.Tensor
	for _, part := range parts {
		scalars = append(scalars, part.Sum, part.Count)
	}
	sums := tensor.Scalars(scalars...)
	if t.sums.Defined() {
		sums = t.sums.Add(sums)
	}
	t.sums = sums.Keep()
}

// Means are the values, 0 for a count of 0.
func (t *Totals) Means() (means exec.Means) {
	for i := range t.o.program.Globals() {
		sum := t.at(2 * i)
		count := t.at(2*i + 1)
		mean := sum.Div(count).MaskedFill(count.EqScalar(0), 0)
		means = append(means, mean.To(t.o.device.Target().Real))
	}
	return means
}

func (t *Totals) at(i int) tensor.Tensor { return t.sums.Narrow(0, int64(i), 1).Squeeze(0) }
