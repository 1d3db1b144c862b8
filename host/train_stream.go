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
	options data.StreamOptions
	buffer  int
	why     string       // for people, the files are streamed
	opened  *data.Stream // nil before the model is there
}

// whyStreamed says why training files are streamed, "" where they are not. Where the
// settings do not say it a resumed run does as it did. No file is read for it.
func whyStreamed(s config.Settings, start rundir.Start, files source.Files, o data.Options) (string, error) {
	switch {
	case s.Streaming == config.On:
		return "streaming = true", nil
	case s.Streaming == config.Off:
		return "", nil
	case start.Checkpoint != "" && start.State.Cursor.Stream != nil:
		return "as the run was before", nil
	case start.Checkpoint != "", len(config.StreamingConflicts(s)) > 0, files.Total > 0, files.Limit > 0:
		return "", nil
	}
	found, err := files.Identify()
	if err != nil || float64(sourceBytes(found)) <= s.StreamingAboveGB*1e9 {
		return "", err
	}
	if held, err := o.Holds(files); held || err != nil {
		return "", err
	}
	return fmt.Sprintf("since they are larger than streaming_above_gb = %g; streaming = false tokenises all of them first", s.StreamingAboveGB), nil
}

// openStream surveys the first records of the training files, whose rest is read later.
// why says why that is so, for people.
func (d *dataset) openStream(ctx context.Context, s config.Settings, files source.Files, o data.Options, why string) error {
	for _, c := range config.StreamingConflicts(s) {
		return fmt.Errorf("%s %s", c.Name, c.Problem)
	}
	head, err := data.LoadHead(ctx, files, o, surveyedHead)
	if err != nil {
		return err
	}
	d.train = head.Set
	d.stream = &stream{
		options: data.StreamOptions{Options: o, Files: files, Head: head, Buffer: s.ShuffleBuffer, Seed: dataSeed(s.RunSettings)},
		buffer:  s.ShuffleBuffer,
		why:     why,
	}
	d.noteFiles(d.train.Files)
	d.report = append(d.report, d.stream.String())
	d.describe("head", d.train, s.TokenSettings)
	d.files, d.digest, err = identities(d.train.Files)
	return err
}

// String is the line about the files.
func (s *stream) String() string {
	files := s.options.Head.Set.Files
	shuffled := "in the order of the files"
	if s.buffer > 1 {
		shuffled = fmt.Sprintf("shuffled through a buffer of %d", s.buffer)
	}
	return fmt.Sprintf(
		"train  %s, %s MB, streamed %s (%s); known by size, time and both ends, not by sha256; of the first %d records:",
		console.Count(len(files), "file"),
		megabytes(sourceBytes(files)),
		shuffled,
		s.why,
		s.options.Head.Set.Survey.Records,
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
	o := d.stream.options
	o.Labels = m.labels
	o.Check = check.example
	d.stream.opened = data.NewStream(o)
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
	v := data.TakeSurvey([]data.Example{e}, d.shares, d.stream.options.Limits)
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
