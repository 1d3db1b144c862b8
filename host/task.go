package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/plugin"
	"llmhost/host/train"
	"llmhost/sdk"
	"llmhost/sdk/program"
)

// task is what the plugins of a run came to: a checked loss program and a
// formatter that is ready.
type task struct {
	*plugin.Task
	catalog    *plugin.Catalog
	program    *program.Program
	pooling    *program.Program // of score and class heads; nil where the loss reads none
	formatting plugin.Formatting
	params     map[string]any
	lock       plugin.Lock
	changes    []*plugin.Change // plugin files that are others than the lock's
	firstUse   bool             // the lock did not have the task's file yet
	places     []string         // of the program's nodes in the author's files
	columns    []sdk.ColumnUse  // what the loss says of the columns that it reads
	lastToken  bool             // the pooling takes the state of each sequence's last token
	notes      []string         // parameters that are given and have no effect
}

// openTask finds the task, holds its file to task_sha256 and llmhost.lock before
// anything of it runs, settles its parameters, traces and checks its program.
func openTask(ctx context.Context, s config.Settings, from origin, options plugin.Options) (t *task, err error) {
	lock, err := readLock(s, from)
	if err != nil {
		return nil, err
	}
	if s.Locked || from.Path != "" {
		options.Admit = lock.Check
	}
	catalog, err := plugin.NewCatalog(ctx, limited(s, options))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			catalog.Close(ctx)
		}
	}()
	t = &task{catalog: catalog, lock: lock}
	t.catalog.Pin(s.Task, strings.ToLower(s.TaskSHA256))
	if t.Task, err = t.catalog.Task(ctx, s.Task); err != nil {
		return nil, err
	}
	if s.Formatter != "" {
		if t.Task.Formatter, err = t.catalog.Component(ctx, plugin.Formatter, s.Formatter); err != nil {
			return nil, fmt.Errorf("formatter: %w", err)
		}
	}
	if s.Pooling != "auto" {
		if t.Task.Pooling, err = t.catalog.Component(ctx, plugin.Pooling, s.Pooling); err != nil {
			return nil, fmt.Errorf("pooling_type: %w", err)
		}
	}
	if err := t.checkParts(s); err != nil {
		return nil, err
	}
	if t.params, err = t.settle(s); err != nil {
		return nil, err
	}
	if err := t.trace(ctx, s); err != nil {
		return nil, err
	}
	if t.formatting, err = t.Formatter.Formatter(ctx, t.params); err != nil {
		return nil, err
	}
	t.catalog.Rest()
	t.updateLock()
	return t, nil
}

// trace traces and checks the programs of the task's parts.
func (t *task) trace(ctx context.Context, s config.Settings) error {
	loss, err := t.Loss.Trace(ctx, t.params)
	if err != nil {
		return err
	}
	t.program, t.places, t.columns = loss.Program, loss.Locations, loss.Columns
	if err := t.CheckHead(t.program); err != nil {
		return err
	}
	if err := t.tracePooling(ctx, s); err != nil {
		return err
	}
	return t.checkSize(s, leastSizes(s))
}

// tracePooling traces the pooling of score and class heads: the setting's, or
// the task's own.
func (t *task) tracePooling(ctx context.Context, s config.Settings) error {
	needs := train.NeedsOf(t.program)
	heads := needs.Score || len(needs.Classes) > 0
	if s.Pooling != "auto" && !heads {
		return fmt.Errorf("pooling_type is %q, and the loss of task %s reads no head that pools; remove it", s.Pooling, t.Name)
	}
	if t.Task.Pooling == nil && heads {
		return fmt.Errorf("task %s has no pooling, and its loss reads a head that stands on one vector a sequence; give pooling_type", t.Name)
	}
	if t.Task.Pooling == nil {
		return nil
	}
	trace, err := t.Task.Pooling.Trace(ctx, t.params)
	if err != nil {
		return err
	}
	t.pooling, t.lastToken = trace.Program, trace.PoolsLastToken
	return nil
}

// poolingName names the pooling, for people.
func (t *task) poolingName() string { return t.Task.Pooling.Name }

// formatter is the task's formatter for reading data.
func (t *task) formatter() data.Formatter {
	return data.Formatter{Name: t.Formatter.Name, Columns: t.formatting.Columns, Format: t.formatting.Format, Parallel: t.formatting.Parallel}
}

// dataColumns are the columns of the examples, as formatter and loss declare them.
func (t *task) dataColumns() []plugin.DataColumn {
	return plugin.DataColumns(t.formatting.Gives, t.columns)
}

