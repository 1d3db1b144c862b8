package sdktest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"llmhost/sdk"
)

// CheckLoss runs every check of a loss below over one batch. Give it at least
// two prompts, one of them with several candidates of different lengths and
// scores. llmhost plugins check tries more, on batches of its own.
func CheckLoss(t testing.TB, loss sdk.Loss, in Inputs) {
	t.Helper()
	CheckGradients(t, loss, in)
	CheckPadding(t, loss, in)
	CheckPermutation(t, loss, in)
	CheckCuts(t, loss, in)
}

// CheckGradients holds the gradients of every term to central differences.
// What the loss detaches counts as a constant. Elements at a kink are passed over.
func CheckGradients(t testing.TB, loss sdk.Loss, in Inputs) {
	t.Helper()
	e, a := evaluated(t, loss, in)
	labels := a.Inputs["label_mask"].Data
	pick := func(input string, i int) bool { return input != "policy.logps" || labels[i] != 0 }
	a.Held = e.Detached()
	for _, term := range e.Program.Terms {
		slopes, err := e.Program.Slopes(a, term.Sum, pick)
		if err != nil {
			t.Fatal(err)
		}
		smooth := 0
		for _, s := range slopes {
			if s.Rough {
				continue
			}
			if smooth++; s.Error > GradientTolerance {
				t.Errorf("term %s: gradient by element %d of %s is %v, central differences give %v", term.Name, s.Element, s.Input, s.Gradient, s.Difference)
			}
		}
		if smooth == 0 {
			t.Errorf("term %s: every element is at a kink; choose other log-probabilities", term.Name)
		}
	}
}

// CheckPadding fills the batch up with one more candidate and two more label
// positions, which must change nothing.
func CheckPadding(t testing.TB, loss sdk.Loss, in Inputs) {
	t.Helper()
	base, _ := evaluated(t, loss, in)
	for _, more := range [][2]int{{0, 2}, {1, 0}, {1, 2}} {
		padded := in.Padded(more[0], more[1])
		e, _ := evaluated(t, loss, padded)
		what := fmt.Sprintf("with %d more candidates and %d more label positions, all padding", more[0], more[1])
		compareTotals(t, what, base.totals(), e.totals())
		compareRows(t, what, base.result(in).Gradients, e.result(padded).Gradients)
	}
}

// CheckPermutation reverses the prompts, then the candidates of each prompt,
// which must change nothing but the places of the gradients. Scores of one
// prompt should differ, for a choice between equal ones may follow their order.
func CheckPermutation(t testing.TB, loss sdk.Loss, in Inputs) {
	t.Helper()
	base, _ := evaluated(t, loss, in)
	b, _, _ := in.sizes()
	backward := reversed(b)
	rows, _ := evaluated(t, loss, in.Pick(backward...))
	compareTotals(t, "with the prompts reversed", base.totals(), rows.totals())
	compareRows(t, "with the prompts reversed", entriesOf(base.result(in).Gradients, backward), rows.result(in.Pick(backward...)).Gradients)
	candidates, _ := evaluated(t, loss, in.Reorder(reversed))
	compareTotals(t, "with the candidates reversed", base.totals(), candidates.totals())
	compareRows(t, "with the candidates reversed", within(base.result(in).Gradients, reversed), candidates.result(in.Reorder(reversed)).Gradients)
}

func reversed(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = n - 1 - i
	}
	return order
}

// CheckCuts runs every prompt as a batch of its own: sums and counts must add
// up to those of the whole, or the way a run cuts its batches would change what
// is learned.
func CheckCuts(t testing.TB, loss sdk.Loss, in Inputs) {
	t.Helper()
	base, _ := evaluated(t, loss, in)
	b, _, _ := in.sizes()
	parts := map[string]float64{}
	for i := range b {
		e, _ := evaluated(t, loss, in.Pick(i))
		for name, v := range e.totals() {
			parts[name] += v
		}
	}
	compareTotals(t, "cut into batches of one prompt", base.totals(), parts)
}

func evaluated(t testing.TB, loss sdk.Loss, in Inputs) (*Evaluation, Arguments) {
	t.Helper()
	p, err := Trace(loss)
	if err != nil {
		t.Fatal(err)
	}
	a, err := in.Arguments()
	if err != nil {
		t.Fatal(err)
	}
	e, err := p.Evaluate(a)
	if err != nil {
		t.Fatal(err)
	}
	return e, a
}

// totals are the sums and counts that a host adds up over batches.
func (e *Evaluation) totals() map[string]float64 {
	all := map[string]float64{}
	add := func(name string, sum, count int) {
		all["sum of "+name] = e.Number(sum)
		if count != None {
			all["count of "+name] = e.Number(count)
		}
	}
	for _, t := range e.Program.Terms {
		add("term "+t.Name, t.Sum, t.Count)
	}
	for _, m := range e.Program.Metrics {
		add("metric "+m.Name, m.Sum, m.Count)
	}
	return all
}

// near says whether two numbers are equal but for rounding.
func near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-9*(1+math.Abs(a)+math.Abs(b)) || math.IsNaN(a) && math.IsNaN(b)
}

func compareTotals(t testing.TB, what string, want, got map[string]float64) {
	t.Helper()
	inOrder(want, func(name string, v float64) {
		if !near(v, got[name]) {
			t.Errorf("%s, the %s is %v; want %v", what, name, got[name], v)
		}
	})
}

func compareRows(t testing.TB, what string, want, got [][][]float64) {
	t.Helper()
	for b := range want {
		for k := range want[b] {
			if !slices.EqualFunc(want[b][k], got[b][k], near) {
				t.Errorf("%s, the gradient of candidate %d of prompt %d is %v; want %v", what, k, b, got[b][k], want[b][k])
			}
		}
	}
}
