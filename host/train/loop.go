package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"llmhost/host/data"
	"llmhost/host/metrics"
)

// Plan is the course of a run, in optimizer steps. Steps never cross the end
// of an epoch, so that "every epoch" is a number of steps too.
type Plan struct {
	BatchSize, Accumulation   int // records in a micro-batch, micro-batches in a step
	EvalBatchSize             int
	StepsPerEpoch, TotalSteps int

	LogSteps, EvalSteps, SaveSteps int // steps between them, 0 = never
	LogFirst, EvalAtBeginning      bool
}

// NewPlan settles how many steps a run over records takes: maxSteps where that
// is positive, else epochs passes.
func NewPlan(records, batchSize, accumulation int, epochs float64, maxSteps int) Plan {
	p := Plan{BatchSize: batchSize, Accumulation: accumulation}
	micro := (records + batchSize - 1) / batchSize
	p.StepsPerEpoch = (micro + accumulation - 1) / accumulation
	p.TotalSteps = int(math.Ceil(epochs * float64(p.StepsPerEpoch)))
	if maxSteps > 0 {
		p.TotalSteps = maxSteps
	}
	return p
}

// EvalSet is one set of held-out examples. Prefix begins the names of its metrics.
type EvalSet struct {
	Prefix   string // "eval_", or "eval_NAME_" where there are several
	Examples []data.Example
}

// EventKind tells what an Event reports.
type EventKind int

// The kinds of events.
const (
	Stepped   EventKind = iota // after every step: its loss, gradient norm and speed
	Logged                     // averages over the steps since the last one
	Evaluated                  // metrics of all evaluation sets
	Saved                      // a checkpoint, at Path
)

// Event is something that happened in a run, with the numbers of that moment.
type Event struct {
	Kind EventKind
	metrics.Entry
	TotalSteps int
	Path       string // of Saved
}

// Loop is a run: steps over shuffled examples, with evaluations, log entries
// and checkpoints in between.
type Loop struct {
	Trainer  *Trainer
	Plan     Plan
	Examples []data.Example
	Order    *data.Order
	Eval     []EvalSet
	Save     func() (path string, err error)
	Emit     func(Event) error

	TrainedTokens int64
	speeds        []float64 // tokens a second of each step of this process
	window        window
	evaluated     int    // the step of the last evaluation, -1 before any
	saved         int    // the step of the last checkpoint
	checkpoint    string // the last checkpoint that this loop saved
}

// Interrupted says that a run stopped because it was asked to, with its state saved.
type Interrupted struct {
	Step       int    // steps made
	Checkpoint string // the one saved on the way out, "" where nothing was new
	CanSave    bool   // false where the run keeps no checkpoints
}

// Error says after which step, and what holds the run's state.
func (i *Interrupted) Error() string {
	switch {
	case !i.CanSave:
		return fmt.Sprintf("interrupted after step %d; save_strategy is \"no\", so nothing was saved", i.Step)
	case i.Checkpoint == "":
		return fmt.Sprintf("interrupted after step %d; nothing was new since the last checkpoint", i.Step)
	}
	return fmt.Sprintf("interrupted after step %d; %s holds the state of the run", i.Step, i.Checkpoint)
}

// Run goes on from the trainer's step to the last one, and evaluates and saves
// at the end. When ctx ends it finishes the step in hand, saves, and returns
// *Interrupted.
func (l *Loop) Run(ctx context.Context) error {
	l.saved = l.Trainer.GlobalStep
	if l.Trainer.GlobalStep == 0 {
		l.evaluated = -1
		if l.Plan.EvalAtBeginning {
			if err := l.evaluate(); err != nil {
				return err
			}
		}
	}
	for l.Trainer.GlobalStep < l.Plan.TotalSteps {
		if ctx.Err() != nil {
			return l.interrupt()
		}
		if err := l.step(); err != nil {
			return err
		}
	}
	if err := l.evaluate(); err != nil {
		return err
	}
	return l.save()
}

// step makes one step and what falls due after it.
func (l *Loop) step() error {
	start := time.Now()
	report, err := l.Trainer.Step(l.next())
	if err != nil {
		return err
	}
	l.TrainedTokens += int64(report.Tokens)
	spent := time.Since(start)
	l.speeds = append(l.speeds, float64(report.Tokens)/spent.Seconds())
	l.window.add(report, spent)
	step := l.Trainer.GlobalStep
	values := []metrics.Value{{Name: "loss", Value: report.Loss}, {Name: "grad_norm", Value: report.GradNorm}, {Name: "tokens_per_second", Value: l.speeds[len(l.speeds)-1]}}
	if err := l.emit(Stepped, values, ""); err != nil {
		return err
	}
	if due(step, l.Plan.LogSteps) || step == 1 && l.Plan.LogFirst || step == l.Plan.TotalSteps {
		if err := l.log(); err != nil {
			return err
		}
	}
	if due(step, l.Plan.EvalSteps) {
		if err := l.evaluate(); err != nil {
			return err
		}
	}
	if due(step, l.Plan.SaveSteps) && step < l.Plan.TotalSteps { // Run saves the last one, with the last evaluation
		return l.save()
	}
	return nil
}

