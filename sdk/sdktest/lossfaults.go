package sdktest

import (
	"fmt"
	"slices"

	"llmhost/sdk/program"
)

// fillings are what Padding fills a batch up with.
var fillings = []struct {
	candidates, tokens int
	what               string
}{
	{0, 1, "one more label position that is padding"},
	{0, 5, "five more label positions that are padding"},
	{1, 0, "one more candidate that is padding"},
	{4, 3, "four more candidates and three more label positions that are padding"},
}

// Padding fills the batch up with candidates and label positions that are not
// there, which must change neither figures nor gradients.
func (p *Traced) Padding(in Inputs) ([]Fault, error) {
	base, err := p.over(in)
	if err != nil {
		return nil, err
	}
	for _, f := range fillings {
		padded := in.Padded(f.candidates, f.tokens)
		e, err := p.over(padded)
		if err != nil {
			return nil, err
		}
		faults := p.paddedFigures(f.what, base, e)
		if !NearAll(in.Used(base.Gradient(base.LossSeeds())), padded.Used(e.Gradient(e.LossSeeds()))) {
			faults = append(faults, Fault{
				Text:  "gradients change with " + f.what,
				Cause: "padding takes a share of the gradient: mask it before the reduction",
				At:    program.None,
			})
		}
		if faults != nil {
			return faults, nil
		}
	}
	return nil, nil
}

// paddedFigures are the figures that padding changed.
func (p *Traced) paddedFigures(what string, base, e *Evaluation) []Fault {
	var faults []Fault
	for _, f := range p.Yields() {
		was := base.Number(f.Value)
		is := e.Number(f.Value)
		if Near(was, is) {
			continue
		}
		at := p.Culprit(f.Value, func(v int) bool {
			old := corner(base.Values[v], e.Values[v])
			return old != nil && !NearAll(base.Values[v].Data, old)
		})
		faults = append(faults, Fault{
			Text:   fmt.Sprintf("%s is %s, and with %s it is %s", f.Name, Numbers(was), what, Numbers(is)),
			Cause:  paddingCause(p.Op(at)),
			At:     at,
			Figure: f,
		})
	}
	return faults
}

// paddingCause says what usually lets padding in at an op.
func paddingCause(op string) string {
	switch op {
	case "dim_size":
		return "Count of T or K counts padding too; count what is there with LabelMask().Sum() or Real().Sum()"
	case "amax", "amin", "argmax", "argmin", "logsumexp":
		return "padding holds 0, which is larger than any log-probability and than any negative score: MaskedFill it with math.Inf(-1) (or +1) first"
	case "mean":
		return "a mean divides by padding too; divide a masked sum by a masked count"
	case "cumsum":
		return "a running sum goes on over padding; mask it"
	}
	return "padding is not masked: LabelMask() says which tokens are there, Real() which candidates"
}

// placeCause is what usually makes a program depend on an order.
const placeCause = "a place in the batch is taken for a meaning, such as candidate 0 for the best: choose by a column, or the reduction runs over the wrong axis"

// PromptOrder puts the prompts in another order, which must change nothing but
// the places of the gradients.
func (p *Traced) PromptOrder(in Inputs) ([]Fault, error) {
	base, err := p.over(in)
	if err != nil {
		return nil, err
	}
	const what = "with the prompts in another order"
	order := rotated(len(in.candidates()))
	moved := in.Pick(order...)
	e, err := p.over(moved)
	if err != nil {
		return nil, err
	}
	differ := func(v int) bool {
		want, known := permuted(base.Values[v], p.Value(v).Shape, "B", order)
		return known && !NearAll(want, e.Values[v].Data)
	}
	faults := p.moved(what, p.Yields(), base, e, differ)
	want := in.byCandidate(base.Gradient(base.LossSeeds()))
	for name, prompts := range want {
		want[name] = entriesOf(prompts, order)
	}
	return append(faults, otherGradients(what, want, moved.byCandidate(e.Gradient(e.LossSeeds())))...), nil
}

