package task

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"llmhost/host/config"
	"llmhost/host/plugin"
)

// openSets settles formatter and parameters of each data set. Where files of several
// kinds are given as one set, and nothing says how they are read, each of data_paths is
// a set of its own: that is what a user would write next.
func (t *Task) openSets(ctx context.Context, s config.Settings, o Options) error {
	if s.TaskSHA256 != "" && t.Plugin.Digest == "" {
		return fmt.Errorf("task_sha256 is set, but task %s is part of llmhost and has no file; remove it, or give a plugin's file as task", t.Name)
	}
	t.own = t.Task
	entries := s.Entries()
	divided := mayDivide(s) && len(o.Formatters) == len(s.DataPaths)
	if divided {
		entries = s.EntryEach()
	}
	sets, err := t.setsOf(ctx, s, o, entries)
	var kinds *otherKind
	if errors.As(err, &kinds) && mayDivide(s) && !divided {
		sets, err = t.setsOf(ctx, s, o, s.EntryEach())
	}
	if err != nil {
		return err
	}
	*t = *sets[0]
	sets[0] = t
	t.Sets = sets
	for _, set := range sets[1:] {
		for _, note := range set.notes {
			if !slices.Contains(t.notes, note) {
				t.notes = append(t.notes, note)
			}
		}
	}
	return nil
}

// mayDivide tells whether each of data_paths may become a set of its own.
func mayDivide(s config.Settings) bool {
	return len(s.DataPaths) > 1 && len(s.Entries()) == 1 && s.MaxTrainSamples == 0 && s.Formatter == "" && len(s.Columns) == 0
}

// setsOf settles formatter and parameters of data sets.
func (t *Task) setsOf(ctx context.Context, s config.Settings, o Options, entries []config.Dataset) (sets []*Task, err error) {
	for i, e := range entries {
		set := t.setOf(s, e)
		if len(entries) > 1 {
			set.Label = fmt.Sprintf("%s %d (%s)", setting(s), i+1, strings.Join(e.Paths, ", "))
		}
		found := ""
		if i < len(o.Formatters) {
			found = o.Formatters[i]
		}
		if err := set.findFormatter(ctx, found); err != nil {
			return nil, set.labelled(err)
		}
		var files *Files
		if o.Files != nil {
			files = o.Files(e)
		}
		if err := set.choose(ctx, files, o.KeepsFormatter, found); err != nil {
			return nil, err // which names a file
		}
		sets = append(sets, set)
	}
	return sets, settleSets(s, sets)
}

// setting is the one that data sets are given by.
func setting(s config.Settings) string {
	if len(s.Datasets) > 0 {
		return "datasets"
	}
	return "data_paths"
}

// setOf is the task for a data set, before anything of it is settled.
func (t *Task) setOf(s config.Settings, e config.Dataset) *Task {
	set := *t
	own := *t.own
	set.Task = &own
	set.Entry = e
	set.settings = s
	set.settings.Formatter = e.Formatter
	set.settings.Columns = e.Columns
	set.settings.Params = map[string]config.Param{}
	maps.Copy(set.settings.Params, s.Params)
	maps.Copy(set.settings.Params, e.Params)
	set.notes = nil
	return &set
}

// labelled is an error with the set that it is of.
func (t *Task) labelled(err error) error {
	if t.Label == "" || err == nil {
		return err
	}
	return fmt.Errorf("%s: %w", t.Label, err)
}

// findFormatter opens the formatter that the settings name, or a resumed run had found.
func (t *Task) findFormatter(ctx context.Context, found string) (err error) {
	if spec := cmp.Or(t.settings.Formatter, found); spec != "" {
		if t.Task.Formatter, err = t.catalog.Component(ctx, plugin.Formatter, spec); err != nil {
			return fmt.Errorf("formatter: %w", err)
		}
	}
	if t.Task.Formatter == nil {
		return fmt.Errorf("task %s has no formatter; a run needs one to read its data", t.Name)
	}
	return nil
}

