// Package host assembles runs: each of its functions builds one run from the
// settings, top to bottom. Start at Train.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"llmhost/host/atomicfile"
	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/model"
	"llmhost/host/optim"
	"llmhost/host/plugin"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
	"llmhost/host/train"
	"llmhost/sdk"
)

// Env is what a run gets from the program around it.
type Env struct {
	Builtins []sdk.Plugin
	Version  string    // of llmhost
	Lines    io.Writer // for what is worth a line
	Terminal io.Writer // for the progress bar; nil where nobody watches
}

// run is one training run and all that it holds open.
type run struct {
	settings   config.Settings
	env        Env
	console    *console.Console
	from       origin
	task       *task
	tokenizer  *tokenizer.Tokenizer
	data       dataset
	device     tensor.Device
	threads    int
	classHeads []model.ClassHead // that the loss reads
	networks   networks
	// modelDigest is of the weights that model_name_or_path held at the start.
	modelDigest string
	optimizer   *optim.AdamW
	loop        *train.Loop
	log         *runLog
	began       time.Time
}

// Train makes a training run of the settings: from the plugin, the data and
// the model to the trained model in output_dir. Everything that can be wrong
// with the plugin and the data is found before the first weight is read. When
// ctx ends the run saves a checkpoint and returns *train.Interrupted.
func Train(ctx context.Context, s config.Settings, env Env) (err error) {
	r := &run{settings: s, env: env, console: console.New(env.Lines, env.Terminal), began: time.Now()}
	defer r.close()
	defer func() {
		if errors.Is(err, context.Canceled) { // the loop has an error of its own
			err = fmt.Errorf("interrupted before the first step: %w", ctx.Err())
		}
	}()
	if r.from, err = findOrigin(s); err != nil {
		return err
	}
	if r.task, err = openTask(ctx, s, r.from, r.plugins()); err != nil {
		return err
	}
	if s, err = r.applyDefaults(); err != nil {
		return err
	}
	if r.tokenizer, err = openTokenizer(s); err != nil {
		return err
	}
	if r.data, err = loadData(ctx, s, r.task, r.tokenizer); err != nil {
		return err
	}
	if err := r.openClasses(); err != nil {
		return err
	}
	if err := r.checkSizes(); err != nil {
		return err
	}
	if done, err := r.finished(); done || err != nil {
		return err
	}
	if err := r.openModel(); err != nil {
		return err
	}
	if s.PrecomputeRefLogProbs {
		if err := r.precompute(); err != nil {
			return err
		}
	}
	if err := r.openLoop(); err != nil {
		return err
	}
	if err := r.openFolder(); err != nil {
		return err
	}
	r.introduce()
	if err := r.loop.Run(ctx); err != nil {
		return r.stopped(err)
	}
	if err := r.finish(); err != nil {
		return r.stopped(err)
	}
	return nil
}

// plugins says what this run's plugins are and may do.
func (r *run) plugins() plugin.Options {
	return plugin.Options{Builtin: r.env.Builtins, Cache: plugin.DefaultCache(), Notice: func(line string) { r.console.Printf("note: %s", line) }}
}

func (r *run) close() {
	if r.log != nil {
		r.log.close()
	}
	if r.optimizer != nil {
		r.optimizer.Free()
	}
	r.networks.free()
	if r.tokenizer != nil {
		r.tokenizer.Close()
	}
	if r.task != nil {
		r.task.catalog.Close(context.Background())
	}
}

// applyDefaults lets the task choose settings that the user left open.
func (r *run) applyDefaults() (config.Settings, error) {
	s, notices, err := r.settings.WithDefaults("task "+r.task.Name, r.task.Settings())
	r.settings, r.from.notes = s, slices.Concat(r.from.notes, notices, r.task.notes)
	return s, err
}

// finished tells whether there is nothing left to do, and says so.
func (r *run) finished() (bool, error) {
	if r.settings.Resume == "" {
		return false, nil
	}
	record, err := readRecord(r.settings.OutputDir)
	if err != nil || !record.Finished || record.GlobalStep < r.plan().TotalSteps {
		return false, err
	}
	r.console.Printf("%s is finished: %d of %d steps; nothing to do", r.settings.OutputDir, record.GlobalStep, r.plan().TotalSteps)
	return true, nil
}

// openModel loads weights onto the device: the checkpoint's, where the run goes on.
func (r *run) openModel() (err error) {
	s := r.settings
	if r.device, err = tensor.OpenDevice(s.Device); err != nil {
		return err
	}
	r.threads = tensor.SetThreads(s.Threads)
	tensor.SetDeterministic(s.FullDeterminism)
	tensor.ManualSeed(int64(s.Seed))
	if err := r.openNetworks(); err != nil {
		return err
	}
	if r.modelDigest, err = model.WeightsDigest(s.Model); err != nil {
		return err
	}
	if most := int64(r.tokenizer.MaxID()); most >= r.networks.policy.Config.VocabSize {
		return fmt.Errorf("tokenizer %s has ids up to %d, and the model %s has vocab_size %d; give the tokenizer that the model was trained with, or resize_vocab = true to let the model grow",
			tokenizerFolder(s), most, s.Model, r.networks.policy.Config.VocabSize)
	}
	return nil
}

