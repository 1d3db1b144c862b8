// Package train turns batches into optimizer steps and runs of steps. Step, in
// trainer.go, is the heart; Loop, in loop.go, is a run around it.
package train

import (
	"iter"
	"slices"

	"llmhost/host/data"
	"llmhost/host/exec"
	"llmhost/host/model"
	"llmhost/host/nn"
	"llmhost/host/objective"
	"llmhost/host/optim"
	"llmhost/host/tensor"
)

// Options are what a Trainer does besides the loss.
type Options struct {
	DisableDropout bool

	MaxGradNorm   float64 // gradients are clipped to it; 0 = not at all
	MicroMean     bool    // the mean of micro-batch means, instead of one denominator for the step
	Checkpointing bool    // keep only block inputs, and run blocks again for the gradient
	SharePrefix   bool    // sequences of an example share their common prefix, where the model is causal

	MaxLength      int       // the most tokens of a sequence that is made of two others
	TruncationSide data.Side // where such a sequence is cut

	// CheckEvery is how many steps are made before Step asks the device whether
	// they were finite; 0 means 1. No weight moves after one that was not, whenever
	// that is found out.
	CheckEvery int

	CalibrationBins     []int  // the numbers of bins that an evaluation measures rewards with
	CalibrationStrategy string // metrics.Uniform or metrics.Quantile
}

// Trainer makes optimizer steps. Free frees what it holds on the device; model,
// objective and optimizer belong to their owners.
type Trainer struct {
	Model      *model.Model
	Objective  *objective.Objective
	Optimizer  *optim.Optimizer
	Schedule   optim.Schedule
	Options    Options
	GlobalStep int // steps made so far

	// ScheduleShift is by how much GlobalStep is ahead of the schedule; see Plan.
	ScheduleShift int

	finite finiteFlag
	last   tensor.Tensor // the numbers of the last report
}

// Free frees what t holds on the device.
func (t *Trainer) Free() {
	t.finite.free()
	t.last.Free()
	t.last = tensor.Tensor{}
}

// FreeAll frees t, its objective and its optimizer.
func (t *Trainer) FreeAll() {
	t.Free()
	t.Objective.Free()
	t.Optimizer.Free()
}

// Step runs one optimizer step over micro, a list of micro-batches. Every loss
// term is a sum over a count; counts depend on the data alone, so they are
// totalled over all micro-batches first, and how the batch is cut cannot
// matter. Nothing is read from the device but the finite flag, every
// Options.CheckEvery steps: a loss or gradient that is not finite is a
// *NonFiniteError then, no weight has moved since the step before it, and
// GlobalStep is that one's.
func (t *Trainer) Step(micro [][]data.Example) (report StepReport, err error) {
	defer tensor.Catch(&err)
	mode := t.Model.Params().Mode()
	mode.Training = !t.Options.DisableDropout
	defer func() { mode.Training = false }()
	tensor.Scoped(func() { report, err = t.step(micro) })
	return report, err
}

func (t *Trainer) step(micro [][]data.Example) (report StepReport, err error) {
	batches, denominators := t.pack(micro)
	means := t.Objective.Means(t.Model, slices.Values(batches))
	totals := t.Objective.NewTotals()
	sums := newStepSums(t.Objective, t.Options.MicroMean)

	t.Optimizer.ZeroGrad()
	for i := range batches {
		tensor.Scoped(func() { // frees what this micro-batch made
			tape := t.tape()
			outputs := t.Objective.Run(t.Model, &batches[i], tape, means)
			parts := t.weigh(outputs.Terms, denominators[i])
			totals.Add(outputs.Globals)
			sums.add(parts, outputs.Metrics)
			sumOf(parts).Backward()
			tape.Backward()
		})
		report.Tokens += batches[i].Tokens
	}
	norm := t.Optimizer.ClipGradients(t.Options.MaxGradNorm)

	t.finite.add(t.GlobalStep+1, sums.trail(norm), sourcesOf(micro))
	if t.finite.unread() >= t.Options.CheckEvery {
		report.Checked = true
		if err := t.Check(); err != nil {
			return report, err
		}
	}
	report.LearningRate = t.LearningRate()
	t.Optimizer.Step(report.LearningRate, t.finite.broken)
	t.GlobalStep++
	if means == nil {
		means = totals.Means()
	}
	t.Objective.Update(means, t.finite.broken)
	report.program, report.values = t.Objective.Program(), t.keep(sums.values(norm))
	return report, nil
}

