package host

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/task"
)

// batching is how the examples of a run become micro-batches.
type batching struct {
	grouping data.Grouping
	size     int // units in a micro-batch
	budget   int // the most tokens of a micro-batch, 0 = no bound
}

// batchingOf settles what a micro-batch holds. The formatter's first records say
// whether they are texts without a prompt.
func batchingOf(ctx context.Context, s config.Settings, t *task.Task) (b batching, err error) {
	packing, err := packingOf(ctx, s, t)
	if err != nil {
		return b, err
	}
	b = batching{size: s.TrainBatchSize, budget: s.MaxTokens}
	b.grouping = data.Grouping{Packing: packing, Tokens: s.MaxTokens, Sampling: data.Sampling(s.Sampling)}
	switch {
	case packing != "":
		b.grouping.Tokens = s.MaxLength
		if s.MaxTokens > 0 {
			b.size = s.MaxTokens / s.MaxLength
		}
	case s.MaxTokens > 0:
		b.size = 1
	case b.grouping.Sampling == data.GroupByLength:
		b.grouping.Together = s.TrainBatchSize * s.AccumulationSteps
	}
	return b, b.check(s)
}

// check refuses settings that contradict each other.
func (b batching) check(s config.Settings) error {
	packing := b.grouping.Packing
	switch {
	case b.size == 0:
		return fmt.Errorf("max_tokens_per_batch is %d, which has no room for a %s of max_length %d; raise the one or lower the other", s.MaxTokens, b.grouping.Noun(), s.MaxLength)
	case packing != "" && b.grouping.Sampling == data.GroupByLength:
		return fmt.Errorf(`train_sampling_strategy is "group_by_length", and packing %q makes %ss of one length; keep one of the two`, packing, b.grouping.Noun())
	case packing == data.PackWrapped && s.PrecomputeRefLogProbs:
		return fmt.Errorf("precompute_ref_log_probs is true, and packing \"wrapped\" cuts texts at other places in each epoch; set packing = false, or let the reference compute in each step")
	}
	return nil
}

// packingOf is the packing that a run asks for, "" for none.
func packingOf(ctx context.Context, s config.Settings, t *task.Task) (data.Packing, error) {
	switch s.Packing {
	case "auto":
		return automaticPacking(ctx, s, t)
	case "true":
		return data.PackBFD, nil
	case "false":
		return "", nil
	}
	packing := data.Packing(s.Packing)
	if packing == data.PackWrapped && !readsTextAlone(t) {
		return "", fmt.Errorf(`packing is "wrapped", which cuts texts anywhere, and the loss of task %s reads more than the next tokens of a text; write packing = "bfd", or max_tokens_per_batch`, t.Name)
	}
	return packing, nil
}

// automaticPacking wraps texts that have no prompt, where the loss reads no more than
// texts.
func automaticPacking(ctx context.Context, s config.Settings, t *task.Task) (data.Packing, error) {
	if !readsTextAlone(t) || s.PrecomputeRefLogProbs || s.Sampling == string(data.GroupByLength) {
		return "", nil
	}
	plain, err := plainTexts(ctx, s, t)
	if err != nil || !plain {
		return "", err
	}
	return data.PackWrapped, nil
}

// readsTextAlone tells whether a loss reads the next tokens of a text and nothing
// else of a record.
func readsTextAlone(t *task.Task) bool {
	needs := t.Program.Needs()
	return needs.LM && !needs.Score && !needs.Mismatched && len(needs.Classes) == 0 && t.ScoreColumn() == ""
}

// peeked is how many records of the training files show what a formatter makes.
const peeked = 16

// plainTexts tells whether the first records of every data set are texts without a prompt.
func plainTexts(ctx context.Context, s config.Settings, t *task.Task) (bool, error) {
	for _, set := range t.Sets {
		files := entryFiles(s, set.Entry)
		files.Total = peeked
		texts, err := data.Format(ctx, files, set.DataFormatter(), data.SkipBadRow)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if err != nil {
			return false, nil // whoever reads them all says what is wrong
		}
		if slices.ContainsFunc(texts.All, func(e data.Formatted) bool { return !e.IsText() }) {
			return false, nil
		}
	}
	return true, nil
}

