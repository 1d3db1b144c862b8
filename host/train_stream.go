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

// largeBytes is from which size of the training files on a note says that they could be
// streamed.
const largeBytes = 4 << 30

// stream is what a run reads as it goes.
type stream struct {
	options data.StreamOptions
	buffer  int
	opened  *data.Stream // nil before the model is there
}

// openStream surveys the first records of the training files, whose rest is read later.
func (d *dataset) openStream(ctx context.Context, s config.Settings, files source.Files, o data.Options) error {
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
	}
	d.noteFiles(d.train.Files)
	if d.wouldWrap {
		d.notes = append(d.notes, "streaming = true cuts each text at max_length, and packs none into blocks, as packing would without it")
	}
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
		"train  %s, %s MB, streamed %s; known by size, time and both ends, not by sha256; of the first %d records:",
		console.Count(len(files), "file"),
		megabytes(sourceBytes(files)),
		shuffled,
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

// noteLarge notes that large files could be streamed, where this run could do that.
func (d *dataset) noteLarge(s config.Settings) {
	all := sourceBytes(d.train.Files)
	if all < largeBytes || d.train.FromDisk || len(config.StreamingConflicts(s)) > 0 {
		return
	}
	d.notes = append(d.notes, fmt.Sprintf("the training files have %s MB, all of which were tokenised before the first step; streaming = true starts at once", megabytes(all)))
}

// batches is what the run trains on.
func (d *dataset) batches(s config.Settings, t *task.Task, m *models, plan train.Plan) data.Batches {
	if d.stream == nil {
		batches := data.NewGrouped(d.train.Examples, m.labels, d.units)
		batches.Limit(plan.Records)
		return batches
	}
	check := streamCheck{settings: s, task: t, models: m, data: d, most: max(1, d.train.Survey.MostCandidates)}
	o := d.stream.options
	o.Labels = m.labels
	o.Check = check.example
	d.stream.opened = data.NewStream(o)
	return d.stream.opened
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
	if v.MostCandidates <= c.most {
		return nil
	}
	if c.most == 1 && c.models.compares != comparesAnswers(c.task, v) {
		return fmt.Errorf("%s: the example has %d candidates, and each of the first %d records one; give files whose first records are like the others", e.Source, v.MostCandidates, d.train.Survey.Records)
	}
	c.most = v.MostCandidates
	largest := d.survey(c.settings)
	largest.MostCandidates = c.most
	if err := c.task.CheckBatch(c.settings.PluginProgramMB, largest, d.mostExamples()); err != nil {
		return fmt.Errorf("%s: with %d candidates: %w", e.Source, c.most, err)
	}
	return nil
}