// scoreColumn is the column whose numbers order the candidates of an example;
// "" where none is said to.
func (t *task) scoreColumn() string {
	for _, c := range t.dataColumns() {
		if c.Role == sdk.ScoreRole && !c.PerExample {
			return c.Name
		}
	}
	return ""
}

// padding is what a column holds for candidates that only fill up a batch.
func (t *task) padding(column string) float64 {
	for _, c := range t.dataColumns() {
		if c.Name == column && !c.PerExample {
			return c.Padding
		}
	}
	return 0
}

func (t *task) checkParts(s config.Settings) error {
	switch {
	case s.TaskSHA256 != "" && t.Plugin.Digest == "":
		return fmt.Errorf("task_sha256 is set, but task %s is part of llmhost and has no file; remove it, or give a plugin's file as task", t.Name)
	case t.Loss == nil:
		return fmt.Errorf("task %s has no loss; a run trains one", t.Name)
	case t.Task.Formatter == nil:
		return fmt.Errorf("task %s has no formatter; a run needs one to read its data", t.Name)
	}
	return nil
}

// settle gives the task's parts their parameters: what the file and the flags
// name that no setting is called, and settings that were set and that a part has
// a parameter of the same name for. A name that no part has is an error, unless a
// builtin component of another task has it: one file may serve several tasks.
func (t *task) settle(s config.Settings) (map[string]any, error) {
	given := map[string]plugin.Given{}
	settings := s.Map()
	for _, name := range t.ParamNames() {
		if v, ok := settings[name]; ok && s.IsSet(name) {
			given[name] = plugin.Given{Value: v}
		}
	}
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		p := s.Params[name]
		if owner := t.catalog.Declaring(name); owner != nil && !t.Declares(name) {
			if !owner.IsDefault(name, asGiven(p)) {
				t.notes = append(t.notes, fmt.Sprintf("%s is a parameter of %s %s, which task %s does not use; it has no effect", name, owner.Kind, owner.Name, t.Name))
			}
			continue
		}
		if meant := t.settingMeant(name); meant != "" {
			problems = append(problems, fmt.Sprintf("%s: no setting and no parameter of task %s is called %s; did you mean %s?", p.Where, t.Name, name, meant))
			continue
		}
		given[name] = asGiven(p)
	}
	params, err := t.Params(given)
	var wrong *plugin.ParamsError
	if errors.As(err, &wrong) {
		problems = append(problems, wrong.Problems...)
	}
	if len(problems) > 0 {
		slices.Sort(problems)
		return nil, &plugin.ParamsError{Problems: problems}
	}
	return params, err
}

// settingMeant is the setting whose name is nearest to one that the task does
// not declare; "" where a parameter of it is nearer, or nothing is near.
func (t *task) settingMeant(name string) string {
	declared := t.ParamNames()
	meant := config.Nearest(name, declared...)
	if t.Declares(name) || slices.Contains(declared, meant) {
		return ""
	}
	return meant
}

func asGiven(p config.Param) plugin.Given {
	if text, ok := p.Value.(config.FlagText); ok {
		return plugin.Given{Value: string(text), Text: true, Where: p.Where}
	}
	return plugin.Given{Value: p.Value, Where: p.Where}
}

// readLock reads the lock of the folder that the run goes on in: output_dir's,
// or that of the run whose checkpoint it begins with.
func readLock(s config.Settings, from origin) (plugin.Lock, error) {
	folder := s.OutputDir
	if from.Elsewhere {
		folder = filepath.Dir(from.Path)
	}
	return plugin.ReadLock(filepath.Join(folder, plugin.LockName))
}

// updateLock makes the lock that of the plugin files in use, and notes which
// of them changed: a run that goes on from a checkpoint, or that is locked,
// does not come so far with one that did.
func (t *task) updateLock() {
	var used []plugin.Info
	for _, part := range t.Components() {
		used = append(used, part.Plugin.Info)
	}
	t.firstUse = t.Plugin.Digest != "" && !t.lock.Knows(t.Plugin.Info)
	t.changes = t.lock.Update(used...)
}

// describe names the task and where its code comes from.
func (t *task) describe() string {
	info := t.Plugin.Info
	if info.Path == "" {
		return fmt.Sprintf("%s: %s (%s)", t.Name, t.Doc, info.Transport)
	}
	return fmt.Sprintf("%s: %s (%s %s, sha256 %.12s…)", t.Name, t.Doc, info.Transport, info.Path, info.Digest)
}

func (t *task) record() TaskRecord {
	info := t.Plugin.Info
	return TaskRecord{Name: t.Name, Transport: string(info.Transport), Version: info.Version, Path: info.Path, SHA256: info.Digest,
		Program: t.program.Digest(), Formatter: t.Formatter.String(), Params: t.params}
}
