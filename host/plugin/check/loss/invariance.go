package loss

import (
	"fmt"

	"llmhost/host/plugin/check"
	"llmhost/sdk/op"
	"llmhost/sdk/sdktest"
)

// sdktest has the same checks, for the batches of an author's tests.

// each checks several probes, up to the first fault.
func (l *loss) each(probes []sdktest.Inputs, ask func(in sdktest.Inputs) ([]sdktest.Fault, error)) (wrong bool, err error) {
	for _, in := range probes {
		if l.Late() {
			return false, check.ErrLate
		}
		faults, err := ask(in)
		if err != nil {
			return false, cannotRun(in, err)
		}
		if l.report(in, faults) {
			return true, nil
		}
	}
	return false, nil
}

// padding adds padding candidates and label positions to the probes.
func (l *loss) padding() error {
	l.Note = fmt.Sprintf("%d batches of %d sizes", 4*len(l.probes), len(sizes))
	_, err := l.each(l.probes, l.p.Padding)
	return err
}

// order reorders prompts, and candidates within their prompts.
func (l *loss) order() error {
	wrong, err := l.each(l.probes[1:], l.p.PromptOrder)
	if wrong || err != nil {
		return err
	}
	if l.draw.fixed > 0 && !l.draw.readsKind("column") {
		l.Note = "prompts; only their position distinguishes the candidates"
		return nil
	}
	l.Note = "prompts and candidates, with distinct scores"
	_, err = l.each(l.probes[1:], func(in sdktest.Inputs) ([]sdktest.Fault, error) { return l.p.CandidateOrder(in, l.tied) })
	return err
}

// tied reports whether two candidates of a probe may be equal in what v reads,
// so that a choice between them may depend on their order: one of the columns
// holds a few recurring numbers.
func (l *loss) tied(v int) bool {
	return l.from(v, func(in op.Input) bool { return l.draw.columns[in.Name].set != nil })
}

// cuts splits batches: figures must add up, as a host adds them up over
// micro-batches and ranks.
func (l *loss) cuts() error {
	l.Note = "sums and counts of one-prompt batches add up"
	_, err := l.each(l.probes[1:], func(in sdktest.Inputs) ([]sdktest.Fault, error) {
		faults, err := l.p.Cuts(in)
		if len(faults) > 0 && l.Setting&check.Text != 0 && !faults[0].Figure.Metric {
			l.byMicroBatch(faults[0])
			return nil, err
		}
		return faults, err
	})
	return err
}

// byMicroBatch notes a kind of loss, chosen by a string parameter, that is
// defined over a micro-batch.
func (l *loss) byMicroBatch(f sdktest.Fault) {
	l.Find(check.Finding{
		Warning: true,
		Text: fmt.Sprintf("%s does not add up over a split of the batch with %s: what is learned depends on how a step is split into micro-batches",
			f.Figure.Name, check.ParamText(l.Params)),
		Cause:  "this kind is defined by means over a micro-batch; if that is not intended, give Sum and Count as sums over prompts, or use GlobalMean",
		Places: l.Places(f.At),
	})
}
