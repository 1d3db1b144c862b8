package sdktest

import (
	"fmt"
	"math"
	"slices"
	"strings"
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
	pick := func(input string, i int) bool { return a.counts(input, i) }
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

// counts says whether an element of an input of the model is anything: there is
// a label, or the candidate is real.
func (a Arguments) counts(input string, i int) bool {
	switch input {
	case "policy.logps", "kl.reverse", "kl.forward":
		return a.Inputs["label_mask"].Data[i] != 0
	case "rewards":
		return a.Inputs["candidate_mask"].Data[i] != 0
	}
	return true
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
		compareGradients(t, what, base.result(in), e.result(padded), unchanged)
	}
}

// CheckPermutation reverses the prompts, then the candidates of each prompt,
// which must change nothing but the places of the gradients. Scores of one
// prompt should differ, for a choice between equal ones may follow their order.
// Metrics are held to the order of the prompts alone: one may speak of the first
// candidates.
func CheckPermutation(t testing.TB, loss sdk.Loss, in Inputs) {
	t.Helper()
	base, _ := evaluated(t, loss, in)
	b, _, _ := in.sizes()
	backward := reversed(b)
	rows, _ := evaluated(t, loss, in.Pick(backward...))
	compareTotals(t, "with the prompts reversed", base.totals(), rows.totals())
	compareGradients(t, "with the prompts reversed", base.result(in), rows.result(in.Pick(backward...)),
		func(g [][][]float64) [][][]float64 { return entriesOf(g, backward) })
	candidates, _ := evaluated(t, loss, in.Reorder(reversed))
	compareTotals(t, "with the candidates reversed", base.learned(), candidates.learned())
	compareGradients(t, "with the candidates reversed", base.result(in), candidates.result(in.Reorder(reversed)),
		func(g [][][]float64) [][][]float64 { return within(g, reversed) })
}

func unchanged(g [][][]float64) [][][]float64 { return g }

func reversed(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = n - 1 - i
	}
	return order
}

// CheckCuts runs every prompt as a batch of its own, with the global means of
// the whole: sums and counts, those of the means too, must add up to those of the
// whole, or the way a run cuts its batches would change what is learned.
func CheckCuts(t testing.TB, loss sdk.Loss, in Inputs) {
	t.Helper()
	base, _ := evaluated(t, loss, in)
	b, _, _ := in.sizes()
	parts := map[string]float64{}
	for i := range b {
		_, a := evaluated(t, loss, in.Pick(i))
		a.Held = base.GlobalMeans()
		e, err := base.Program.Evaluate(a)
		if err != nil {
			t.Fatal(err)
		}
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
	for v := range e.GlobalMeans() {
		in := e.Program.Nodes[v-len(e.Program.Inputs)].In
		add("mean at "+e.Program.Place(v), in[0], in[1])
	}
	return all
}

// learned are the totals of what is trained on, without the metrics.
func (e *Evaluation) learned() map[string]float64 {
	all := e.totals()
	for name := range all {
		if strings.Contains(name, " of metric ") {
			delete(all, name)
		}
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

// compareGradients holds the gradients of got to those of want, which arrange
// brings into their new places.
func compareGradients(t testing.TB, what string, want, got Result, arrange func([][][]float64) [][][]float64) {
	t.Helper()
	others := got.byCandidate()
	inOrder(want.byCandidate(), func(name string, rows [][][]float64) {
		for b, prompt := range arrange(rows) {
			for k, row := range prompt {
				if !slices.EqualFunc(row, others[name][b][k], near) {
					t.Errorf("%s, the gradient by the %s of candidate %d of prompt %d is %v; want %v", what, name, k, b, others[name][b][k], row)
				}
			}
		}
	})
}
