package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/data/source"
	"llmhost/host/rundir"
	"llmhost/host/task"
	"llmhost/host/train"
)

// surveyedHead is how many records of a stream are surveyed before the first step.
const surveyedHead = 1000

// stream is what a run reads as it goes.
type stream struct {
	options []data.StreamOptions // of each data set
	mixing  data.Mixing          // of several
	buffer  int
	why     string             // for people, the files are streamed
	opened  data.ExampleStream // nil before the model is there
}

// whyStreamed says why training files are streamed, "" where they are not. Where the
// settings do not say it a resumed run does as it did. No file is read for it.
func (d *dataset) whyStreamed(s config.Settings, start rundir.Start) (string, error) {
	switch {
	case s.Streaming == config.On:
		return "streaming = true", nil
	case s.Streaming == config.Off:
		return "", nil
	case start.Checkpoint != "" && start.State.Cursor.Streams():
		return "as the run was before", nil
	case start.Checkpoint != "", len(config.StreamingConflicts(s)) > 0:
		return "", nil
	}
	var bytes int64
	held := true
	for _, set := range d.sets {
		if set.files.Total > 0 || set.files.Limit > 0 {
			return "", nil
		}
		found, err := set.files.Identify()
		if err != nil {
			return "", err
		}
		bytes += sourceBytes(found)
	}
	if float64(bytes) <= s.StreamingAboveGB*1e9 {
		return "", nil
	}
	for _, set := range d.sets {
		has, err := d.optionsOf(set.task).Holds(set.files)
		if err != nil {
			return "", err
		}
		held = held && has
	}
	if held {
		return "", nil
	}
	return fmt.Sprintf("since they are larger than streaming_above_gb = %g; streaming = false tokenises all of them first", s.StreamingAboveGB), nil
}

// openStream surveys the first records of the data sets, whose rest is read later. why
// says why that is so, for people.
func (d *dataset) openStream(ctx context.Context, s config.Settings, why string) (err error) {
	for _, c := range config.StreamingConflicts(s) {
		return fmt.Errorf("%s %s", c.Name, c.Problem)
	}
	d.stream = &stream{buffer: s.ShuffleBuffer, why: why, mixing: data.Mixing{Stopping: data.WithoutReplacement, Seed: dataSeed(s.RunSettings)}}
	var heads []data.Set
	for i := range d.sets {
		set := &d.sets[i]
		o := data.StreamOptions{Options: d.optionsOf(set.task), Files: set.files, Buffer: s.ShuffleBuffer, Seed: dataSeed(s.RunSettings)}
		if o.Head, err = data.LoadHead(ctx, set.files, o.Options, surveyedHead); err != nil {
			return err
		}
		set.set = o.Head.Set
		heads = append(heads, set.set)
		d.stream.options = append(d.stream.options, o)
		d.stream.mixing.Weights = append(d.stream.mixing.Weights, float64(sourceBytes(set.set.Files)))
	}
	if d.mixing != nil {
		d.stream.mixing = *d.mixing
	}
	if d.train = heads[0]; len(heads) > 1 {
		d.train = data.Join(heads...)
	}
	d.noteFiles(d.train.Files)
	d.describeStream(s)
	d.files, d.digest, err = identities(d.train.Files)
	return err
}

// describeStream says what the first records of each data set held.
func (d *dataset) describeStream(s config.Settings) {
	for i, set := range d.sets {
		name, head := "train ", "head"
		if len(d.sets) > 1 {
			name = fmt.Sprintf("set %d ", i+1)
			head = fmt.Sprintf("head %d", i+1)
		}
		d.report = append(d.report, d.stream.describe(name, set.set))
		d.describe(head, set.set, s.TokenSettings)
	}
	switch {
	case d.mixing != nil && d.mixing.Stopping == data.WithoutReplacement:
		d.report = append(d.report, "mix    "+d.mixName()+": sets that end are drawn no more until all have ended")
	case d.mixing != nil:
		d.report = append(d.report, "mix    "+d.mixName()+": sets that end begin again by themselves")
	case len(d.sets) > 1:
		d.report = append(d.report, "mix    drawn by their bytes, since there are no weights; sets that end are drawn no more until all have ended")
	}
}

// describe is the line about the files of a data set.
func (s *stream) describe(name string, head data.Set) string {
	shuffled := "in the order of the files"
	if s.buffer > 1 {
		shuffled = fmt.Sprintf("shuffled through a buffer of %d", s.buffer)
	}
	return fmt.Sprintf(
		"%s %s, %s MB, streamed %s (%s); known by size, time and both ends, not by sha256; of the first %d records:",
		name,
		console.Count(len(head.Files), "file"),
		megabytes(sourceBytes(head.Files)),
		shuffled,
		s.why,
		head.Survey.Records,
	)
}

func sourceBytes(files []source.File) (all int64) {
	for _, f := range files {
		all += f.Identity.Bytes
	}
	return all
}

