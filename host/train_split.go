package host

import (
	"context"
	"fmt"
	"strconv"

	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/data/source"
	"llmhost/host/rundir"
)

// loadSplit loads the training files and holds out what eval_split says.
func (d *dataset) loadSplit(ctx context.Context, s config.Settings, files source.Files, o data.Options) error {
	parts, err := data.LoadSplit(ctx, files, o, splitOf(s))
	if err != nil {
		return err
	}
	held, left := parts.Held.Survey.Examples, parts.Train.Survey.Examples
	given := strconv.FormatFloat(s.EvalSplit, 'g', -1, 64)
	switch {
	case held == 0:
		return fmt.Errorf("eval_split is %s, which holds out none of %d records; raise it, or write how many records to hold out", given, left)
	case left == 0:
		return fmt.Errorf("eval_split is %s, which holds out all of %d records and leaves none to train on; lower it", given, held)
	}
	d.heldOut = &rundir.HeldOutRecord{
		Records: held,
		Of:      held + parts.Train.Survey.Records,
		SHA256:  parts.Digest,
	}
	d.train = parts.Train
	d.eval = []evalSet{{data: parts.Held}}
	d.describe("train", d.train, s.TokenSettings)
	d.describe("eval", parts.Held, s.TokenSettings)
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
