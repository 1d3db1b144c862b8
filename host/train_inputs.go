package host

import (
	"context"

	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/lm"
	"llmhost/host/rundir"
	"llmhost/host/task"
	"llmhost/host/tokenizer"
	"llmhost/host/train"
)

// inputs are what a run stands on, all that is settled and found right before a
// weight is read.
type inputs struct {
	settings config.Settings // with the defaults of the task
	start    rundir.Start
	task     *task.Task
	source   lm.Source
	tok      *tokenizer.Tokenizer
	sets     dataset
	identity checkpoint.State // of the inputs, without the machine
	plan     train.Plan
	best     train.Best
}

// openInputs opens task, tokenizer and data, and plans the run. The caller closes
// what it returns.
func openInputs(ctx context.Context, s config.Settings, env Env, out *console.Console) (in *inputs, err error) {
	in = &inputs{}
	defer func() {
		if err != nil {
			in.Close()
		}
	}()
	if in.start, err = rundir.Find(s.OutputDir, s.Resume, s.OverwriteOutput, out.Notef); err != nil {
		return in, err
	}
	if in.task, in.settings, err = openTask(ctx, s, in.start, env, out); err != nil {
		return in, err
	}
	s = in.settings
	if err := rundir.CheckSettings(in.start, s.Map()); err != nil {
		return in, err
	}
	if err := lm.CheckFolders(s.ModelSettings, s.AdapterSettings); err != nil {
		return in, err
	}
	in.source = lm.SourceOf(s.ModelSettings, s.AdapterSettings, in.start.Checkpoint)
	if in.tok, err = in.source.OpenTokenizer(s.TokenSettings); err != nil {
		return in, err
	}
	if in.sets, err = loadData(ctx, s, in.start, in.task, in.tok); err != nil {
		return in, err
	}
	in.identity = identityOf(s, in.task, in.tok, in.sets)
	if err := rundir.CheckInputs(in.start, in.identity, in.sets.files); err != nil {
		return in, err
	}
	return in, in.planSteps()
}

// planSteps settles the course of the run.
func (in *inputs) planSteps() (err error) {
	s := in.settings
	in.plan = planOf(s, &in.sets, in.start)
	if err := checkSteps(s, in.task, in.sets, in.plan, in.start); err != nil {
		return err
	}
	if _, err := scheduleOf(s.OptimisationSettings, in.plan.FullSteps); err != nil {
		return err
	}
	in.best, err = bestOf(s, in.task, in.sets)
	return err
}

// Close closes what is open of them.
func (in *inputs) Close() {
	if in.tok != nil {
		in.tok.Close()
	}
	if in.task != nil {
		in.task.Close()
	}
}
