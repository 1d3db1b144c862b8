package train

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"llmhost/host/data"
	"llmhost/host/metrics"
	"llmhost/host/tensor"
	"llmhost/sdk/program"
)

// EvalSet is one set of held-out examples.
type EvalSet struct {
	Name   string // for the user, "" where there is only one
	Prefix string // of the names of its metrics: "eval_", or "eval_NAME_" where there are several

	Records int // or pieces of some, that Batches hands out

	// Batches goes through the set once, in micro-batches of up to size examples.
	Batches func(size int) iter.Seq2[[]data.Example, error]
}

// EventKind tells what an Event reports.
type EventKind int

// The kinds of events.
const (
	Stepped    EventKind = iota // after every step: loss, gradient norm and speed as last read, which is this step's where its report is Checked
	Logged                      // averages over the steps since the last one
	Evaluating                  // some records of one set are done: Done of Of
	Evaluated                   // metrics of all evaluation sets
	Saved                       // a checkpoint, at Path
)

// Event is something that happened in a run, with the numbers of that moment.
type Event struct {
	Kind EventKind
	metrics.Entry
	TotalSteps int
	Path       string // of Saved

	// Of Evaluating: the name of the set, and how many of its records are done.
	Set      string
	Done, Of int

	Sets [][]metrics.Value // of Evaluated: the values of each
}

// Loop is a run: steps over batches of examples, with evaluations, log entries
// and checkpoints in between.
type Loop struct {
	Trainer *Trainer
	Plan    Plan
	Batches data.Batches
	Eval    []EvalSet
	Best    Best
	Save    func() (path string, err error)
	Emit    func(Event) error

	TrainedTokens int64
	speeds        []float64       // tokens a second, each time that a step was read
	unread        pace            // of the steps since then
	shown         []metrics.Value // of the step that was read last
	window        window
	evaluated     int // the step of the last evaluation, -1 before any
	best          bestSoFar
	saved         int    // the step of the last checkpoint
	checkpoint    string // the last checkpoint that this loop saved
}

// Interrupted says that a run stopped because it was asked to, with its state saved.
type Interrupted struct {
	Step       int    // steps made
	Checkpoint string // the one saved on the way out, "" where there was nothing new to save
	CanSave    bool   // false where the run keeps no checkpoints
}

// Error says after which step the run stopped, and what holds its state.
func (i *Interrupted) Error() string {
	switch {
	case i.Step == 0:
		return "interrupted before the first step; there is nothing to save"
	case !i.CanSave:
		return fmt.Sprintf("interrupted after step %d; save_strategy is \"no\", so nothing was saved", i.Step)
	case i.Checkpoint == "":
		return fmt.Sprintf("interrupted after step %d; the last checkpoint holds all of it", i.Step)
	}
	return fmt.Sprintf("interrupted after step %d; %s holds the state of the run", i.Step, i.Checkpoint)
}

// Run makes the steps from the trainer's to the last one, and evaluates and saves
// at the end. When ctx ends it finishes the current step, saves, and returns
// *Interrupted.
func (l *Loop) Run(ctx context.Context) error {
	defer l.window.free()
	l.saved = l.Trainer.GlobalStep
	if l.Trainer.GlobalStep == 0 {
		l.evaluated = -1
	}
	err := l.run(ctx)
	if err != nil && errors.Is(err, ctx.Err()) {
		return l.interrupt()
	}
	return err
}

// run is Run, except that its error is the context's where that has ended.
func (l *Loop) run(ctx context.Context) error {
	if l.owesEvaluation() {
		if err := l.evaluate(ctx); err != nil {
			return err
		}
	}
	for l.Trainer.GlobalStep < l.Plan.TotalSteps && l.OutOfPatience() == 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := l.step(ctx); err != nil {
			return err
		}
	}
	if err := l.evaluate(ctx); err != nil {
		return err
	}
	if l.Plan.SaveSteps != 0 || l.isBest() {
		return l.save()
	}
	return nil
}

