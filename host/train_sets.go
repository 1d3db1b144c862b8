package host

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"llmhost/host/config"
	"llmhost/host/console"
	"llmhost/host/data"
	"llmhost/host/data/source"
	"llmhost/host/objective"
	"llmhost/host/rundir"
	"llmhost/host/task"
)

// trainSet is one data set of a run.
type trainSet struct {
	task  *task.Task // with the formatter that reads it
	files source.Files
	set   data.Set // what is trained on of it; of a stream its first records
	drawn int      // examples of an epoch; 0 where it is streamed
}

// trainSets are the data sets of a run, not yet loaded.
func trainSets(s config.Settings, t *task.Task) (sets []trainSet) {
	for _, one := range t.Sets {
		sets = append(sets, trainSet{task: one, files: entryFiles(s, one.Entry)})
	}
	return sets
}

// entryFiles are the files of a data set.
func entryFiles(s config.Settings, e config.Dataset) source.Files {
	files := dataFiles(s, "", "", e.Paths)
	switch {
	case len(s.Datasets) > 0:
		files.Setting = "datasets"
	case s.DataDir != "":
		files.Setting = "data_dir"
	}
	files.Total = s.MaxTrainSamples
	if e.MaxSamples > 0 {
		files.Total = e.MaxSamples
	}
	if e.Split != "" {
		files.Splits = []string{e.Split}
	}
	return files
}

// mixingOf is how the data sets of a run are drawn from; nil where they follow one
// another.
func mixingOf(s config.Settings, t *task.Task) *data.Mixing {
	if !s.Weighted() {
		return nil
	}
	m := &data.Mixing{Stopping: data.Stopping(s.Stopping), Seed: dataSeed(s.RunSettings)}
	for _, set := range t.Sets {
		m.Weights = append(m.Weights, *set.Entry.Weight)
	}
	return m
}

// loadSets loads each data set.
func (d *dataset) loadSets(ctx context.Context, s config.Settings) (err error) {
	for i := range d.sets {
		set := &d.sets[i]
		if set.set, err = data.Load(ctx, set.files, d.optionsOf(set.task)); err != nil {
			return err
		}
	}
	d.describeSets(s.TokenSettings)
	return nil
}

// joinSets makes the examples of an epoch of the data sets.
func (d *dataset) joinSets() (err error) {
	var sets []data.Set
	for i := range d.sets {
		d.sets[i].drawn = d.sets[i].set.Survey.Examples
		sets = append(sets, d.sets[i].set)
	}
	if d.mixing == nil && len(sets) == 1 {
		d.train = sets[0]
		return nil
	}
	if d.mixing == nil {
		d.train = data.Join(sets...)
		return nil
	}
	var counts []int
	if d.train, counts, err = d.optionsOf(d.sets[0].task).Mix(*d.mixing, sets...); err != nil {
		return fmt.Errorf("weights of data sets: %w", err)
	}
	var parts []string
	for i, n := range counts {
		d.sets[i].drawn = n
		parts = append(parts, fmt.Sprintf("%d from the %d of set %d (weight %s)", n, d.sets[i].set.Survey.Examples, i+1, weightText(d.mixing.Weights[i])))
	}
	d.report = append(d.report, fmt.Sprintf("mix    an epoch draws %s: %s; %s", console.Count(d.train.Survey.Examples, "example"), strings.Join(parts, ", "), d.mixing.Stopping))
	return nil
}

func weightText(w float64) string { return strconv.FormatFloat(w, 'g', -1, 64) }

// describeSets says what each data set held.
func (d *dataset) describeSets(how config.TokenSettings) {
	for i, set := range d.sets {
		name := "train"
		if len(d.sets) > 1 {
			name = fmt.Sprintf("set %d ", i+1)
		}
		d.describe(name, set.set, how)
	}
}

// formatLines say what the records of each data set are taken for.
func formatLines(t *task.Task) (lines []string) {
	if len(t.Sets) == 1 {
		return []string{t.Format.String()}
	}
	for i, set := range t.Sets {
		lines = append(lines, fmt.Sprintf("set %d  %s: %s", i+1, strings.Join(set.Entry.Paths, ", "), strings.TrimPrefix(set.Format.String(), "format ")))
	}
	return lines
}

// checkColumns wants what the loss reads from each data set and evaluation file.
func (d *dataset) checkColumns(s config.Settings, o *objective.Objective) error {
	for _, set := range d.sets {
		if err := o.Check(set.set.Survey); err != nil && len(d.sets) > 1 {
			return fmt.Errorf("task %s: %s, read by formatter %s: %w", s.Task, set.task.Label, set.task.Formatter.Name, err)
		} else if err != nil {
			return fmt.Errorf("task %s: %w", s.Task, err)
		}
	}
	for _, set := range d.eval {
		if err := o.Check(set.data.Survey); err != nil {
			return fmt.Errorf("task %s: %s: %w", s.Task, set.data.Files[0].Path, err)
		}
	}
	return nil
}

// datasetRecords are the data sets as run.json lists them; nil where there is one.
func (d *dataset) datasetRecords() (records []rundir.DatasetRecord) {
	if len(d.sets) == 1 {
		return nil
	}
	for _, set := range d.sets {
		records = append(records, rundir.DatasetRecord{
			Paths:        set.task.Entry.Paths,
			Weight:       set.task.Entry.Weight,
			Records:      set.set.Survey.Records,
			Examples:     set.drawn,
			Params:       set.task.Params,
			FormatRecord: *formatRecord(set.task.Format),
		})
	}
	return records
}

// mixName says how data sets are drawn from, for the unit of an epoch; "" where they
// follow one another.
func (d *dataset) mixName() string {
	if d.mixing == nil {
		return ""
	}
	var weights []string
	for _, w := range d.mixing.Weights {
		weights = append(weights, weightText(w))
	}
	return fmt.Sprintf("drawn by weights %s, %s", strings.Join(weights, " "), d.mixing.Stopping)
}
