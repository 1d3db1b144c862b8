package host

import (
	"errors"
	"fmt"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/rundir"
	"llmhost/host/task"
	"llmhost/host/train"
)

// checkSteps refuses steps that are too small for what is computed from them.
func checkSteps(s config.Settings, t *task.Task, sets dataset, plan train.Plan, start rundir.Start) error {
	if plan.Records == 0 && sets.stream == nil {
		return fmt.Errorf(
			"dataloader_drop_last leaves none of %s, which do not fill a micro-batch; per_device_train_batch_size is %d",
			console.Count(sets.fullness.Units, sets.batching.grouping.Noun()),
			sets.batching.size,
		)
	}
	if !t.Program.Needs().Mismatched {
		return nil
	}
	pairs := fmt.Sprintf("the loss of task %s puts behind each prompt the answer of another record of its step", t.Name)
	smallest := plan.Smallest(start.State.GlobalStep, start.State.Cursor)
	if g := sets.batching.grouping; g.Tokens > 0 && smallest*sets.fullness.Fewest == 1 {
		return fmt.Errorf("a step may be one %s of one record, and %s; raise gradient_accumulation_steps, or leave packing and max_tokens_per_batch out", g.Noun(), pairs)
	} else if g.Tokens == 0 && smallest == 1 {
		return fmt.Errorf("%w, and %s; %s", stepsOfOne(plan), pairs, moreRecords(plan))
	}
	for _, set := range sets.eval {
		if set.data.Survey.Examples == 1 {
			where := set.data.Files[0].Path + " has"
			if sets.heldOut != nil {
				where = "eval_split holds out"
			}
			return fmt.Errorf("%s one record, and the loss of task %s puts behind each prompt the answer of another; give at least 2", where, t.Name)
		}
	}
	return nil
}

// stepsOfOne says why a run has a step of one record.
func stepsOfOne(p train.Plan) error {
	switch size := p.BatchSize * p.Accumulation; {
	case p.Records == 1:
		return errors.New("the training data has one record")
	case size == 1:
		return errors.New("per_device_train_batch_size 1 makes steps of one record")
	default:
		return fmt.Errorf("%d records in steps of %d leave one record for a last step", p.Records, size)
	}
}

// moreRecords says how no step of a run has one record.
func moreRecords(p train.Plan) string {
	size := max(2, p.BatchSize)
	for p.Records > 2 && p.Records%(size*p.Accumulation) == 1 {
		size++
	}
	switch {
	case p.Records == 1:
		return "give at least 2"
	case p.BatchSize == 1:
		return fmt.Sprintf("set per_device_train_batch_size = %d", size)
	}
	return fmt.Sprintf("set per_device_train_batch_size = %d, or dataloader_drop_last = true to leave records out that do not fill a micro-batch", size)
}
