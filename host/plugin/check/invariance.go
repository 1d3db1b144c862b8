package check

import (
	"fmt"
	"slices"

	"llmhost/sdk/op"
	"llmhost/sdk/program"
	"llmhost/sdk/sdktest"
)

// padding fills the probes up with candidates and label positions that are not
// there, which must change neither figures nor gradients.
func (l *loss) padding() error {
	for _, more := range []struct {
		k, t int
		what string
	}{{0, 1, "one more label position that is padding"}, {0, 5, "five more label positions that are padding"}, {1, 0, "one more candidate that is padding"}, {4, 3, "four more candidates and three more label positions that are padding"}} {
		for _, in := range l.probes {
			padded := in.Padded(more.k, more.t)
			base, err := l.evaluate(in)
			if err != nil {
				return err
			}
			e, err := l.evaluate(padded)
			if err != nil {
				return err
			}
			if !l.comparePadded(more.what, in, padded, base, e) {
				return nil
			}
		}
	}
	l.note = fmt.Sprintf("%d batches of %d sizes", 4*len(l.probes), len(sizes))
	return nil
}

// comparePadded reports the first figure or gradient that padding changed.
func (l *loss) comparePadded(what string, in, padded sdktest.Inputs, base, e *sdktest.Evaluation) bool {
	for _, f := range l.results() {
		if same(base.Number(f.value), e.Number(f.value)) {
			continue
		}
		at := culprit(l.p, f.value, func(v int) bool {
			old := corner(base.Values[v], e.Values[v])
			return old != nil && !sameAll(base.Values[v].Data, old)
		})
		l.find(Finding{
			Text:   fmt.Sprintf("%s is %s, and with %s it is %s", f.name, number(base.Number(f.value)), what, number(e.Number(f.value))),
			Cause:  paddingCause(l.p, at),
			Places: place(l.p, at), Probe: l.show(in),
		})
		return false
	}
	if !slices.EqualFunc(l.termGradient(in, base, base.LossSeeds()), l.termGradient(padded, e, e.LossSeeds()), same) {
		l.find(Finding{Text: "gradients change with " + what, Cause: "padding takes a share of the gradient: mask it before the reduction", Probe: l.show(in)})
		return false
	}
	return true
}

// paddingCause says what usually lets padding in at such an op.
func paddingCause(p *sdktest.Traced, v int) string {
	if v == program.None {
		return "padding is not masked"
	}
	switch nodeOp(p, v) {
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

// order puts prompts, and candidates within their prompts, in another order.
func (l *loss) order() error {
	for _, in := range l.probes[1:] {
		base, err := l.evaluate(in)
		if err != nil {
			return err
		}
		prompts := shifted(len(in.Logps))
		if err := l.compareOrder("with the prompts in another order", base, in, in.Pick(prompts...), "B", prompts); err != nil {
			return err
		}
		if l.draw.fixed > 0 && !l.draw.readsKind("column") {
			l.note = "prompts; the place of a candidate is all that tells it apart"
			continue
		}
		if err := l.compareOrder("with each prompt's candidates in another order", base, in, in.Reorder(shifted), "K", nil); err != nil {
			return err
		}
		l.note = "prompts and candidates, with distinct scores"
	}
	return nil
}

// shifted is the order 1, 2, …, n-1, 0.
func shifted(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = (i + 1) % n
	}
	return order
}

func (l *loss) compareOrder(what string, base *sdktest.Evaluation, in, moved sdktest.Inputs, dim string, order []int) error {
	e, err := l.evaluate(moved)
	if err != nil {
		return err
	}
	for _, f := range l.results() {
		if same(base.Number(f.value), e.Number(f.value)) || dim == "K" && (f.metric || !l.distinct(f.value)) { // a metric may be of the first candidates
			continue
		}
		at := culprit(l.p, f.value, func(v int) bool {
			if order == nil {
				return len(base.Values[v].Shape) < 2 && !sameAll(base.Values[v].Data, e.Values[v].Data)
			}
			want, known := permuted(base.Values[v], l.p.Value(v).Shape, dim, order)
			return known && !sameAll(want, e.Values[v].Data)
		})
		l.find(Finding{
			Text:   fmt.Sprintf("%s, %s is %s instead of %s", what, f.name, number(e.Number(f.value)), number(base.Number(f.value))),
			Cause:  "a place in the batch is taken for a meaning, such as candidate 0 for the best: choose by a column, or the reduction runs over the wrong axis",
			Places: place(l.p, at), Probe: l.show(in),
		})
		return nil
	}
	return nil
}

// distinct says whether all columns of candidates that v reads hold any real
// number, so that no two candidates of a probe are equal: a choice between
// equal ones may follow their order.
func (l *loss) distinct(v int) bool {
	return !l.from(v, func(in op.Input) bool { return l.draw.columns[in.Name].set != nil })
}

// cuts runs a batch in parts: figures must add up, as a host adds them up over
// micro-batches and ranks.
func (l *loss) cuts() error {
	for _, in := range l.probes[1:] {
		base, err := l.evaluate(in)
		if err != nil {
			return err
		}
		var parts []*sdktest.Evaluation
		for b := range in.Logps {
			e, err := l.evaluateWithin(base, in.Pick(b))
			if err != nil {
				return err
			}
			parts = append(parts, e)
		}
		for _, f := range l.figures() {
			total := 0.0
			for _, e := range parts {
				total += e.Number(f.value)
			}
			if !same(base.Number(f.value), total) {
				l.notAdditive(f, in, base, parts, total)
				return nil
			}
		}
	}
	l.note = "sums and counts of one-prompt batches add up"
	return nil
}

// notAdditive reports a figure that does not add up over a cut.
func (l *loss) notAdditive(f figure, in sdktest.Inputs, base *sdktest.Evaluation, parts []*sdktest.Evaluation, total float64) {
	at := culprit(l.p, f.value, func(v int) bool {
		shape := l.p.Value(v).Shape
		if len(shape) > 0 && shape[0] == "B" { // the first prompt must not feel the others
			own := parts[0].Values[v]
			return len(own.Data) > 0 && corner(own, base.Values[v]) != nil && !sameAll(own.Data, corner(own, base.Values[v]))
		}
		op := nodeOp(l.p, v)
		return len(shape) == 0 && (op == "mean" || op == "amax" || op == "amin" || op == "div" || op == "mul" || op == "exp" || op == "log" || op == "sqrt" || op == "square")
	})
	if l.under.word && !f.metric {
		l.find(Finding{
			Warning: true,
			Text:    fmt.Sprintf("%s does not add up over a cut of the batch with %s: what is learned depends on how a step is cut into micro-batches", f.name, paramText(l.params)),
			Cause:   "this kind is defined by means of a micro-batch; where that is not meant, give Sum and Count as sums over prompts, or use GlobalMean",
			Places:  place(l.p, at),
		})
		return
	}
	l.find(Finding{
		Text: fmt.Sprintf("%s is %s for the whole batch, but its prompts by themselves add up to %s: what is learned would depend on how a batch is cut",
			f.name, number(base.Number(f.value)), number(total)),
		Cause:  "a mean (or max, or product) over the batch stands inside: give Sum and Count as sums over prompts and let the host divide, or use GlobalMean; no prompt may read another's numbers",
		Places: place(l.p, at), Probe: l.show(in),
	})
}