// group groups the training examples, of a stream the first ones, and measures those of
// evaluations.
func (d *dataset) group(s config.Settings) (err error) {
	seed := dataSeed(s.RunSettings)
	if d.batching.grouping == (data.Grouping{Sampling: data.Random}) {
		d.units = data.NewRecords(d.train.Examples.Len(), seed)
	} else {
		sizes, err := d.measure(d.train)
		if err != nil {
			return err
		}
		d.units = data.NewUnits(sizes, d.batching.grouping, seed)
	}
	d.fullness = d.units.Fullness()
	if d.batching.evaluation().Tokens == 0 {
		return nil
	}
	for i := range d.eval {
		if d.eval[i].sizes, err = d.measure(d.eval[i].data); err != nil {
			return err
		}
	}
	return nil
}

// measure returns the sizes of examples, and refuses those that do not fit into a unit.
func (d *dataset) measure(set data.Set) ([]int32, error) {
	b := d.batching
	if packing := b.grouping.Packing; packing != "" && set.Survey.MostCandidates > 1 {
		return nil, fmt.Errorf("packing is %q, which packs sequences one by one, and these examples have up to %d candidates, which a loss compares; write max_tokens_per_batch instead", packing, set.Survey.MostCandidates)
	}
	sizes, err := data.Sizes(set.Examples, d.shares)
	if err != nil || b.budget == 0 || b.grouping.Packing != "" {
		return sizes, err
	}
	largest := 0
	for i, size := range sizes {
		if size > sizes[largest] {
			largest = i
		}
	}
	if found := int(sizes[largest]); found > b.budget {
		e, err := set.Examples.At(largest)
		if err != nil {
			return nil, err
		}
		return nil, b.overBudget(e, found)
	}
	return sizes, nil
}

// overBudget is the error of an example that does not fit into a batch.
func (b batching) overBudget(e data.Example, tokens int) error {
	return fmt.Errorf("%s: the example has %d tokens, and max_tokens_per_batch is %d; set it to %d or more, or cut sequences with a smaller max_length", e.Source, tokens, b.budget, tokens)
}

// evaluation is how the examples of an evaluation are grouped, in the order of their
// files: blocks as in training, and batches within the bound.
func (b batching) evaluation() data.Grouping {
	g := data.Grouping{Sampling: data.Sequential}
	switch {
	case b.grouping.Packing == data.PackWrapped:
		g.Packing, g.Tokens = data.PackWrapped, b.grouping.Tokens
	case b.budget > 0:
		g.Tokens = b.budget
	}
	return g
}

// unitsPerEpoch is how many units an epoch hands out, 0 where nobody knows it.
func (d *dataset) unitsPerEpoch(s config.OptimisationSettings) int {
	if d.stream != nil {
		return 0
	}
	if s.DropLast {
		return d.fullness.Units - d.fullness.Units%d.batching.size
	}
	return d.fullness.Units
}

// unitsName says what an epoch is counted in, and in which order.
func (d *dataset) unitsName() string {
	name := d.batching.grouping.Name()
	if d.stream != nil {
		name = data.StreamName(d.stream.buffer, d.batching.grouping)
		if len(d.sets) > 1 && d.mixing == nil {
			name += fmt.Sprintf(" from %d sets", len(d.sets))
		}
	}
	if mix := d.mixName(); mix != "" {
		name = cmp.Or(name, "records at random") + ", " + mix
	}
	return name
}

// survey is that of the training examples, or of the parts of them in blocks.
func (d *dataset) survey(s config.Settings) data.Survey {
	v := d.train.Survey
	if d.stream != nil {
		v.MostLabels = s.MaxLength // of the records that nobody has seen
		v.Examples = d.mostExamples()
	}
	if d.batching.grouping.Packing == data.PackWrapped {
		v.MostLabels = min(v.MostLabels, s.MaxLength)
		v.Examples = d.mostExamples()
	}
	return v
}

// mostExamples is how many examples, or pieces of some, a micro-batch has at most.
func (d *dataset) mostExamples() int { return d.batching.size * max(1, d.fullness.Most) }

// describeUnits is what the line of the plan says of a step's units and of how full
// they are.
func (d *dataset) describeUnits(perStep int) string {
	g, f := d.batching.grouping, d.fullness
	steps := console.Count(perStep, g.Noun())
	if g.Tokens == 0 {
		return steps
	}
	records := console.Count(d.train.Survey.Examples, "record")
	if d.stream != nil {
		records = "the first " + records
	}
	return fmt.Sprintf(
		"%s of up to %d tokens (%s in %s, %.1f%% full)",
		steps,
		g.Tokens,
		records,
		console.Count(f.Units, g.Noun()),
		100*float64(f.Tokens)/float64(f.Units*g.Tokens),
	)
}