// CandidateOrder puts the candidates of each prompt in another order, which must
// change nothing but the places of the gradients. Metrics are passed over, for
// one may speak of the first candidates, and so are terms for whose sum or count
// tied is true: a choice between candidates that are equal may follow their
// order.
func (p *Traced) CandidateOrder(in Inputs, tied func(v int) bool) ([]Fault, error) {
	base, err := p.over(in)
	if err != nil {
		return nil, err
	}
	const what = "with each prompt's candidates in another order"
	moved := in.Reorder(rotated)
	e, err := p.over(moved)
	if err != nil {
		return nil, err
	}
	figures := slices.DeleteFunc(p.Yields(), func(f Figure) bool { return f.Metric || tied(f.Value) })
	differ := func(v int) bool {
		return len(base.Values[v].Shape) < 2 && !NearAll(base.Values[v].Data, e.Values[v].Data)
	}
	faults := p.moved(what, figures, base, e, differ)
	want := in.byCandidate(base.Gradient(base.untied(tied)))
	for name, prompts := range want {
		want[name] = within(prompts, rotated)
	}
	return append(faults, otherGradients(what, want, moved.byCandidate(e.Gradient(e.untied(tied))))...), nil
}

// untied are the seeds of the loss without the terms that tied is true for.
func (e *Evaluation) untied(tied func(v int) bool) map[int][]float64 {
	seeds := map[int][]float64{}
	for _, t := range e.Program.Terms {
		if !tied(t.Sum) && (t.Count == program.None || !tied(t.Count)) {
			seeds[t.Sum] = added(seeds[t.Sum], []float64{t.Coefficient / orOne(e.Number(t.Count))})
		}
	}
	return seeds
}

// moved are the figures that another order changed.
func (p *Traced) moved(what string, figures []Figure, base, e *Evaluation, differ func(v int) bool) []Fault {
	var faults []Fault
	for _, f := range figures {
		was := base.Number(f.Value)
		is := e.Number(f.Value)
		if Near(was, is) {
			continue
		}
		faults = append(faults, Fault{
			Text:   fmt.Sprintf("%s, %s is %s instead of %s", what, f.Name, Numbers(is), Numbers(was)),
			Cause:  placeCause,
			At:     p.Culprit(f.Value, differ),
			Figure: f,
		})
	}
	return faults
}

// otherGradients are the candidates whose gradients are not as wanted.
func otherGradients(what string, want, got map[string][][][]float64) []Fault {
	var faults []Fault
	inOrder(want, func(name string, prompts [][][]float64) {
		for b, prompt := range prompts {
			for k, row := range prompt {
				if NearAll(row, got[name][b][k]) {
					continue
				}
				faults = append(faults, Fault{
					Text:  fmt.Sprintf("%s, the gradient by %s of candidate %d of prompt %d is %s instead of %s", what, name, k, b, Numbers(got[name][b][k]...), Numbers(row...)),
					Cause: placeCause,
					At:    program.None,
				})
			}
		}
	})
	return faults
}

// Cuts runs every prompt as a batch of its own, with the global means of the
// whole: figures must add up, as a host adds them up over micro-batches and ranks.
func (p *Traced) Cuts(in Inputs) ([]Fault, error) {
	base, err := p.over(in)
	if err != nil {
		return nil, err
	}
	var parts []*Evaluation
	for b := range in.candidates() {
		a, err := in.Pick(b).Arguments()
		if err != nil {
			return nil, err
		}
		a.Held = base.GlobalMeans()
		e, err := p.Evaluate(a)
		if err != nil {
			return nil, err
		}
		parts = append(parts, e)
	}
	var faults []Fault
	for _, f := range p.Figures() {
		total := 0.0
		for _, e := range parts {
			total += e.Number(f.Value)
		}
		if !Near(base.Number(f.Value), total) {
			faults = append(faults, p.notAdditive(f, total, base, parts[0]))
		}
	}
	return faults, nil
}

// wholeBatch are the ops after which a scalar does not add up.
var wholeBatch = []string{"mean", "amax", "amin", "div", "mul", "exp", "log", "sqrt", "square"}

// notAdditive is a figure that does not add up over a cut.
func (p *Traced) notAdditive(f Figure, total float64, base, first *Evaluation) Fault {
	at := p.Culprit(f.Value, func(v int) bool {
		shape := p.Value(v).Shape
		if len(shape) == 0 {
			return slices.Contains(wholeBatch, p.Op(v))
		}
		if shape[0] != "B" {
			return false
		}
		own := first.Values[v] // the first prompt must not feel the others
		whole := corner(own, base.Values[v])
		return len(own.Data) > 0 && whole != nil && !NearAll(own.Data, whole)
	})
	return Fault{
		Text: fmt.Sprintf("%s is %s for the whole batch, but its prompts by themselves add up to %s: what is learned would depend on how a batch is cut",
			f.Name, Numbers(base.Number(f.Value)), Numbers(total)),
		Cause:  "a mean (or max, or product) over the batch stands inside: give Sum and Count as sums over prompts and let the host divide, or use GlobalMean; no prompt may read another's numbers",
		At:     at,
		Figure: f,
	}
}
