package host

import (
	"context"
	"fmt"
	"strconv"

	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/rundir"
)

// loadSplit loads the training files and holds out what eval_split says.
func (d *dataset) loadSplit(ctx context.Context, s config.Settings) error {
	var sources []data.Source
	for _, set := range d.sets {
		sources = append(sources, data.Source{Files: set.files, Options: d.optionsOf(set.task)})
	}
	parts, digest, err := data.LoadSplit(ctx, splitOf(s), sources...)
	if err != nil {
		return err
	}
	var helds []data.Set
	left, records := 0, 0
	for i, p := range parts {
		d.sets[i].set = p.Train
		helds = append(helds, p.Held)
		left += p.Train.Survey.Examples
		records += p.Train.Survey.Records
	}
	all := data.Join(helds...)
	held := all.Survey.Examples
	given := strconv.FormatFloat(s.EvalSplit, 'g', -1, 64)
	switch {
	case held == 0:
		return fmt.Errorf("eval_split is %s, which holds out none of %d records; raise it, or write how many records to hold out", given, left)
	case left == 0:
		return fmt.Errorf("eval_split is %s, which holds out all of %d records and leaves none to train on; lower it", given, held)
	}
	for _, set := range d.sets {
		if set.set.Survey.Examples == 0 {
			return fmt.Errorf("%s: eval_split is %s, which holds out all of its records; lower it, or leave the set out", set.task.Label, given)
		}
	}
	d.heldOut = &rundir.HeldOutRecord{
		Records: held,
		Of:      held + records,
		SHA256:  digest,
	}
	d.eval = []evalSet{{data: all}}
	d.describeSets(s.TokenSettings)
	d.describe("eval", all, s.TokenSettings)
	return nil
}

// splitOf is what eval_split asks for.
func splitOf(s config.Settings) data.Split {
	split := data.Split{Seed: dataSeed(s.RunSettings)}
	if s.EvalSplit < 1 {
		split.Share = s.EvalSplit
	} else {
		split.Count = int(min(s.EvalSplit, 1<<40))
	}
	return split
}

// heldDigest is that of the training records that are held out, "" where none are.
func (d *dataset) heldDigest() string {
	if d.heldOut == nil {
		return ""
	}
	return d.heldOut.SHA256
}
