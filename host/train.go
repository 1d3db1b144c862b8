// Package host assembles what each verb of llmhost does from the packages below
// it, one file a verb, top to bottom. Start at Train.
package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"time"

	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/data/record"
	"llmhost/host/lm"
	"llmhost/host/metrics"
	"llmhost/host/model"
	"llmhost/host/optim"
	"llmhost/host/plugin"
	"llmhost/host/rundir"
	"llmhost/host/task"
	"llmhost/host/tensor"
	"llmhost/host/train"
	"llmhost/sdk"
)

// Env is what a verb gets from the program around it.
type Env struct {
	Builtins []sdk.Plugin
	Version  string    // of llmhost
	Lines    io.Writer // for notes, log entries and summaries
	Terminal io.Writer // for the progress bar; nil where nobody watches

	// TaskFor is the task that records are most likely meant for, by the names of their
	// fields; nil where none is guessed. Verbs that look at data ask it where no task
	// is named.
	TaskFor func(record.View) string
}

// plugins says which plugins a verb finds and where their notices go.
func (e Env) plugins(out *console.Console) plugin.Options {
	notice := func(line string) { out.Notef("%s", line) }
	return plugin.Options{
		Builtin: e.Builtins,
		Cache:   plugin.DefaultCache(),
		Notice:  notice,
	}
}

// Train runs the training that the settings describe: from the plugin, the
// data and the model to the trained model in output_dir. Everything that can be
// wrong with the plugin and the data is found before the first weight is read.
// When ctx ends the run saves a checkpoint and returns *train.Interrupted.
func Train(ctx context.Context, s config.Settings, env Env) (err error) {
	began := time.Now()
	out := console.New(env.Lines, env.Terminal)
	var now stage
	now.set("before the first step")
	defer answerStop(ctx, out, &now)()
	defer func() { err = explainStop(err) }()

	if err := wantInputsKept(s); err != nil {
		return err
	}
	claim, err := rundir.Hold(s.OutputDir, "train", out.Notef)
	if err != nil {
		return err
	}
	defer claim.Release()
	in, err := openInputs(ctx, s, env, out)
	if err != nil {
		return err
	}
	defer in.Close()
	s, t, sets, plan, start := in.settings, in.task, in.sets, in.plan, in.start
	if done, err := finished(s, start, plan, out); done || err != nil {
		return err
	}
	out.Notes(sets.notes)
	m, err := openModels(ctx, s, t, in.source, in.tok, &sets, out)
	if err != nil {
		return err
	}
	defer m.free()
	loop, err := newLoop(s, t, m, sets, plan)
	if err != nil {
		return err
	}
	defer loop.Trainer.FreeAll()
	defer sets.closeStream(out)
	loop.Best = in.best

	identity := m.on(in.identity, s, t)
	record := recordOf(s, env, t, m, sets, plan, start)
	loop.Batches = sets.checked(s, loop.Batches, record.Invariants)
	if err := resume(s, loop, start, identity, record, out); err != nil {
		return err
	}
	if s.DryRun {
		introduce(out, s, t, m, sets, plan, start)
		foretell(out, m, loop)
		return nil
	}
	dir, err := openFolder(s, t, start, record.At(loop.Trainer.GlobalStep, loop.Epoch(), time.Since(began)), out)
	if err != nil {
		return err
	}
	defer dir.Close()
	checkpoints := train.Checkpoints{
		Folder:   s.OutputDir,
		Limit:    s.SaveTotalLimit,
		Model:    m.policy,
		Identity: identity,
		SyncLog:  dir.Sync,
	}
	recordNow := func() error {
		return dir.WriteRecord(record.At(loop.Trainer.GlobalStep, loop.Epoch(), time.Since(began)))
	}
	loop.Save = func() (path string, err error) {
		if path, err = checkpoints.Save(loop); err != nil {
			return "", err
		}
		return path, recordNow()
	}
	loop.Emit = func(e train.Event) error {
		now.follow(e)
		return emit(e, out, dir, t, s)
	}

	now.set("after this step")
	introduce(out, s, t, m, sets, plan, start)
	if err := loop.Run(ctx); err != nil {
		return errors.Join(howToResume(s.OutputDir, err), recordNow())
	}
	now.set("when the model is written, as the run is over")
	record = record.At(loop.Trainer.GlobalStep, loop.Epoch(), time.Since(began))
	if step, value := loop.BestStep(); step > 0 {
		record.Best = &rundir.BestRecord{Step: step, Metric: loop.Best.Metric, Value: value}
	}
	if err := m.policy.Save(dir.Path); err != nil {
		return howToResume(s.OutputDir, err)
	}
	result := installBest(s, loop, start, out)
	entries, err := finish(dir, record, titleOf(s.RunSettings, t))
	if err != nil {
		return howToResume(s.OutputDir, err)
	}
	summarise(out, dir.Path, m, entriesTo(result, entries), loop.Speed(), time.Since(began))
	return nil
}

