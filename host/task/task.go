// Package task opens what the plugins of a run come to: a checked loss program,
// the pooling of its heads, a formatter that is ready, and their parameters. Start
// at Open.
package task

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
	"llmhost/sdk"
	"llmhost/sdk/program"
)

// Task is a task that is open. Loss, Formatter and Pooling are its components.
type Task struct {
	*plugin.Task
	Program *program.Program // of the loss
	// PoolingProgram makes one vector of a sequence, for score and class heads; nil
	// where the loss reads none.
	PoolingProgram *program.Program
	Params         map[string]any // of all parts, by name

	Lock     plugin.Lock
	Changes  []*plugin.Change // plugin files that are others than the lock's
	FirstUse bool             // the lock did not have the task's file yet

	catalog    *plugin.Catalog
	formatting plugin.Formatting
	places     []string // of the program's nodes in the author's files
}

// Options say how a task is opened.
type Options struct {
	Plugins plugin.Options
	// LockFolder is the folder of the run whose llmhost.Lock says which plugin
	// files it used.
	LockFolder string
	Resumed    bool // the plugin files must be those of the lock
}

// Open finds the task that the settings name, holds its file to task_sha256 and
// llmhost.Lock before anything of it runs, settles its parameters, and traces and
// checks its programs. Close it.
func Open(ctx context.Context, s config.Settings, o Options) (t *Task, err error) {
	lock, err := plugin.ReadLock(filepath.Join(o.LockFolder, plugin.LockName))
	if err != nil {
		return nil, err
	}
	plugins := withLimits(o.Plugins, s.PluginLimits)
	if s.Locked || o.Resumed {
		plugins.Admit = lock.Check
	}
	catalog, err := plugin.NewCatalog(ctx, plugins)
	if err != nil {
		return nil, err
	}
	t = &Task{catalog: catalog, Lock: lock}
	if err := t.open(ctx, s); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Task) open(ctx context.Context, s config.Settings) (err error) {
	if err := t.find(ctx, s); err != nil {
		return err
	}
	if err := t.checkParts(s); err != nil {
		return err
	}
	if t.Params, err = t.settle(s); err != nil {
		return err
	}
	if err := t.trace(ctx, s); err != nil {
		return err
	}
	if t.formatting, err = t.Formatter.Formatter(ctx, t.Params); err != nil {
		return err
	}
	t.catalog.Rest()
	t.updateLock()
	return nil
}

// find opens the task's components; the settings may name another formatter.
func (t *Task) find(ctx context.Context, s config.Settings) (err error) {
	t.catalog.Pin(s.Task, strings.ToLower(s.TaskSHA256))
	if t.Task, err = t.catalog.Task(ctx, s.Task); err != nil {
		return err
	}
	if s.Formatter == "" {
		return nil
	}
	if t.Task.Formatter, err = t.catalog.Component(ctx, plugin.Formatter, s.Formatter); err != nil {
		return fmt.Errorf("formatter: %w", err)
	}
	return nil
}

// Close ends the plugins.
func (t *Task) Close() { t.catalog.Close(context.Background()) }

// trace traces and checks the programs of the task's parts.
func (t *Task) trace(ctx context.Context, s config.Settings) error {
	loss, err := t.Loss.Trace(ctx, t.Params)
	if err != nil {
		return err
	}
	t.Program, t.places = loss.Program, loss.Locations
	if err := t.tracePooling(ctx, s); err != nil {
		return err
	}
	return t.checkLeast(s)
}

// tracePooling traces the pooling of score and class heads: the setting's, or
// the task's own.
func (t *Task) tracePooling(ctx context.Context, s config.Settings) (err error) {
	needs := t.Program.Needs()
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
	trace, err := t.Task.Pooling.Trace(ctx, t.Params)
	if err != nil {
		return err
	}
	t.PoolingProgram = trace.Program
	return nil
}

// PoolsAtEOS tells whether rows are pooled as transformers' …ForSequenceClassification
// does: at their last token.
func (t *Task) PoolsAtEOS() bool {
	return t.Task.Pooling != nil && t.Task.Pooling.Name == "eos" && t.Task.Pooling.Plugin.Transport == plugin.Builtin
}

// DataFormatter is the task's formatter for reading data; CloseFormatter ends it.
func (t *Task) DataFormatter() data.Formatter {
	return data.Formatter{Name: t.Formatter.Name, Columns: t.formatting.Columns, Format: t.formatting.Format, Parallel: t.formatting.Parallel}
}

// CloseFormatter ends the formatter once all data is read.
func (t *Task) CloseFormatter() { t.formatting.Close() }

// PaddingScore is the parameter of the formatter, where it has one, else the setting.
func (t *Task) PaddingScore(s config.Settings) float64 {
	if score, has := t.Params["padding_score"].(float64); has {
		return score
	}
	return s.PaddingScore
}

func (t *Task) checkParts(s config.Settings) error {
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
func (t *Task) settle(s config.Settings) (map[string]any, error) {
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
	return t.Task.Params(given)
}

// ApplyDefaults lets the task choose settings that the user left open. notes are
// about those, and about settings that no part of the task reads.
func (t *Task) ApplyDefaults(s config.Settings) (out config.Settings, notes []string, err error) {
	out, notes, err = s.WithDefaults("task "+t.Name, t.Settings())
	return out, append(notes, t.unread(out)...), err
}

// unread notes the settings of records that no part of the task reads.
func (t *Task) unread(s config.Settings) (notes []string) {
	for _, name := range s.SetRecords() {
		if !t.declares(name) {
			notes = append(notes, fmt.Sprintf("%s is set, and no part of task %s reads it", name, t.Name))
		}
	}
	return notes
}

func (t *Task) declares(name string) bool {
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

// updateLock makes the lock that of the plugin files in use, and notes which
// of them changed: a run that goes on from a checkpoint, or that is locked,
// does not come so far with one that did.
func (t *Task) updateLock() {
	var used []plugin.Info
	for _, part := range t.Components() {
		used = append(used, part.Plugin.Info)
	}
	t.FirstUse = t.Plugin.Digest != "" && !t.Lock.Knows(t.Plugin.Info)
	t.Changes = t.Lock.Update(used...)
}

// Describe names the task and where its code comes from.
func (t *Task) Describe() string {
	info := t.Plugin.Info
	if info.Path == "" {
		return fmt.Sprintf("%s: %s (%s)", t.Name, t.Doc, info.Transport)
	}
	return fmt.Sprintf("%s: %s (%s %s, sha256 %.12s…)", t.Name, t.Doc, info.Transport, info.Path, info.Digest)
}