// identities are files as run.json lists them, and a digest of what they are known by.
func identities(files []source.File) (records []rundir.SourceRecord, digest string, err error) {
	sum := sha256.New()
	for _, f := range files {
		text, err := json.Marshal(f.Identity)
		if err != nil {
			return nil, "", err
		}
		sum.Write(text)
		known := rundir.Identity{Bytes: f.Identity.Bytes, Modified: f.Identity.Modified, Ends: f.Identity.Ends}
		records = append(records, rundir.SourceRecord{Path: f.Path, Identity: &known})
	}
	return records, hex.EncodeToString(sum.Sum(nil)), nil
}

// noteLarge notes that large files could be streamed, and what this run has against it.
func (d *dataset) noteLarge(s config.Settings) {
	all := sourceBytes(d.train.Files)
	if float64(all) <= s.StreamingAboveGB*1e9 || d.train.FromDisk || s.Streaming == config.Off {
		return
	}
	against := "max_train_samples or debug_mode"
	if conflicts := config.StreamingConflicts(s); len(conflicts) > 0 {
		against = conflicts[0].Name + " " + conflicts[0].Problem
	}
	d.notes = append(d.notes, fmt.Sprintf("the training files have %s MB, all of which were tokenised before the first step; streaming would start at once: %s", megabytes(all), against))
}

// batches is what the run trains on.
func (d *dataset) batches(s config.Settings, t *task.Task, m *models, plan train.Plan) data.Batches {
	if d.stream == nil {
		batches := data.NewGrouped(d.train.Examples, m.labels, d.units)
		batches.Limit(plan.Records)
		return batches
	}
	check := streamCheck{settings: s, task: t, models: m, data: d, most: max(1, d.train.Survey.MostCandidates), pieces: d.fullness.Most}
	for i := range d.stream.options {
		d.stream.options[i].Labels = m.labels
		d.stream.options[i].Check = check.example
	}
	if len(d.stream.options) == 1 {
		d.stream.opened = data.NewStream(d.stream.options[0])
	} else {
		d.stream.opened = data.NewMixedStream(d.stream.mixing, d.stream.options...)
	}
	return data.Streamed(d.stream.opened, d.batching.grouping, d.shares, check.unit)
}

// closeStream ends the reading, and notes what was left out.
func (d *dataset) closeStream(out *console.Console) {
	if d.stream == nil || d.stream.opened == nil {
		return
	}
	d.stream.opened.Close()
	for _, drop := range d.stream.opened.Drops() {
		out.Notef("of the records that were streamed %d were dropped: %s (the first at %s)", drop.Count, drop.Reason, drop.First)
	}
}

// streamCheck holds of each example of a stream what the survey of the first ones
// promised of all.
type streamCheck struct {
	settings config.Settings
	task     *task.Task
	models   *models
	data     *dataset
	most     int // candidates of an example so far
	pieces   int // of a unit so far
}

// example checks one. Its columns were compared as it was formatted, and invariants are
// looked at in every batch of any run.
func (c *streamCheck) example(e data.Example) error {
	d := c.data
	v := data.TakeSurvey([]data.Example{e}, d.shares, d.stream.options[0].Limits)
	if err := misfit(c.settings, v, d.limits); err != nil {
		return err
	}
	for _, head := range d.heads {
		if class, has := e.Classes[head]; has && c.models.labels.Unknown(head, class) {
			return fmt.Errorf("%s: the class %q of %s is not among those of the first %d records, which the head has; give files whose first records have every class, or leave streaming out", e.Source, class, head, d.train.Survey.Records)
		}
	}
	if b := d.batching; b.budget > 0 && b.grouping.Packing == "" && v.PackedTokens > b.budget {
		return b.overBudget(e, v.PackedTokens)
	}
	if v.MostCandidates <= c.most {
		return nil
	}
	if c.most == 1 && c.models.compares != comparesAnswers(c.task, v) {
		return fmt.Errorf("%s: the example has %d candidates, and each of the first %d records one; give files whose first records are like the others", e.Source, v.MostCandidates, d.train.Survey.Records)
	}
	c.most = v.MostCandidates
	if err := c.largest(); err != nil {
		return fmt.Errorf("%s: with %d candidates: %w", e.Source, c.most, err)
	}
	return nil
}

// unit checks a unit of so many pieces.
func (c *streamCheck) unit(pieces int) error {
	if pieces <= c.pieces {
		return nil
	}
	c.pieces = pieces
	if err := c.largest(); err != nil {
		return fmt.Errorf("a %s of %d records: %w", c.data.batching.grouping.Noun(), pieces, err)
	}
	return nil
}

// largest checks the loss program at the largest batch so far.
func (c *streamCheck) largest() error {
	v := c.data.survey(c.settings)
	v.MostCandidates = c.most
	v.Examples = c.data.batching.size * c.pieces
	return c.task.CheckBatch(c.settings.PluginProgramMB, v, v.Examples)
}