// OpenTrainer builds the trainer of a run as Train does, without its data and its
// folder, for measurements. Class heads, whose sizes the data settles, are an
// error. The caller calls free at the end.
func OpenTrainer(ctx context.Context, s config.Settings, env Env) (trainer *train.Trainer, free func(), err error) {
	t, s, err := openTask(ctx, s, rundir.Start{}, env, console.New(env.Lines, env.Terminal))
	if err != nil {
		return nil, nil, err
	}
	defer t.Close()
	if heads := t.Program.Needs().Classes; len(heads) > 0 {
		return nil, nil, fmt.Errorf("task %s has heads of classes, whose classes only data determines; want a task without", t.Name)
	}
	m, err := openDevice(s.RunSettings)
	if err != nil {
		return nil, nil, err
	}
	m.compares = comparesAnswers(t, data.Survey{})
	if err = m.load(s, t, lm.SourceOf(s.ModelSettings, s.AdapterSettings, ""), nil, nil); err == nil {
		trainer, err = newTrainer(s, t, m, train.NewPlan(1, 1, 1, 1, 1))
	}
	if err != nil {
		m.free()
		return nil, nil, err
	}
	return trainer, func() { trainer.FreeAll(); m.free() }, nil
}

// openTask opens the task and applies its defaults for settings that the user left open.
func openTask(ctx context.Context, s config.Settings, start rundir.Start, env Env, out *console.Console) (*task.Task, config.Settings, error) {
	o, err := chosenBefore(task.Options{
		Plugins:    env.plugins(out),
		LockFolder: start.Home(s.OutputDir),
		Resumed:    start.Checkpoint != "",
		Files:      func(e config.Dataset) *task.Files { return firstOf(s, entryFiles(s, e)) },
	}, start)
	if err != nil {
		return nil, s, err
	}
	t, err := task.Open(ctx, s, o)
	if err != nil {
		return nil, s, err
	}
	s, notes, err := t.ApplyDefaults(s)
	if err != nil {
		t.Close()
		return nil, s, err
	}
	out.Notes(notes)
	return t, s, nil
}

// newLoop builds trainer and loop.
func newLoop(s config.Settings, t *task.Task, m *models, sets dataset, plan train.Plan) (*train.Loop, error) {
	trainer, err := newTrainer(s, t, m, plan)
	if err != nil {
		return nil, err
	}
	loop := &train.Loop{
		Trainer: trainer,
		Plan:    plan,
		Batches: sets.batches(s, t, m, plan),
		Eval:    sets.evalSets(m.labels),
	}
	if err := loop.CheckKeys(); err != nil {
		trainer.FreeAll()
		return nil, err
	}
	if err := sets.checkColumns(s, trainer.Objective); err != nil {
		trainer.FreeAll()
		return nil, err
	}
	return loop, nil
}

// newTrainer builds the trainer that makes the run's steps.
func newTrainer(s config.Settings, t *task.Task, m *models, plan train.Plan) (*train.Trainer, error) {
	schedule, err := scheduleOf(s.OptimisationSettings, plan.FullSteps)
	if err != nil {
		return nil, err
	}
	objective := m.objective(t)
	objective.NoiseAlpha = s.NoiseAlpha
	return &train.Trainer{
		Model:         m.policy.Model,
		Objective:     objective,
		Optimizer:     newOptimizer(s.OptimisationSettings, m.policy),
		Schedule:      schedule,
		ScheduleShift: plan.ScheduleShift(),
		Options: train.Options{
			DisableDropout:      m.withoutDropout(s),
			MaxGradNorm:         s.MaxGradNorm,
			MicroMean:           s.AccumulationMean == "micro_batch",
			Checkpointing:       s.Checkpointing,
			SharePrefix:         s.SharePrefix && s.NoiseAlpha == 0, // each sequence has noise of its own
			MaxLength:           s.MaxLength,
			TruncationSide:      data.Side(s.TruncationSide),
			CheckEvery:          checkEvery(m.device),
			CalibrationBins:     calibrationBins(s.EvaluationSettings),
			CalibrationStrategy: s.ECEStrategy,
		},
	}, nil
}