// openLoop builds trainer and loop, and puts back the state of the checkpoint.
func (r *run) openLoop() (err error) {
	s, plan := r.settings, r.plan()
	schedule, err := optim.NewSchedule(s.SchedulerType, s.LearningRate, warmup(s, plan.TotalSteps), plan.TotalSteps, s.SchedulerKwargs)
	if err != nil {
		return err
	}
	r.optimizer = optim.NewAdamW(r.networks.policy.Params().Trained(), optim.Options{Beta1: s.AdamBeta1, Beta2: s.AdamBeta2,
		Epsilon: s.AdamEpsilon, WeightDecay: s.WeightDecay, Fused: s.Optim == "adamw_torch_fused"})
	r.loop = &train.Loop{
		Trainer: &train.Trainer{
			Model: r.networks.policy, Objective: r.objective(),
			Optimizer: r.optimizer, Schedule: schedule,
			Options: train.Options{MaxGradNorm: s.MaxGradNorm, MicroMean: s.AccumulationMean == "micro_batch",
				Checkpointing: s.Checkpointing, SharePrefix: s.SharePrefix, MaxLength: s.MaxLength,
				CalibrationBins: calibrationBins(s), CalibrationStrategy: s.ECEStrategy},
		},
		Plan: plan, Examples: r.data.train.Examples, Order: data.NewOrder(len(r.data.train.Examples), r.dataSeed(), true),
		Eval: r.data.eval, Save: r.save, Emit: r.emit,
	}
	if err := r.loop.Trainer.Objective.Check(r.data.train.Examples); err != nil {
		return fmt.Errorf("task %s: %w", r.settings.Task, err)
	}
	return r.resume()
}

// objective binds the task's loss to the run's models.
func (r *run) objective() *train.Objective {
	o := train.NewObjective(r.task.program, r.device, tensor.Float32)
	o.Pooling, o.Reference.Model, o.EOS = r.task.pooling, r.networks.reference, int64(r.tokenizer.Special().EOS)
	o.Scores = r.task.scoreColumn()
	return o
}

// openFolder makes output_dir ready and writes down what the run is made of.
// What was wrong with the input has come out before, so a folder that a failed
// start leaves behind is none that stands in the way of the next.
func (r *run) openFolder() (err error) {
	dir := r.settings.OutputDir
	if err := openRunDir(dir, &r.from, r.settings.Resume != ""); err != nil {
		return err
	}
	if err := r.task.lock.Write(filepath.Join(dir, plugin.LockName)); err != nil {
		return err
	}
	if r.log, err = openRunLog(r.settings, r.from); err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, settingsName), []byte(r.settings.TOML())); err != nil {
		return err
	}
	return r.record(false).write(dir)
}

// resume puts optimizer, order, generator and counters back to the checkpoint's.
func (r *run) resume() error {
	if r.from.Path == "" {
		return nil
	}
	state := r.from.State
	if err := checkResumable(r.from.Path, state, r.state(), r.settings.AllowThreadChange); err != nil {
		return err
	}
	if err := readOptimizer(r.from.Path, r.optimizer); err != nil {
		return err
	}
	tensor.SetRNGState(state.RNG)
	r.loop.Trainer.GlobalStep = state.GlobalStep
	for name, value := range state.LossStates {
		r.loop.Trainer.Objective.States[name] = value
	}
	if err := r.loop.Restore(state.Progress); err != nil {
		return fmt.Errorf("%s: %w", r.from.Path, err)
	}
	if err := r.loop.Order.Seek(state.Cursor); err != nil {
		return fmt.Errorf("%s: %w", r.from.Path, err)
	}
	return r.noteChanges()
}

// state is what a checkpoint of now records.
func (r *run) state() checkpoint.State {
	return checkpoint.State{GlobalStep: r.loop.Trainer.GlobalStep, TotalSteps: r.loop.Plan.TotalSteps, Cursor: r.loop.Order.Cursor(),
		Epoch:   float64(r.loop.Trainer.GlobalStep) / float64(r.loop.Plan.StepsPerEpoch),
		Threads: r.threads, Device: r.device.String(), Torch: tensor.Version(), RNG: tensor.RNGState(),
		DataDigest: r.data.digest, ProgramDigest: r.task.program.Digest(), Progress: r.loop.Progress(),
		LossStates: r.loop.Trainer.Objective.States}
}

// save writes a checkpoint and forgets those beyond save_total_limit.
func (r *run) save() (path string, err error) {
	state := r.state()
	if state.MetricsBytes, err = r.log.bytes(); err != nil {
		return "", err
	}
	path, err = checkpoint.Save(r.settings.OutputDir, state, func(folder string) error {
		return writeSnapshot(folder, r.networks, r.tokenizer, r.optimizer)
	})
	if err != nil {
		return "", err
	}
	return path, checkpoint.Prune(r.settings.OutputDir, r.settings.SaveTotalLimit)
}

// emit shows an event and records it.
func (r *run) emit(e train.Event) error {
	r.console.Emit(e)
	if norm, has := e.Get("grad_norm"); e.Kind == train.Stepped && e.Step == 1 && has && norm == 0 {
		r.console.Printf("note: %s", r.noGradient())
	}
	return r.log.emit(e)
}
