package train

import (
	"math"
	"slices"

	"llmhost/host/metrics"
)

// Best says which evaluation of a run is the best, and what that decides, in the
// terms of transformers' Trainer.
type Best struct {
	Metric  string // of the evaluations, such as "eval_loss"; "" = none is the best
	Greater bool   // the greater, the better
	Keep    bool   // a checkpoint is saved at each evaluation that is the best so far, and is kept

	Patience  int     // the run ends after so many evaluations in a row that were not better; 0 = never
	Threshold float64 // by more than which a better one must be better
}

// bestSoFar is what a run knows of its best evaluation.
type bestSoFar struct {
	Metric string `json:"metric"`
	Step   int    `json:"step"`
	Value  number `json:"value"`
	Waited int    `json:"waited"` // evaluations in a row that were not better
}

// rank takes an evaluation. That before the first step is none of the run's: no
// checkpoint holds its model. One that lacks the metric was not better.
func (l *Loop) rank(values []metrics.Value) {
	step := l.Trainer.GlobalStep
	if l.Best.Metric == "" || step == 0 {
		return
	}
	value := math.NaN()
	if i := slices.IndexFunc(values, func(v metrics.Value) bool { return v.Name == l.Best.Metric }); i >= 0 {
		value = values[i].Value
	}
	gain := float64(l.best.Value) - value
	if l.Best.Greater {
		gain = -gain
	}
	first := l.best.Step == 0 && !math.IsNaN(value)
	l.best.Waited++
	if first || gain > l.Best.Threshold {
		l.best.Waited = 0
	}
	if first || gain > 0 && l.best.Step > 0 {
		l.best.Metric = l.Best.Metric
		l.best.Step = step
		l.best.Value = number(value)
	}
}

// isBest tells whether the model as it is was the best in its evaluation.
func (l *Loop) isBest() bool {
	return l.Best.Keep && l.best.Step > 0 && l.best.Step == l.Trainer.GlobalStep
}

// BestStep is the step of the best evaluation, and what it measured; 0 before any.
func (l *Loop) BestStep() (step int, value float64) { return l.best.Step, float64(l.best.Value) }

// OutOfPatience tells after how many evaluations without a better one the run
// ends; 0 where it goes on.
func (l *Loop) OutOfPatience() int {
	if l.Best.Patience == 0 || l.best.Waited < l.Best.Patience {
		return 0
	}
	return l.best.Waited
}