// owesEvaluation tells whether one is due before the first step of this process:
// that of the beginning, or the one in which the run was interrupted.
func (l *Loop) owesEvaluation() bool {
	if l.Trainer.GlobalStep == 0 {
		return l.Plan.EvalAtBeginning
	}
	return l.due(l.Plan.EvalSteps)
}

// step makes one step and everything that is due after it.
func (l *Loop) step(ctx context.Context) (err error) {
	defer tensor.Catch(&err)
	start := time.Now()
	micro, err := data.Step(l.Batches, l.Plan.BatchSize, l.Plan.Accumulation)
	if err != nil {
		return err
	}
	report, err := l.Trainer.Step(micro)
	if err != nil {
		return err
	}
	step := l.Trainer.GlobalStep
	logs := l.due(l.Plan.LogSteps) || step == 1 && l.Plan.LogFirst || step == l.Plan.TotalSteps
	var last Measured
	reads := report.Checked || logs || l.shown == nil
	if reads {
		if err := l.Trainer.Check(); err != nil {
			return err
		}
		last = report.Read()
	}
	l.count(report, time.Since(start))
	if reads {
		l.show(last)
	}
	if err := l.emit(Stepped, l.shown, ""); err != nil {
		return err
	}
	if logs {
		if err := l.log(report, last); err != nil {
			return err
		}
	}
	if l.due(l.Plan.EvalSteps) {
		if err := l.evaluate(ctx); err != nil {
			return err
		}
	}
	if (l.due(l.Plan.SaveSteps) || l.isBest()) && step < l.Plan.TotalSteps { // Run saves the last one, with the last evaluation
		return l.save()
	}
	return nil
}

// pace is how much was done in how much time.
type pace struct {
	tokens int
	spent  time.Duration
}

func (p *pace) add(tokens int, spent time.Duration) {
	p.tokens += tokens
	p.spent += spent
}

func (p pace) speed() float64 { return float64(p.tokens) / p.spent.Seconds() }

// count records a step, whose numbers stay on the device.
func (l *Loop) count(report StepReport, spent time.Duration) {
	l.TrainedTokens += int64(report.Tokens)
	l.unread.add(report.Tokens, spent)
	l.window.add(report, spent)
}

// show sets what events report of the steps until the next read.
func (l *Loop) show(last Measured) {
	l.speeds = append(l.speeds, l.unread.speed())
	l.shown = []metrics.Value{
		{Name: program.LossKey, Value: last.Loss},
		{Name: program.GradNormKey, Value: last.GradNorm},
		{Name: program.TokensPerSecondKey, Value: l.unread.speed()},
	}
	l.unread = pace{}
}

// Speed returns the median over the steps of this process, in tokens a second,
// where each step is read; else over the runs of steps between two reads. It is
// 0 before the first.
func (l *Loop) Speed() float64 {
	if len(l.speeds) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l.speeds))
	return sorted[len(sorted)/2]
}

// due tells whether something that happens every so many steps happens after this one.
func (l *Loop) due(every int) bool {
	if every == EachEpoch {
		return l.Batches.Ended()
	}
	return every > 0 && l.Trainer.GlobalStep%every == 0
}

func (l *Loop) emit(kind EventKind, values []metrics.Value, path string) error {
	e := l.event(kind, values)
	e.Path = path
	return l.Emit(e)
}

// event is one of now.
func (l *Loop) event(kind EventKind, values []metrics.Value) Event {
	return Event{Kind: kind, TotalSteps: l.Plan.TotalSteps, Entry: metrics.Entry{
		Step: l.Trainer.GlobalStep, Epoch: l.Epoch(), Values: values}}
}

// Epoch is how often the records have been handed out, by their number: steps of a
// run need not have one size.
func (l *Loop) Epoch() float64 { return l.Batches.Epochs() }

// log reports the averages since the last log entry; last is the measurement of
// the latest step.
func (l *Loop) log(report StepReport, last Measured) error {
	values := l.window.values()
	values = append(values,
		metrics.Value{Name: program.GradNormKey, Value: last.GradNorm},
		metrics.Value{Name: program.LearningRateKey, Value: report.LearningRate},
		metrics.Value{Name: program.TokensPerSecondKey, Value: l.window.speed()})
	l.window.free()
	return l.emit(Logged, values, "")
}

