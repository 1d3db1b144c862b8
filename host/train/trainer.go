// Package train turns batches into optimizer steps and runs of steps. Step, in
// trainer.go, is the heart; Loop, in loop.go, is a run around it.
package train

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/optim"
	"llmhost/host/tensor"
)

// Options are what a Trainer does besides the loss.
type Options struct {
	MaxGradNorm   float64 // gradients are clipped to it; 0 = not
	MicroMean     bool    // the mean of micro-batch means, in place of one denominator for the step
	Checkpointing bool    // keep only block inputs, and run blocks again for the gradient
	SharePrefix   bool    // rows of an example share their common prefix, where the model is causal
	MaxLength     int     // the most tokens of a row that is made of two others

	CalibrationBins     []int  // the numbers of bins that an evaluation measures rewards with
	CalibrationStrategy string // metrics.Uniform or metrics.Quantile
}

// Trainer makes optimizer steps.
type Trainer struct {
	Model      *model.Model
	Objective  *Objective
	Optimizer  *optim.AdamW
	Schedule   optim.Schedule
	Options    Options
	GlobalStep int // steps made so far
}

// StepReport is what one step measured.
type StepReport struct {
	Loss         float64
	Terms        []float64 // each term's share of Loss, in the order of the program
	Metrics      Metrics
	GradNorm     float64 // before clipping
	LearningRate float64
	Tokens       int // real tokens, a shared prefix counted once a row
}

// NonFiniteError says that a loss is NaN or infinite, or, where it is not,
// that its gradient is.
type NonFiniteError struct {
	Step     int
	Loss     float64
	GradNorm float64
	Terms    []string        // of the loss that are not finite
	Sources  []data.Position // of the micro-batch's records; of the step's, for the gradient
}

