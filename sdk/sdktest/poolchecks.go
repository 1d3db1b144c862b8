package sdktest

import (
	"fmt"
	"slices"
	"testing"

	"llmhost/sdk"
)

// CheckPooling runs the checks of a pooling over one batch: gradients by
// central differences, rows that know nothing of each other, and states stored
// in any order. Give it at least two rows of different lengths.
func CheckPooling(t testing.TB, pooling sdk.Pooling, in PoolInputs) {
	t.Helper()
	base, err := PoolErr(pooling, in)
	if err != nil {
		t.Fatal(err)
	}
	scattered := in
	scattered.Scattered = !in.Scattered
	compareOutput(t, "with the states stored in another order", base.Output, poolOf(t, pooling, scattered).Output)
	backward := reversed(len(in.Hidden))
	compareOutput(t, "with the rows reversed", entriesOf(base.Output, backward), poolOf(t, pooling, in.Pick(backward...)).Output)
	for n := range in.Hidden {
		compareOutput(t, fmt.Sprintf("with row %d alone", n), base.Output[n:n+1], poolOf(t, pooling, in.Pick(n)).Output)
	}
	checkPoolGradients(t, pooling, in)
}

// Pick returns the batch of the given rows, in that order.
func (in PoolInputs) Pick(rows ...int) PoolInputs {
	in.Hidden, in.IDs = entriesOf(in.Hidden, rows), entriesOf(in.IDs, rows)
	return in
}

func poolOf(t testing.TB, pooling sdk.Pooling, in PoolInputs) Pooled {
	t.Helper()
	out, err := PoolErr(pooling, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func compareOutput(t testing.TB, what string, want, got [][]float64) {
	t.Helper()
	for n := range want {
		if !slices.EqualFunc(want[n], got[n], near) {
			t.Errorf("%s, row %d is %v; want %v", what, n, got[n], want[n])
		}
	}
}

// checkPoolGradients takes the differences of the sum of the output.
func checkPoolGradients(t testing.TB, pooling sdk.Pooling, in PoolInputs) {
	t.Helper()
	p, err := TracePooling(pooling)
	if err != nil {
		t.Fatal(err)
	}
	p, total := p.Summed()
	a := in.Arguments()
	e, err := p.Evaluate(a)
	if err != nil {
		t.Fatal(err)
	}
	a.Held = e.Detached()
	slopes, err := p.Slopes(a, total, func(string, int) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slopes {
		if !s.Rough && s.Error > GradientTolerance {
			t.Errorf("gradient by element %d of %s is %v, central differences give %v", s.Element, s.Input, s.Gradient, s.Difference)
		}
	}
}
