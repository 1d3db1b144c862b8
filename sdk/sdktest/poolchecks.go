package sdktest

import (
	"fmt"
	"testing"

	"llmhost/sdk"
	"llmhost/sdk/program"
)

// CheckPooling runs the checks of a pooling on one batch: gradients by central
// differences, independent sequences, and states stored in any order. Give it at
// least two sequences of different lengths.
func CheckPooling(t testing.TB, pooling sdk.Pooling, in PoolInputs) {
	t.Helper()
	p, err := TracePooling(pooling)
	if err != nil {
		t.Fatal(err)
	}
	reported(t)(p.Storage(in))
	reported(t)(p.Sequences(in))
	checkPoolGradients(t, p, in)
}

// Storage stores the states in another order with unused ones in between, as
// prefix sharing does: nothing may change.
func (p *Traced) Storage(in PoolInputs) ([]Fault, error) {
	base, err := p.Pooled(in)
	if err != nil {
		return nil, err
	}
	in.Scattered = !in.Scattered
	return p.Expect(
		base,
		in,
		"with the hidden states stored in another order",
		"Hidden is read directly; a sequence's states are Hidden().IndexSelect(0, Token())",
	)
}

// Sequences reorders the sequences, then puts each into a separate batch: each
// must pool to the same vector.
func (p *Traced) Sequences(in PoolInputs) ([]Fault, error) {
	base, err := p.Pooled(in)
	if err != nil {
		return nil, err
	}
	const cause = "a sequence reads another's states: index from its own first entry, and keep within its SegmentCount"
	order := rotated(len(in.Hidden))
	faults, err := p.Expect(entriesOf(base, order), in.Pick(order...), "with the sequences in another order", cause)
	for n := 0; n < len(base) && err == nil; n++ {
		var more []Fault
		more, err = p.Expect(
			base[n:n+1],
			in.Pick(n),
			fmt.Sprintf("with sequence %d in a batch of its own", n),
			cause,
		)
		faults = append(faults, more...)
	}
	return faults, err
}

// Expect pools a batch and returns a fault for each sequence that differs from
// wanted. what says how the batch was changed, cause why a sequence would change with
// it.
func (p *Traced) Expect(want [][]float64, in PoolInputs, what, cause string) ([]Fault, error) {
	got, err := p.Pooled(in)
	if err != nil {
		return nil, err
	}
	var faults []Fault
	for n, row := range got {
		if !NearAll(row, want[n]) {
			text := fmt.Sprintf(
				"%s, sequence %d becomes %s instead of %s",
				what,
				n,
				Numbers(row...),
				Numbers(want[n]...),
			)
			faults = append(faults, Fault{
				Text:  text,
				Cause: cause,
				At:    program.None,
			})
		}
	}
	return faults, nil
}

// Pooled is the pooling's result for a batch, one vector a sequence.
func (p *Traced) Pooled(in PoolInputs) ([][]float64, error) {
	e, err := p.Evaluate(in.Arguments())
	if err != nil {
		return nil, err
	}
	return rowsOf(e.Values[p.Output].Data, in.width()), nil
}

// Pick returns the batch of the given sequences, in that order.
func (in PoolInputs) Pick(sequences ...int) PoolInputs {
	in.Hidden, in.IDs = entriesOf(in.Hidden, sequences), entriesOf(in.IDs, sequences)
	return in
}

// checkPoolGradients compares gradients of the output's weighted sum with
// differences.
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