// Error says what is not finite, where, and from which records.
func (e *NonFiniteError) Error() string {
	what, value := "loss", e.Loss
	if finite(e.Loss) {
		what, value = "gradient norm", e.GradNorm
	}
	if e.Step == 1 && len(e.Terms) > 0 { // no learning rate can be to blame
		return fmt.Sprintf("step 1: the loss of the batch of %s is %v before any weight has moved, by its term %s; look at these records, and at the loss with llmhost plugins check",
			positions(e.Sources), value, strings.Join(e.Terms, ", "))
	}
	return fmt.Sprintf("step %d: the %s of the batch of %s is %v; lower learning_rate or look at these records", e.Step, what, positions(e.Sources), value)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Step runs one optimizer step over micro, a list of micro-batches. Every loss
// term is a sum over a count; counts depend on the data alone, so they are
// totalled over all micro-batches first, and the cut of the batch cannot
// matter. A loss or gradient that is not finite is a *NonFiniteError, and no
// weight has moved.
func (t *Trainer) Step(micro [][]data.Example) (report StepReport, err error) {
	defer tensor.Catch(&err)
	t.Model.Params().Mode().Training = true
	defer func() { t.Model.Params().Mode().Training = false }()
	batches, counts := t.pack(micro)
	globals := t.globals(slices.Values(batches))
	seen := newTotals(t.Objective.program)
	t.Optimizer.ZeroGrad()
	for i, b := range batches {
		tensor.Scoped(func() { // frees what this micro-batch made
			var tape *nn.Tape
			if t.Options.Checkpointing {
				tape = &nn.Tape{}
			}
			outputs := t.Objective.Run(t.Model, &b, tape, globals)
			seen.add(outputs.Globals)
			loss := t.weigh(outputs.Terms, counts[i], &report)
			report.Metrics.Add(t.Objective.program, outputs.Metrics)
			if err = t.checkFinite(report, micro[i]...); err != nil {
				return
			}
			loss.Backward()
			tape.Backward()
		})
		if err != nil {
			return report, err
		}
		report.Tokens += b.Tokens
	}
	report.GradNorm = t.Optimizer.ClipGradients(t.Options.MaxGradNorm)
	if err := t.checkFinite(report, slices.Concat(micro...)...); err != nil {
		return report, err
	}
	report.LearningRate = t.Schedule.At(t.GlobalStep)
	t.Optimizer.Step(report.LearningRate)
	t.GlobalStep++
	if globals == nil {
		globals = seen.means()
	}
	t.Objective.update(globals)
	return report, nil
}

// shares tells whether rows share prefixes: in an encoder the states of a
// prefix depend on what follows it.
func (t *Trainer) shares() bool { return t.Options.SharePrefix && t.Model.Causal() }

// pack lays out the micro-batches and settles the denominators of each.
func (t *Trainer) pack(micro [][]data.Example) (batches []data.Batch, denominators [][]float64) {
	terms := len(t.Objective.program.Terms)
	total := make([]float64, terms)
	for b := range t.batches(micro) {
		counts := t.Objective.Counts(&b)
		for j, c := range counts {
			total[j] += c
		}
		batches, denominators = append(batches, b), append(denominators, counts)
	}
	for i := range denominators {
		for j, term := range t.Objective.program.Terms {
			denominators[i][j] = t.denominator(term.Count >= 0, denominators[i][j], total[j], len(micro))
		}
	}
	return batches, denominators
}

// batches packs micro-batches one after the other, with mismatched answers where
// the loss asks for them: they go round over all of micro.
func (t *Trainer) batches(micro [][]data.Example) iter.Seq[data.Batch] {
	return func(yield func(data.Batch) bool) {
		var others []data.Example
		if NeedsOf(t.Objective.program).Mismatched {
			others = data.Mismatch(slices.Concat(micro...), t.Options.MaxLength)
		}
		for _, examples := range micro {
			b := data.Pack(examples, t.shares())
			if others != nil {
				mismatched := data.Pack(others[:len(examples)], false)
				b.Mismatched, others = &mismatched, others[len(examples):]
			}
			if !yield(b) {
				return
			}
		}
	}
}

// globals makes the pass over all batches that a loss needs whose terms read
// means over them; nil where no term does. Nothing is dropped out in it.
func (t *Trainer) globals(batches iter.Seq[data.Batch]) map[int]float64 {
	if !t.Objective.program.TwoPasses() {
		return nil
	}
	mode := t.Model.Params().Mode()
	training := mode.Training
	mode.Training = false
	defer func() { mode.Training = training }()
	all := newTotals(t.Objective.program)
	for b := range batches {
		tensor.Scoped(func() {
			tensor.NoGrad(func() { all.add(t.Objective.Globals(t.Model, &b)) })
		})
	}
	return all.means()
}

// denominator is what a term's sum over one micro-batch is divided by. An
// empty sum is 0 over 1.
func (t *Trainer) denominator(counted bool, own, total float64, batches int) float64 {
	switch {
	case t.Options.MicroMean:
		return notZero(own) * float64(batches)
	case counted:
		return notZero(total)
	}
	return 1
}

func notZero(count float64) float64 {
	if count == 0 {
		return 1
	}
	return count
}

// weigh returns the part of the step's loss that one micro-batch adds.
func (t *Trainer) weigh(terms []exec.Fraction, denominators []float64, report *StepReport) tensor.Tensor {
	if report.Terms == nil {
		report.Terms = make([]float64, len(terms))
	}
	var loss tensor.Tensor
	for j, term := range t.Objective.program.Terms {
		part := terms[j].Sum.MulScalar(term.Coefficient / denominators[j])
		value := part.Item()
		report.Terms[j] += value
		report.Loss += value
		if j == 0 {
			loss = part
			continue
		}
		loss = loss.Add(part)
	}
	return loss
}

func (t *Trainer) checkFinite(r StepReport, examples ...data.Example) error {
	if finite(r.Loss) && finite(r.GradNorm) {
		return nil
	}
	failed := &NonFiniteError{Step: t.GlobalStep + 1, Loss: r.Loss, GradNorm: r.GradNorm}
	for i, v := range r.Terms {
		if !finite(v) {
			failed.Terms = append(failed.Terms, t.Objective.program.Terms[i].Name)
		}
	}
	for _, g := range examples {
		failed.Sources = append(failed.Sources, g.Source)
	}
	return failed
}
