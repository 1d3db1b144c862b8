package train

import (
	"fmt"

	"llmhost/host/data"
	hostmetrics "llmhost/host/metrics"
	"llmhost/host/tensor"
	"llmhost/sdk/program"
)

// Evaluation is what a loss and its metrics came to over some records: sums and
// counts, so that those of several parts can be joined and are right whatever
// the parts' sizes. Nothing of the size of a vocabulary is kept.
type Evaluation struct {
	program      *program.Program
	sums, counts []float64 // of each term
	metrics      Metrics
	calibration  *hostmetrics.Calibration
}

func (t *Trainer) newEvaluation() Evaluation {
	p := t.Objective.program
	return Evaluation{program: p, sums: make([]float64, len(p.Terms)), counts: make([]float64, len(p.Terms)),
		calibration: hostmetrics.NewCalibration(t.Options.CalibrationStrategy, t.Options.CalibrationBins...)}
}

// Evaluate measures micro-batches, without a gradient.
func (t *Trainer) Evaluate(micro [][]data.Example) (e Evaluation, err error) {
	defer tensor.Catch(&err)
	e = t.newEvaluation()
	globals := t.globals(t.batches(micro))
	for b := range t.batches(micro) {
		tensor.Scoped(func() {
			tensor.NoGrad(func() {
				outputs, rewards := t.Objective.look(t.Model, &b, globals)
				addPreferences(e.calibration, &b, t.Objective.Scores, rewards)
				e.metrics.Add(e.program, outputs.Metrics)
				for j, f := range outputs.Terms {
					sum, count := f.Read()
					e.sums[j], e.counts[j] = e.sums[j]+sum, e.counts[j]+count
				}
			})
		})
	}
	return e, nil
}

// Join takes in the evaluation of other records by the same trainer.
func (e *Evaluation) Join(other Evaluation) {
	for j := range e.sums {
		e.sums[j] += other.sums[j]
		e.counts[j] += other.counts[j]
	}
	e.metrics.Join(other.metrics)
	e.calibration.Join(other.calibration)
}

// Loss is that of all records.
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

// Values calls f with each metric that had anything to count, and, where rewards
// were given to scored candidates, with their calibration.
func (e *Evaluation) Values(f func(name string, value float64)) {
	e.metrics.Values(f)
	if e.calibration.Len() == 0 {
		return
	}
	for _, c := range e.calibration.Errors() {
		f(fmt.Sprintf("calibration_ECE_bin%d", c.Bins), c.ECE)
		f(fmt.Sprintf("calibration_ACE_bin%d", c.Bins), c.ACE)
		f(fmt.Sprintf("calibration_MCE_bin%d", c.Bins), c.MCE)
	}
}