// Speed returns the median over the steps of this process, in tokens a second;
// 0 before the first.
func (l *Loop) Speed() float64 {
	if len(l.speeds) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l.speeds))
	return sorted[len(sorted)/2]
}

func due(step, every int) bool { return every > 0 && step%every == 0 }

// next takes the micro-batches of one step; the last of an epoch may be short.
func (l *Loop) next() [][]data.Example {
	var micro [][]data.Example
	for range l.Plan.Accumulation {
		var examples []data.Example
		for _, i := range l.Order.Next(l.Plan.BatchSize) {
			examples = append(examples, l.Examples[i])
		}
		micro = append(micro, examples)
		if l.Order.Cursor().Next == len(l.Examples) {
			break
		}
	}
	return micro
}

func (l *Loop) emit(kind EventKind, values []metrics.Value, path string) error {
	step := l.Trainer.GlobalStep
	return l.Emit(Event{Kind: kind, TotalSteps: l.Plan.TotalSteps, Path: path, Entry: metrics.Entry{
		Step: step, Epoch: float64(step) / float64(max(1, l.Plan.StepsPerEpoch)), Values: values}})
}

// log reports the averages since the last log entry.
func (l *Loop) log() error {
	if l.window.steps == 0 {
		return nil
	}
	values := l.window.values(l.Trainer)
	l.window = window{}
	return l.emit(Logged, values, "")
}

// evaluate reports all evaluation sets, once a step at most.
func (l *Loop) evaluate() error {
	if len(l.Eval) == 0 || l.evaluated == l.Trainer.GlobalStep {
		return nil
	}
	l.evaluated = l.Trainer.GlobalStep
	var values []metrics.Value
	for _, set := range l.Eval {
		e, err := l.Trainer.Evaluate(cut(set.Examples, l.Plan.EvalBatchSize))
		if err != nil {
			return err
		}
		values = append(values, metrics.Value{Name: set.Prefix + "loss", Value: e.Loss()})
		e.Values(func(name string, value float64) {
			values = append(values, metrics.Value{Name: set.Prefix + name, Value: value})
		})
	}
	return l.emit(Evaluated, values, "")
}

func cut(examples []data.Example, size int) [][]data.Example {
	var micro [][]data.Example
	for len(examples) > size {
		micro, examples = append(micro, examples[:size]), examples[size:]
	}
	return append(micro, examples)
}

// save writes a checkpoint, once a step at most.
func (l *Loop) save() error {
	if l.Plan.SaveSteps == 0 || l.saved == l.Trainer.GlobalStep {
		return nil
	}
	path, err := l.Save()
	if err != nil {
		return err
	}
	l.saved, l.checkpoint = l.Trainer.GlobalStep, path
	return l.emit(Saved, nil, path)
}

func (l *Loop) interrupt() error {
	if err := l.save(); err != nil {
		return err
	}
	return &Interrupted{Step: l.Trainer.GlobalStep, Checkpoint: l.checkpoint, CanSave: l.Plan.SaveSteps > 0}
}

// window averages over the steps between two log entries.
type window struct {
	steps   int
	loss    float64
	last    StepReport
	metrics Metrics
	terms   []float64
	tokens  int
	spent   time.Duration
}

func (w *window) add(r StepReport, spent time.Duration) {
	w.steps++
	w.loss += r.Loss
	w.last = r
	w.metrics.Join(r.Metrics)
	w.tokens += r.Tokens
	w.spent += spent
	if w.terms == nil {
		w.terms = make([]float64, len(r.Terms))
	}
	for i, term := range r.Terms {
		w.terms[i] += term
	}
}

// values lists the averages: loss and metrics over the window, norm and rate
// of its last step.
func (w *window) values(t *Trainer) []metrics.Value {
	n := float64(w.steps)
	values := []metrics.Value{{Name: "loss", Value: w.loss / n}}
	if terms := t.Objective.Program().Terms; len(terms) > 1 {
		for i, term := range terms {
			values = append(values, metrics.Value{Name: "loss_" + term.Name, Value: w.terms[i] / n})
		}
	}
	w.metrics.Values(func(name string, value float64) { values = append(values, metrics.Value{Name: name, Value: value}) })
	values = append(values, metrics.Value{Name: "grad_norm", Value: w.last.GradNorm},
		metrics.Value{Name: "learning_rate", Value: w.last.LearningRate},
		metrics.Value{Name: "tokens_per_second", Value: float64(w.tokens) / w.spent.Seconds()})
	return values
}
