package sdktest

import (
	"testing"

	"llmhost/sdk"
)

// CheckLoss runs every check below on one batch of a loss. Give it at least two
// prompts, one of them with several candidates of different lengths and scores.
// llmhost plugins check tries more, on generated batches.
func CheckLoss(t testing.TB, loss sdk.Loss, in Inputs) {
	t.Helper()
	CheckGradients(t, loss, in)
	CheckPadding(t, loss, in)
	CheckPermutation(t, loss, in)
	CheckCuts(t, loss, in)
}

// CheckGradients compares the gradients of every term with central differences.
// What the loss detaches counts as a constant. Elements at a kink are skipped.
func CheckGradients(t testing.TB, loss sdk.Loss, in Inputs) {
	t.Helper()
	p := mustTrace(t, loss)
	a, err := in.Arguments()
	if err != nil {
		t.Fatal(err)
	}
	e, err := p.Evaluate(a)
	if err != nil {
		t.Fatal(err)
	}
	a.Held = e.Detached()
	for _, term := range p.Terms {
		slopes, err := p.Slopes(a, term.Sum, a.Used)
		if err != nil {
			t.Fatal(err)
		}
		smooth := 0
		for _, s := range slopes {
			if !s.Rough {
				smooth++
			}
			if s.Wrong() {
				t.Errorf("term %s: %s", term.Name, a.Compared(s))
			}
		}
		if smooth == 0 {
			t.Errorf("term %s: every element is at a kink; choose other log-probabilities", term.Name)
		}
	}
}

// CheckPadding adds padding candidates and label positions to the batch, which
// must change nothing: see Padding.
func CheckPadding(t testing.TB, loss sdk.Loss, in Inputs) {
	t.Helper()
	reported(t)(mustTrace(t, loss).Padding(in))
}

// CheckPermutation reorders the prompts, then the candidates of each prompt,
// which must change nothing but the order of the gradients: see PromptOrder and
// CandidateOrder. Scores of one prompt should differ, since a choice between
// equal ones may depend on their order.
func CheckPermutation(t testing.TB, loss sdk.Loss, in Inputs) {
	t.Helper()
	p := mustTrace(t, loss)
	reported(t)(p.PromptOrder(in))
	reported(t)(p.CandidateOrder(in, func(int) bool { return false }))
}

// CheckCuts runs every prompt as a batch of its own: sums and counts must add up
// to those of the whole, or how a run splits its batches would change what is
// learned. See Cuts.
func CheckCuts(t testing.TB, loss sdk.Loss, in Inputs) {
	t.Helper()
	reported(t)(mustTrace(t, loss).Cuts(in))
}

func mustTrace(t testing.TB, loss sdk.Loss) *Traced {
	t.Helper()
	p, err := Trace(loss)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reported returns a function that makes faults errors of the test.
func reported(t testing.TB) func(faults []Fault, err error) {
	return func(faults []Fault, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range faults {
			t.Errorf("%s\n  likely  %s", f.Text, f.Cause)
		}
	}
}
