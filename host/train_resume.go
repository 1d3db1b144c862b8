package host

import (
	"cmp"
	"fmt"
	"math"

	"llmhost/host/checkpoint"
	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/rundir"
	"llmhost/host/task"
	"llmhost/host/tensor"
	"llmhost/host/tokenizer"
	"llmhost/host/train"
)

// planOf derives the course of the run from settings, data and where it begins.
func planOf(s config.Settings, sets *dataset, start rundir.Start) train.Plan {
	p := train.NewPlan(sets.unitsPerEpoch(s.OptimisationSettings), sets.batching.size, s.AccumulationSteps, s.NumTrainEpochs, s.MaxSteps)
	p = p.After(start.State.GlobalStep, start.State.Cursor)
	p.EvalBatchSize = s.EvalBatchSize
	p.LogFirst = s.LoggingFirstStep
	p.EvalAtBeginning = s.EvaluateAtBeginning
	logging := cmp.Or(s.LoggingSteps, shareOf(p.TotalSteps, logLines))
	p.LogSteps = every(s.LoggingStrategy, logging)
	p.SaveSteps = every(s.SaveStrategy, s.SaveSteps)
	p.EvalSteps = every(s.EvalStrategy, cmp.Or(s.EvalSteps, s.LoggingSteps, logging*shareOf(p.TotalSteps/logging, evaluations)))
	return p
}

// How many log lines and evaluations a run has, about, where nothing says it.
const (
	logLines    = 100
	evaluations = 10
)

// shareOf is how many of some steps are between two of so many events, at least 1.
func shareOf(steps, events int) int {
	return max(1, int(math.Round(float64(steps)/float64(events))))
}

// settled are the settings of a run with those that its plan settled.
func settled(s config.Settings, p train.Plan) map[string]any {
	all := s.Map()
	if p.LogSteps > 0 {
		all["logging_steps"] = p.LogSteps
	}
	if p.EvalSteps > 0 {
		all["eval_steps"] = p.EvalSteps
	}
	return all
}

// every is the number of steps between two events of a strategy, 0 for never.
func every(strategy string, steps int) int {
	switch strategy {
	case "epoch":
		return train.EachEpoch
	case "steps":
		return steps
	}
	return 0
}

// finished tells whether a resumed run has nothing left to do, and prints that. A
// checkpoint that is past the end of the run is an error, and so is one at its end
// from which another run would begin.
func finished(s config.Settings, start rundir.Start, plan train.Plan, out *console.Console) (bool, error) {
	if s.Resume == "" {
		return false, nil
	}
	record, err := rundir.ReadRecord(s.OutputDir)
	if err != nil {
		return false, err
	}
	if record.Finished && isDone(s, record, plan) {
		out.Printf("%s is finished: %s; nothing to do", s.OutputDir, howFar(record, plan))
		return true, nil
	}
	return false, checkLeft(s, start, plan)
}

// isDone tells whether a run that ended as record says has made all steps, or all
// epochs, that plan asks for.
func isDone(s config.Settings, record rundir.Record, plan train.Plan) bool {
	if plan.BySteps || record.Epoch == nil {
		return record.GlobalStep >= plan.FullSteps
	}
	if *record.Epoch >= s.NumTrainEpochs {
		return true
	}
	whole, part := math.Modf(*record.Epoch)
	at := data.Cursor{Epoch: int(whole), Next: int(math.Round(part * float64(plan.Records)))}
	return plan.RecordsLeft(at) <= 0
}

// howFar says what a finished run has done.
func howFar(record rundir.Record, plan train.Plan) string {
	if plan.BySteps || record.Epoch == nil {
		return fmt.Sprintf("%d of %d steps", record.GlobalStep, plan.FullSteps)
	}
	return fmt.Sprintf("%d steps, %.4g epochs", record.GlobalStep, *record.Epoch)
}

