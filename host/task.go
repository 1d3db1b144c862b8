package host

import (
	"context"
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
func (t *task) tracePooling(ctx context.Context, s config.Settings) (err error) {
	needs := train.NeedsOf(t.program)
	heads := needs.Score || len(needs.Classes) > 0
	if s.Pooling != "auto" {
		if !heads {
			return fmt.Errorf("pooling_type is %q, and the loss of task %s reads no head that pools; remove it", s.Pooling, t.Name)
		}
		if t.Task.Pooling, err = t.catalog.Component(ctx, plugin.Pooling, "builtin:"+s.Pooling); err != nil {
			return err
		}
	}
	if t.Task.Pooling == nil && heads {
		return fmt.Errorf("task %s has no pooling, and its loss reads a head that stands on one vector a row; give pooling_type", t.Name)
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

// paddingScore is the parameter of the formatter, where it has one, else the setting.
func (t *task) paddingScore(s config.Settings) float64 {
	if score, has := t.params["padding_score"].(float64); has {
		return score
	}
	return s.PaddingScore
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

// settle gives the task's parts their parameters: those of [params] and of
// flags, and the settings that were set and that a part has a parameter of the
// same name for.
func (t *task) settle(s config.Settings) (map[string]any, error) {
	given := map[string]plugin.Given{}
	settings := s.Map()
	for _, part := range t.Components() {
		for _, p := range part.Params {
			if v, ok := settings[p.Name]; ok && s.IsSet(p.Name) {
				given[p.Name] = plugin.Given{Value: v}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		p := s.Params[name]
		if meant := config.Nearest(name); meant != "" && !t.declares(name) {
			return nil, fmt.Errorf("%s: no setting and no parameter of task %s is called %s; did you mean %s?", p.Where, t.Name, name, meant)
		}
		given[name] = asGiven(p)
	}
	return t.Params(given)
}

// unread notes the settings of records that no part of the task reads.
func (t *task) unread(s config.Settings) (notes []string) {
	for _, name := range s.SetRecords() {
		if !t.declares(name) {
			notes = append(notes, fmt.Sprintf("%s is set, and no part of task %s reads it", name, t.Name))
		}
	}
	return notes
}

func (t *task) declares(name string) bool {
	for _, part := range t.Components() {
		if slices.ContainsFunc(part.Params, func(p sdk.Param) bool { return p.Name == name }) {
			return true
		}
	}
	return false
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