// settleSets settles the parameters of data sets. Those of the run go to each set that
// has them, and those that none has to the first, which says so.
func settleSets(s config.Settings, sets []*Task) error {
	var problems []string
	for i, set := range sets {
		problems = append(problems, set.foreignToSet()...)
		if len(sets) > 1 {
			set.settings.Params = maps.Clone(set.settings.Params)
			maps.DeleteFunc(set.settings.Params, func(name string, _ config.Param) bool {
				unknown := i == 0 && !slices.ContainsFunc(sets, func(one *Task) bool { return one.takes(name) })
				return !set.takes(name) && !unknown
			})
		}
	}
	if len(problems) > 0 {
		slices.Sort(problems)
		return &plugin.ParamsError{Problems: problems}
	}
	for _, set := range sets {
		var err error
		if set.Params, err = set.settle(set.settings); err != nil {
			return err
		}
	}
	return nil
}

// takes tells whether a part of the set has a parameter, by this name or another.
func (t *Task) takes(name string) bool { return t.Declares(name) || t.Meant(name) != "" }

// foreignToSet says which of the entry's parameters are none of its formatter's alone.
func (t *Task) foreignToSet() (problems []string) {
	f := t.Task.Formatter
	for _, name := range slices.Sorted(maps.Keys(t.Entry.Params)) {
		at := fmt.Sprintf("%s: %s: ", t.Entry.Params[name].Where, cmp.Or(t.Label, "datasets"))
		switch meant := f.Meant(name); {
		case meant != "" && t.Loss.Has(meant):
			problems = append(problems, at+fmt.Sprintf("%s is a parameter of the loss too, which has one value in a run; write it above the entries", name))
		case meant == "":
			problems = append(problems, at+t.notOfSet(name))
		}
	}
	return problems
}

// notOfSet says that the formatter has no such parameter.
func (t *Task) notOfSet(name string) string {
	f := t.Task.Formatter
	var own []string
	for _, p := range f.Params {
		own = append(own, p.Name)
	}
	text := fmt.Sprintf("%s is no key of an entry, and formatter %s has no such parameter", name, f.Name)
	meant := config.DatasetKeyMeant(name, own)
	owner := t.catalog.Declaring(name)
	switch {
	case meant != "":
		return text + "; did you mean " + meant + "?"
	case owner != nil && owner.Kind == plugin.Formatter:
		return fmt.Sprintf("%s; formatter %s has: set formatter to it, or remove %s", text, owner.Name, name)
	case len(own) > 0:
		return text + "; it has " + strings.Join(own, ", ")
	}
	return text + "; it has none"
}

// startFormatter starts the formatter of the set.
func (t *Task) startFormatter(ctx context.Context) (err error) {
	if t.formatting, err = t.Formatter.Formatter(ctx, t.Params); err != nil {
		return err
	}
	t.running = true
	return t.checkNames()
}

// ForEvaluation is the data set by which an evaluation file is read whose first records
// are files: the first whose formatter reads any of them or does not say what it reads,
// or else, where formatters are found by fields, a further one.
func (t *Task) ForEvaluation(ctx context.Context, s config.Settings, path string, files *Files) (*Task, error) {
	if files == nil || len(files.Records[0]) == 0 {
		return t, nil // whoever reads the file says what is wrong
	}
	sets := append(slices.Clone(t.Sets), t.further...)
	for _, set := range sets {
		r := set.reader(ctx, set.Formatter, set.settings)
		r.fit(files.Records[0], set.names)
		if r.err != nil || r.forms == nil || r.fits > 0 {
			return set, nil
		}
	}
	entry := config.Dataset{Paths: []string{path}, Formatter: s.Formatter, Columns: s.Columns}
	further := t.setOf(s, entry)
	if further.settings.Formatter != "" || len(s.Columns) > 0 || t.setsOwn(t.settings) {
		return t, nil // its formatter says what it finds
	}
	if err := further.choose(ctx, files, false, ""); err != nil {
		return nil, fmt.Errorf("%w (an evaluation file, of another kind than the training files)", err)
	}
	maps.DeleteFunc(further.settings.Params, func(name string, _ config.Param) bool { return !further.takes(name) })
	var err error
	if further.Params, err = further.settle(further.settings); err != nil {
		return nil, err
	}
	if err := further.startFormatter(ctx); err != nil {
		return nil, err
	}
	t.further = append(t.further, further)
	return further, nil
}