// checkLeft is an error where a checkpoint has done more than the run asks for, or
// where nothing is left for a run that branches off there.
func checkLeft(s config.Settings, start rundir.Start, plan train.Plan) error {
	if start.Checkpoint == "" {
		return nil
	}
	state := start.State
	over := state.GlobalStep - plan.TotalSteps
	asked := fmt.Sprintf("max_steps %d", s.MaxSteps)
	if !plan.BySteps {
		over = -plan.RecordsLeft(state.Cursor)
		asked = fmt.Sprintf("num_train_epochs %v", s.NumTrainEpochs)
	}
	done := fmt.Sprintf("%s is after step %d, epoch %.2f", start.Checkpoint, state.GlobalStep, epochOf(state, plan))
	switch {
	case over > 0:
		return fmt.Errorf("%s, past the end that %s sets; raise it, or name an earlier checkpoint", done, asked)
	case over == 0 && start.Elsewhere:
		return fmt.Errorf("%s, which is all that %s asks for; raise it to train on", done, asked)
	}
	return nil
}

// resume puts the loop where the checkpoint left it, and notes what the run does
// differently from then on.
func resume(s config.Settings, loop *train.Loop, start rundir.Start, identity checkpoint.State, record rundir.Record, out *console.Console) error {
	if start.Checkpoint == "" {
		return nil
	}
	if err := rundir.CheckMachine(start, identity, s.AllowThreadChange); err != nil {
		return err
	}
	if err := loop.Resume(start.Checkpoint, start.State); err != nil {
		return err
	}
	if err := rundir.NoteChanges(start, record, identity, out.Notef); err != nil {
		return err
	}
	was, is := start.State.LearningRate, loop.Trainer.LearningRate()
	if was != nil && *was != is && loop.Trainer.GlobalStep < loop.Plan.TotalSteps {
		out.Notef("the learning rate of step %d was to be %.3g and is %.3g", loop.Trainer.GlobalStep+1, *was, is)
	}
	return nil
}

// whatIsLeft says where a resumed run is, and how much it has before it.
func whatIsLeft(state checkpoint.State, plan train.Plan, g data.Grouping) string {
	steps := console.Count(plan.TotalSteps-state.GlobalStep, "step")
	done := fmt.Sprintf("after step %d, epoch %.2f", state.GlobalStep, epochOf(state, plan))
	if plan.BySteps {
		return fmt.Sprintf("%s; %s left to max_steps", done, steps)
	}
	return fmt.Sprintf("%s; %s left, of %s", done, steps, console.Count(plan.RecordsLeft(state.Cursor), g.Noun()))
}

// epochOf is how often a checkpoint has handed the records out, whose number the plan
// has where anybody knows it.
func epochOf(state checkpoint.State, plan train.Plan) float64 {
	if plan.Records == 0 {
		return state.Epoch
	}
	return state.Cursor.Epochs(plan.Records)
}

// identityOf is what of a run's inputs must be the same when it is resumed.
func identityOf(s config.Settings, t *task.Task, tok *tokenizer.Tokenizer, sets dataset) checkpoint.State {
	seed := dataSeed(s.RunSettings)
	return checkpoint.State{
		DataDigest:      sets.digest,
		ProgramDigest:   t.Program.Digest(),
		TokenizerDigest: tok.Digest(),
		TemplateDigest:  sets.chats.digest(),
		HeldDigest:      sets.heldDigest(),
		Records:         sets.unitsPerEpoch(s.OptimisationSettings),
		Units:           sets.unitsName(),
		DataSeed:        &seed,
	}
}

// on adds to a run's identity where it computes, and the weights below an adapter
// or of the reference, which its checkpoints do not hold.
func (m *models) on(identity checkpoint.State, s config.Settings, t *task.Task) checkpoint.State {
	identity.Torch = tensor.Version()
	identity.Threads = m.threads
	identity.Device = m.device.String()
	if s.WantsAdapter() || t.Program.Needs().Reference && s.RefModel == "" {
		identity.ModelDigest = m.digest
	}
	return identity
}