// evaluate reports all evaluation sets, once a step at most. It is given up when
// ctx ends.
func (l *Loop) evaluate(ctx context.Context) error {
	if len(l.Eval) == 0 || l.evaluated == l.Trainer.GlobalStep {
		return nil
	}
	if err := l.Trainer.Check(); err != nil {
		return err
	}
	var sets [][]metrics.Value
	for _, set := range l.Eval {
		e, err := l.evaluateOn(ctx, set)
		if err != nil {
			return err
		}
		var values []metrics.Value
		if e.Counted() {
			values = append(values, metrics.Value{Name: set.Prefix + program.LossKey, Value: e.Loss()})
		}
		e.Values(func(name string, value float64) {
			values = append(values, metrics.Value{Name: set.Prefix + name, Value: value})
		})
		sets = append(sets, values)
	}
	l.evaluated = l.Trainer.GlobalStep
	values := slices.Concat(sets...)
	l.rank(values)
	event := l.event(Evaluated, values)
	event.Sets = sets
	return l.Emit(event)
}

// evaluateOn measures one set, and tells how far it is after each micro-batch.
func (l *Loop) evaluateOn(ctx context.Context, set EvalSet) (Evaluation, error) {
	done := 0
	return l.Trainer.EvaluateEach(set.Batches(l.Plan.EvalBatchSize), func(records int) error {
		done += records
		event := l.event(Evaluating, nil)
		event.Set = set.Name
		event.Done, event.Of = done, set.Records
		return errors.Join(ctx.Err(), l.Emit(event))
	})
}

// saves tells whether the run keeps checkpoints.
func (l *Loop) saves() bool { return l.Plan.SaveSteps != 0 || l.Best.Keep }

// save writes a checkpoint, once a step at most.
func (l *Loop) save() (err error) {
	defer tensor.Catch(&err)
	if !l.saves() || l.saved == l.Trainer.GlobalStep {
		return nil
	}
	if err := l.Trainer.Check(); err != nil {
		return err
	}
	path, err := l.Save()
	if err != nil {
		return err
	}
	l.saved = l.Trainer.GlobalStep
	l.checkpoint = path
	return l.emit(Saved, nil, path)
}

func (l *Loop) interrupt() error {
	if err := l.Trainer.Check(); err != nil {
		return err
	}
	if err := l.save(); err != nil {
		return err
	}
	return &Interrupted{
		Step:       l.Trainer.GlobalStep,
		Checkpoint: l.checkpoint,
		CanSave:    l.saves(),
	}
}

// window adds up the steps between two log entries.
type window struct {
	program *program.Program
	steps   int
	sums    tensor.Tensor // as stepSums.values lays them out, on the device; undefined before the first step
	pace
}

func (w *window) add(r StepReport, spent time.Duration) {
	w.program = r.program
	w.steps++
	w.pace.add(r.Tokens, spent)
	tensor.Scoped(func() {
		before := w.sums
		if !before.Defined() {
			before = r.values.ZerosLike()
		}
		sums := before.Add(r.values).Own()
		w.sums.Free()
		w.sums = sums
	})
}

// read copies the sums from the device.
func (w *window) read() Measured { return measured(w.program, w.sums.Floats()) }

// free ends the window, so that the next step begins another.
func (w *window) free() {
	w.sums.Free()
	*w = window{}
}

// values lists the averages of loss, terms and metrics.
func (w *window) values() []metrics.Value {
	n, sums := float64(w.steps), w.read()
	values := []metrics.Value{{Name: program.LossKey, Value: sums.Loss / n}}
	if len(sums.Terms) > 1 {
		for i, term := range w.program.Terms {
			values = append(values, metrics.Value{Name: program.TermKey + term.Name, Value: sums.Terms[i] / n})
		}
	}
	sums.Metrics.Values(func(name string, value float64) {
		values = append(values, metrics.Value{Name: name, Value: value})
	})
	return values
}
