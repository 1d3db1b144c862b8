package sdktest

import (
	"fmt"
	"slices"

	"llmhost/sdk/program"
)

// fillings are the paddings that Padding adds to a batch.
var fillings = []struct {
	candidates, tokens int
	what               string
}{
	{0, 1, "one more padding label position"},
	{0, 5, "five more padding label positions"},
	{1, 0, "one more padding candidate"},
	{4, 3, "four more candidates and three more label positions of padding"},
}

// Padding adds padding candidates and label positions to the batch, which must
// change neither figures nor gradients.
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
				Cause: "padding receives a share of the gradient: mask it before the reduction",
				At:    program.None,
			})
		}
		if faults != nil {
			return faults, nil
		}
	}
	return nil, nil
}

// paddedFigures reports the figures that padding changed.
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

// paddingCause is the usual way padding gets in at an op.
func paddingCause(op string) string {
	switch op {
	case "dim_size":
		return "Count of T or K includes padding; count real tokens or candidates with LabelMask().Sum() or Real().Sum()"
	case "amax", "amin", "argmax", "argmin", "logsumexp":
		return "padding holds 0, which is larger than any log-probability and than any negative score: MaskedFill it with math.Inf(-1) (or +1) first"
	case "mean":
		return "a mean also divides by padding; divide a masked sum by a masked count"
	case "cumsum":
		return "a running sum continues over padding; mask it"
	}
	return "padding is not masked: LabelMask() marks the label tokens, Real() the real candidates"
}

// placeCause is the usual reason why a program depends on an order.
const placeCause = "a position in the batch is given a meaning, such as candidate 0 for the best (choose by a column instead), or a reduction runs over the wrong axis"

// PromptOrder reorders the prompts, which must change nothing but the order of
// the gradients.
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

// CandidateOrder reorders the candidates of each prompt, which must change
// nothing but the order of the gradients. Metrics are skipped, since one may be
// about the first candidates, and so are terms for whose sum or count tied is
// true: a choice between equal candidates may depend on their order.
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

// untied are the seeds of the loss without the terms for which tied is true.
func (e *Evaluation) untied(tied func(v int) bool) map[int][]float64 {
	seeds := map[int][]float64{}
	for _, t := range e.Program.Terms {
		if !tied(t.Sum) && (t.Count == program.None || !tied(t.Count)) {
			seeds[t.Sum] = added(seeds[t.Sum], []float64{t.Coefficient / orOne(e.Number(t.Count))})
		}
	}
	return seeds
}

// moved reports the figures that reordering changed.
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

// otherGradients reports the candidates whose gradients differ from those
// wanted.
func otherGradients(what string, want, got map[string][][][]float64) []Fault {
	var faults []Fault
	inOrder(want, func(name string, prompts [][][]float64) {
		for b, prompt := range prompts {
			for k, row := range prompt {
				if NearAll(row, got[name][b][k]) {
					continue
				}
				faults = append(faults, Fault{
					Text: fmt.Sprintf(
						"%s, the gradient by %s of candidate %d of prompt %d is %s instead of %s",
						what,
						name,
						k,
						b,
						Numbers(got[name][b][k]...),
						Numbers(row...),
					),
					Cause: placeCause,
					At:    program.None,
				})
			}
		}
	})
	return faults
}

// Cuts runs every prompt as a separate batch, with the global means of the whole:
// figures must add up, as a host adds them up over micro-batches and ranks.
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

// wholeBatch are the ops whose results do not add up over batches.
var wholeBatch = []string{"mean", "amax", "amin", "div", "mul", "exp", "log", "sqrt", "square"}

// notAdditive reports a figure that does not add up over a split.
func (p *Traced) notAdditive(f Figure, total float64, base, first *Evaluation) Fault {
	at := p.Culprit(f.Value, func(v int) bool {
		shape := p.Value(v).Shape
		if len(shape) == 0 {
			return slices.Contains(wholeBatch, p.Op(v))
		}
		if shape[0] != "B" {
			return false
		}
		own := first.Values[v] // the first prompt must not depend on the others
		whole := corner(own, base.Values[v])
		return len(own.Data) > 0 && whole != nil && !NearAll(own.Data, whole)
	})
	return Fault{
		Text: fmt.Sprintf("%s is %s for the whole batch, but its prompts by themselves add up to %s: what is learned would depend on how a batch is split",
			f.Name, Numbers(base.Number(f.Value)), Numbers(total)),
		Cause:  "it contains a mean (or max, or product) over the batch: give Sum and Count as sums over prompts and let the host divide, or use GlobalMean; no prompt may read another's numbers",
		At:     at,
		Figure: f,
	}
}
