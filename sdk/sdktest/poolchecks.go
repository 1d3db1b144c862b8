package sdktest

import (
	"fmt"
	"testing"

	"llmhost/sdk"
	"llmhost/sdk/program"
)

// CheckPooling runs the checks of a pooling over one batch: gradients by
// central differences, rows that know nothing of each other, and states stored
// in any order. Give it at least two rows of different lengths.
func CheckPooling(t testing.TB, pooling sdk.Pooling, in PoolInputs) {
	t.Helper()
	p, err := TracePooling(pooling)
	if err != nil {
		t.Fatal(err)
	}
	reported(t)(p.Storage(in))
	reported(t)(p.Rows(in))
	checkPoolGradients(t, p, in)
}

// Storage stores the states in another order, with states between them that are
// no row's, as prefix sharing does: nothing may change.
func (p *Traced) Storage(in PoolInputs) ([]Fault, error) {
	base, err := p.pool(in)
	if err != nil {
		return nil, err
	}
	in.Scattered = !in.Scattered
	return p.Expect(base, in, "with the hidden states stored in another order", "Hidden is read directly; a row's states are Hidden().IndexSelect(0, Token())")
}

// Rows puts the rows in another order, and each into a batch of its own, which
// must give the same states for each.
func (p *Traced) Rows(in PoolInputs) ([]Fault, error) {
	base, err := p.pool(in)
	if err != nil {
		return nil, err
	}
	const cause = "a row reads another's states: index from the row's own first entry, and keep within its SegmentCount"
	order := rotated(len(in.Hidden))
	faults, err := p.Expect(entriesOf(base, order), in.Pick(order...), "with the rows in another order", cause)
	for n := 0; n < len(base) && err == nil; n++ {
		var more []Fault
		more, err = p.Expect(base[n:n+1], in.Pick(n), fmt.Sprintf("with row %d in a batch of its own", n), cause)
		faults = append(faults, more...)
	}
	return faults, err
}

// Expect pools a batch, and has a fault for each row that is not as wanted. What
// says how the batch was changed, cause what a row that changes with it comes from.
func (p *Traced) Expect(want [][]float64, in PoolInputs, what, cause string) ([]Fault, error) {
	got, err := p.pool(in)
	if err != nil {
		return nil, err
	}
	var faults []Fault
	for n, row := range got {
		if !NearAll(row, want[n]) {
			text := fmt.Sprintf("%s, row %d becomes %s instead of %s", what, n, Numbers(row...), Numbers(want[n]...))
			faults = append(faults, Fault{Text: text, Cause: cause, At: program.None})
		}
	}
	return faults, nil
}

// pool is the pooling's result for a batch, a row each.
func (p *Traced) pool(in PoolInputs) ([][]float64, error) {
	e, err := p.Evaluate(in.Arguments())
	if err != nil {
		return nil, err
	}
	return rowsOf(e.Values[p.Output].Data, in.width()), nil
}

// Pick returns the batch of the given rows, in that order.
func (in PoolInputs) Pick(rows ...int) PoolInputs {
	in.Hidden, in.IDs = entriesOf(in.Hidden, rows), entriesOf(in.IDs, rows)
	return in
}

// checkPoolGradients takes the differences of the sum of the output.
func checkPoolGradients(t testing.TB, p *Traced, in PoolInputs) {
	t.Helper()
	p, total := p.Summed()
	a := in.Arguments()
	e, err := p.Evaluate(a)
	if err != nil {
		t.Fatal(err)
	}
	a.Held = e.Detached()
	slopes, err := p.Slopes(a, total, a.Used)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slopes {
		if s.Wrong() {
			t.Error(a.Compared(s))
		}
	}
}