// LearningRate is that of the next step.
func (t *Trainer) LearningRate() float64 { return t.Schedule.At(t.GlobalStep - t.ScheduleShift) }

// keep holds the numbers of a report until the next one.
func (t *Trainer) keep(values tensor.Tensor) tensor.Tensor {
	t.last.Free()
	t.last = values.Own()
	return t.last
}

// tape records blocks for a second run, nil where blocks keep their activations.
func (t *Trainer) tape() *nn.Tape {
	if t.Options.Checkpointing {
		return &nn.Tape{}
	}
	return nil
}

// Check asks the device whether all steps since the last time were finite, and
// returns the *NonFiniteError of the first that was not.
func (t *Trainer) Check() (err error) {
	defer tensor.Catch(&err)
	failed := t.finite.read(t.Objective.Program())
	if failed == nil {
		return nil
	}
	t.GlobalStep = failed.Step - 1
	return failed
}

// shares tells whether sequences share prefixes: in an encoder the states of a
// prefix depend on what follows it.
func (t *Trainer) shares() bool { return t.Options.SharePrefix && t.Model.Causal() }

// pack lays out the micro-batches and computes the denominators of each.
func (t *Trainer) pack(micro [][]data.Example) (batches []data.Batch, denominators [][]float64) {
	terms := len(t.Objective.Program().Terms)
	total := make([]float64, terms)
	for b := range t.batches(micro) {
		counts := t.Objective.Counts(&b)
		for j, c := range counts {
			total[j] += c
		}
		batches = append(batches, b)
		denominators = append(denominators, counts)
	}
	for i := range denominators {
		for j, term := range t.Objective.Program().Terms {
			denominators[i][j] = t.denominator(term.Count >= 0, denominators[i][j], total[j], len(micro))
		}
	}
	return batches, denominators
}

// batches packs micro-batches one after the other, with mismatched answers where
// the loss reads them: they are rotated over all of micro.
func (t *Trainer) batches(micro [][]data.Example) iter.Seq[data.Batch] {
	var never error // nothing is read from a disk
	return t.packed(func(yield func([]data.Example, error) bool) {
		for _, examples := range micro {
			if !yield(examples, nil) {
				return
			}
		}
	}, &never)
}

// packed is batches of micro-batches that are read one by one: no more than one is in
// memory. An error of theirs ends it, and failed is set to it.
func (t *Trainer) packed(micro iter.Seq2[[]data.Example, error], failed *error) iter.Seq[data.Batch] {
	return func(yield func(data.Batch) bool) {
		var before []data.Example // the one whose answers the next one gets
		if t.Objective.Needs().Mismatched {
			if before, *failed = lastOf(micro); *failed != nil {
				return
			}
		}
		for examples, err := range micro {
			if err != nil {
				*failed = err
				return
			}
			b := data.Pack(examples, t.shares())
			if before != nil {
				others := data.Mismatch(slices.Concat(before, examples), t.Options.MaxLength, t.Options.TruncationSide)
				mismatched := data.Pack(others[1:], false)
				b.Mismatched, before = &mismatched, examples[len(examples)-1:]
			}
			if !yield(b) {
				return
			}
		}
	}
}

// lastOf is the last example of micro-batches, by itself.
func lastOf(micro iter.Seq2[[]data.Example, error]) (last []data.Example, err error) {
	for examples, err := range micro {
		if err != nil {
			return nil, err
		}
		last = examples[len(examples)-1:]
	}
	return last, nil
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

// weigh returns what each term adds to the step's loss in one micro-batch.
func (t *Trainer) weigh(terms []exec.Fraction, denominators []float64) (parts []tensor.Tensor) {
	for j, term := range t.Objective.Program().Terms {
		parts = append(parts, terms[j].Sum.MulScalar(term.Coefficient/denominators[j]))
	}
	return parts
}

func sumOf(parts []tensor.Tensor) tensor.Tensor {
	sum := parts[0]
	for _, part := range parts[1:] {
		sum = sum.Add(part)
	}
	return sum
}
