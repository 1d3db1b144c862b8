package host

import (
	"path/filepath"

	"llmhost/host/chat"
	"llmhost/host/config"
	"llmhost/host/data/source"
	"llmhost/host/rundir"
	"llmhost/host/task"
)

// A formatter is chosen by the first records of each file, of so many files.
const (
	chosenRecords = 8
	chosenFiles   = 64
)

// firstOf are the first records of files; nil where there is none or one cannot be read,
// which loading them will say.
func firstOf(s config.Settings, files source.Files) *task.Files {
	paths, err := files.List()
	if err != nil {
		return nil
	}
	first := &task.Files{Template: func() bool { return hasTemplate(s.ModelSettings, s.ChatTemplate) }}
	for _, path := range paths[:min(len(paths), chosenFiles)] {
		one := files
		one.Paths = []string{path}
		one.Limit = chosenRecords
		var records []source.Record
		for record, err := range one.Records() {
			if err != nil {
				return nil
			}
			records = append(records, record)
		}
		first.Records = append(first.Records, records)
	}
	return first
}

// hasTemplate tells whether there is a chat template: the one that the setting names, or
// the model's.
func hasTemplate(s config.ModelSettings, template string) bool {
	folder := s.Tokenizer
	if folder == "" {
		folder = s.Model
	}
	return chat.Has(folder, template)
}

// chosenBefore lets a run that resumes keep its formatter: the one that it had found
// by its records, or its task's own.
func chosenBefore(o task.Options, start rundir.Start) (task.Options, error) {
	if start.Checkpoint == "" {
		return o, nil
	}
	before, err := rundir.ReadRecord(filepath.Dir(start.Checkpoint))
	o.KeepsFormatter = true
	for _, set := range before.Datasets {
		o.Formatters = append(o.Formatters, foundFormatter(&set.FormatRecord))
	}
	if before.Datasets == nil {
		o.Formatters = []string{foundFormatter(before.Format)}
	}
	return o, err
}

// foundFormatter is the formatter that a run had found by its records.
func foundFormatter(f *rundir.FormatRecord) string {
	if f == nil || !f.Detected {
		return ""
	}
	return f.Formatter
}
