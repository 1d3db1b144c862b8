package train

import (
	"fmt"
	"iter"
	"slices"

	"llmhost/host/data"
	hostmetrics "llmhost/host/metrics"
	"llmhost/host/tensor"
	"llmhost/sdk/program"
)

// Evaluation totals a loss and its metrics over some records: sums and
// counts, so that those of several parts can be joined and are right whatever
// the parts' sizes. Nothing of the size of a vocabulary is kept.
type Evaluation struct {
	program      *program.Program
	sums, counts []float64 // of each term
	metrics      Metrics
	calibration  calibrations
}

// calibrations are those of rewards that were given to scored candidates.
type calibrations struct {
	pairs   *hostmetrics.Calibration // each pair in both directions, as llm_codebase measures them
	choices *hostmetrics.Calibration // each pair by the model's choice
}

func newCalibrations(o Options) calibrations {
	return calibrations{
		pairs:   hostmetrics.NewCalibration(o.CalibrationStrategy, o.CalibrationBins...),
		choices: hostmetrics.NewCalibration(o.CalibrationStrategy, o.CalibrationBins...),
	}
}

// Evaluate measures micro-batches, without a gradient. After each, tell is called
// with how many records it has; an error of tell ends the evaluation. It may be nil.
func (t *Trainer) Evaluate(micro [][]data.Example, tell func(records int) error) (Evaluation, error) {
	return t.EvaluateEach(func(yield func([]data.Example, error) bool) {
		for _, examples := range micro {
			if !yield(examples, nil) {
				return
			}
		}
	}, tell)
}

// EvaluateEach is Evaluate for micro-batches that are read one by one, several times
// where the loss needs all of them before it computes one.
func (t *Trainer) EvaluateEach(micro iter.Seq2[[]data.Example, error], tell func(records int) error) (e Evaluation, err error) {
	defer tensor.Catch(&err)
	if tell == nil {
		tell = func(int) error { return nil }
	}
	tensor.Scoped(func() {
		tensor.NoGrad(func() { e, err = t.evaluate(micro, tell) })
	})
	return e, err
}

func (t *Trainer) evaluate(micro iter.Seq2[[]data.Example, error], tell func(records int) error) (Evaluation, error) {
	p := t.Objective.Program()
	d := t.Objective.Device()
	calibration := newCalibrations(t.Options)
	var failed error
	means := t.Objective.Means(t.Model, t.packed(micro, &failed))
	if failed != nil {
		return Evaluation{}, failed
	}
	one := tensor.Full(d, tensor.Float64, 1)
	sums := tensor.Zeros(d, tensor.Float64, int64(2*len(p.Terms)+2*len(p.Metrics)))
	for b := range t.packed(micro, &failed) {
		tensor.Scoped(func() {
			outputs, rewards := t.Objective.Evaluate(t.Model, &b, means)
			calibration.add(&b, t.Objective.Scores, rewards)
			now := tensor.Scalars(numbers(slices.Concat(outputs.Terms, outputs.Metrics), one)...)
			sums = sums.Add(now).Keep()
		})
		if err := tell(b.B); err != nil {
			return Evaluation{}, err
		}
	}
	if failed != nil {
		return Evaluation{}, failed
	}
	return newEvaluation(p, sums.Floats(), calibration), nil
}

// newEvaluation takes sum and count of each term, then of each metric, in turns.
func newEvaluation(p *program.Program, numbers []float64, calibration calibrations) Evaluation {
	e := Evaluation{program: p, calibration: calibration}
	for range p.Terms {
		e.sums = append(e.sums, numbers[0])
		e.counts = append(e.counts, numbers[1])
		numbers = numbers[2:]
	}
	e.metrics = newMetrics(p, numbers)
	return e
}

// add takes the rewards [B, K] of a batch whose candidates are ordered by a column.
func (c calibrations) add(b *data.Batch, column string, rewards tensor.Tensor) {
	scores := b.Columns[column]
	if scores == nil || !rewards.Defined() {
		return
	}
	read := rewards.Floats()
	for e := range b.B {
		var r, s []float64
		for k := e * b.K; k < (e+1)*b.K; k++ {
			if b.Real[k] {
				r = append(r, read[k])
				s = append(s, float64(scores[k]))
			}
		}
		c.pairs.AddPreferences(r, s)
		c.choices.AddChoices(r, s)
	}
}

// Join adds the evaluation of other records by the same trainer.
func (e *Evaluation) Join(other Evaluation) {
	for j := range e.sums {
		e.sums[j] += other.sums[j]
		e.counts[j] += other.counts[j]
	}
	e.metrics.join(other.metrics)
	e.calibration.pairs.Join(other.calibration.pairs)
	e.calibration.choices.Join(other.calibration.choices)
}

// Counted tells whether the loss had anything to count: a mean over nothing is none.
func (e *Evaluation) Counted() bool {
	return slices.ContainsFunc(e.counts, func(n float64) bool { return n != 0 })
}

// Loss is that of all records, 0 where nothing was counted.
func (e *Evaluation) Loss() (loss float64) {
	for j, term := range e.program.Terms {
		denominator := 1.0
		if term.Count >= 0 {
			denominator = notZero(e.counts[j])
		}
		loss += term.Coefficient * e.sums[j] / denominator
	}
	return loss
}

// Measures are the names of what an evaluation of a program may give, with the
// calibration of rewards for so many bins.
func Measures(p *program.Program, bins []int) []string {
	names := []string{program.LossKey}
	for _, m := range p.Metrics {
		names = append(names, m.Name)
	}
	for _, n := range bins {
		names = append(names, fmt.Sprintf(program.CalibrationKey+"ECE_bin%d", n))
	}
	return names
}

// Values calls f with each metric that had anything to count, and, where rewards
// were given to scored candidates, with their calibration.
func (e *Evaluation) Values(f func(name string, value float64)) {
	e.metrics.Values(f)
	if e.calibration.pairs.Len() == 0 {
		return
	}
	for _, c := range e.calibration.pairs.Errors() {
		f(fmt.Sprintf(program.CalibrationKey+"ECE_bin%d", c.Bins), c.ECE)
		f(fmt.Sprintf(program.CalibrationKey+"ACE_bin%d", c.Bins), c.ACE)
		f(fmt.Sprintf(program.CalibrationKey+"MCE_bin%d", c.Bins), c.MCE)
	}
	for _, c := range e.calibration.choices.Errors() {
		f(fmt.Sprintf(program.CalibrationKey+"chosen_ECE_bin%d", c.Bins), c.ECE)
	}
}