// scheduleOf is the course of the learning rate over a run of so many steps.
func scheduleOf(s config.OptimisationSettings, steps int) (optim.Schedule, error) {
	return optim.NewSchedule(s.SchedulerType, s.LearningRate, warmup(s, steps), steps, s.SchedulerKwargs)
}

// checkEvery is how many steps are made before a device is asked whether they
// were finite: the CPU has the answer at hand, another device is waited for.
func checkEvery(d tensor.Device) int {
	if d == tensor.CPU {
		return 1
	}
	return 50
}

func newOptimizer(s config.OptimisationSettings, policy *lm.Model) *optim.Optimizer {
	if s.Optim == "adafactor" {
		return optim.NewAdafactor(policy.Params().Trained(), s.WeightDecay)
	}
	return optim.NewAdamW(policy.Params().Trained(), optim.Options{
		Beta1:       s.AdamBeta1,
		Beta2:       s.AdamBeta2,
		Epsilon:     s.AdamEpsilon,
		WeightDecay: s.WeightDecay,
		Fused:       s.Optim == "adamw_torch_fused",
	})
}

// warmup is warmup_steps, or else warmup_ratio of all steps, rounded up.
func warmup(s config.OptimisationSettings, total int) int {
	if s.WarmupSteps > 0 {
		return s.WarmupSteps
	}
	return int(math.Ceil(s.WarmupRatio * float64(total)))
}

func dataSeed(s config.RunSettings) uint64 {
	if s.DataSeed >= 0 {
		return uint64(s.DataSeed)
	}
	return uint64(s.Seed)
}

// openFolder makes output_dir ready and records the inputs of the run.
// Wrong input has been found before this, so a failed start leaves no
// folder in the way of the next.
func openFolder(s config.Settings, t *task.Task, start rundir.Start, record rundir.Record, out *console.Console) (*rundir.Dir, error) {
	dir, err := rundir.Open(s.OutputDir, rundir.Options{
		Start:       start,
		Resumed:     s.Resume != "",
		TensorBoard: slices.Contains(s.ReportTo, "tensorboard"),
	}, out.Notef)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		t.Lock.Write(filepath.Join(s.OutputDir, plugin.LockName)),
		dir.WriteSettings(s.TOML()),
		dir.WriteRecord(record),
	)
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// emit shows an event and logs it.
func emit(e train.Event, out *console.Console, dir *rundir.Dir, t *task.Task, s config.Settings) error {
	out.Emit(e)
	if norm, has := e.Get("grad_norm"); e.Kind == train.Stepped && e.Step == 1 && has && norm == 0 {
		out.Notef("%s", noGradient(t, s))
	}
	if e.Kind != train.Logged && e.Kind != train.Evaluated {
		return nil
	}
	if err := dir.Append(e.Entry); err != nil {
		return err
	}
	dir.Redraw(titleOf(s.RunSettings, t))
	return nil
}

// titleOf is that of the picture of a run.
func titleOf(s config.RunSettings, t *task.Task) string {
	return fmt.Sprintf("%s, task %s", cmp.Or(s.RunName, filepath.Base(s.OutputDir)), t.Name)
}

// howToResume adds to an early end of the loop how to resume.
func howToResume(dir string, err error) error {
	var interrupted *train.Interrupted
	if errors.As(err, &interrupted) {
		if interrupted.CanSave {
			return fmt.Errorf("%w\nto resume, run the same command with --resume_from_checkpoint auto", err)
		}
		return err
	}
	if last, _, _, listErr := checkpoint.Newest(dir); listErr == nil && last != "" {
		return fmt.Errorf(
			"%w\nthe last good checkpoint is %s; --resume_from_checkpoint auto continues from it",
			err,
			last,
		)
	}
	return err
}

// finish draws what was measured and marks the run as finished, whose model is in
// its folder.
func finish(dir *rundir.Dir, record rundir.Record, title string) (entries []metrics.Entry, err error) {
	if entries, err = dir.Entries(); err != nil {
		return nil, err
	}
	if err := dir.Draw(title, entries); err != nil {
		return nil, err
	}
	record.Finished = true
	if record.FinalSHA256, err = model.WeightsDigest(dir.Path); err != nil {
		return nil, err
	}
	return entries, dir.WriteRecord(record)
}
