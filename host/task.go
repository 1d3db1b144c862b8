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
	"llmhost/host/program"
	"llmhost/sdk"
)

// task is what the plugins of a run came to: a checked loss program and a
// formatter that is ready.
type task struct {
	*plugin.Task
	catalog   *plugin.Catalog
	program   *program.Program
	formatter data.Formatter
	params    map[string]any
	lock      plugin.Lock
	changes   []plugin.Change // plugin files that are others than the lock's
}

// openTask finds the task, settles its parameters, traces and checks its
// program, and holds its file to task_sha256 and llmhost.lock.
func openTask(ctx context.Context, s config.Settings, from origin, builtins []sdk.Plugin) (t *task, err error) {
	catalog, err := plugin.NewCatalog(ctx, plugin.Options{Builtin: builtins, Cache: plugin.DefaultCache()})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			catalog.Close(ctx)
		}
	}()
	t = &task{catalog: catalog}
	t.catalog.Pin(s.Task, strings.ToLower(s.TaskSHA256))
	if t.Task, err = t.catalog.Task(ctx, s.Task); err != nil {
		return nil, err
	}
	if err := t.checkParts(); err != nil {
		return nil, err
	}
	if t.params, err = t.settle(s); err != nil {
		return nil, err
	}
	trace, err := t.Loss.Trace(ctx, t.params)
	if err != nil {
		return nil, err
	}
	t.program = trace.Program
	formatting, err := t.Formatter.Formatter(ctx, t.params)
	if err != nil {
		return nil, err
	}
	t.formatter = data.Formatter{Name: t.Formatter.Name, Columns: formatting.Columns, Format: formatting.Format}
	return t, t.checkLock(s, from)
}

func (t *task) checkParts() error {
	switch {
	case t.Loss == nil:
		return fmt.Errorf("task %s has no loss; a run trains one", t.Name)
	case t.Task.Formatter == nil:
		return fmt.Errorf("task %s has no formatter; a run needs one to read its data", t.Name)
	case t.Head != sdk.LMHead:
		return fmt.Errorf("task %s asks for the head %q; this llmhost has %q", t.Name, t.Head, sdk.LMHead)
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

// checkLock compares the plugin files with those that output_dir's lock names.
// A changed file stops a run that goes on from a checkpoint, or that is locked.
func (t *task) checkLock(s config.Settings, from origin) (err error) {
	if t.lock, err = plugin.ReadLock(filepath.Join(s.OutputDir, plugin.LockName)); err != nil {
		return err
	}
	var used []plugin.Info
	for _, part := range t.Components() {
		used = append(used, part.Plugin.Info)
	}
	t.changes = t.lock.Update(used...)
	if len(t.changes) > 0 && (s.Locked || from.Path != "") {
		return t.changes[0]
	}
	return nil
}

// describe names the task and where its code comes from.
func (t *task) describe() string {
	info := t.Plugin.Info
	if info.Path == "" {
		return fmt.Sprintf("%s: %s (%s)", t.Name, t.Doc, info.Road)
	}
	return fmt.Sprintf("%s: %s (%s %s, sha256 %.12s…)", t.Name, t.Doc, info.Road, info.Path, info.Digest)
}

func (t *task) record() TaskRecord {
	info := t.Plugin.Info
	return TaskRecord{Name: t.Name, Road: string(info.Road), Version: info.Version, Path: info.Path, SHA256: info.Digest,
		Program: t.program.Digest(), Formatter: t.Formatter.String(), Params: t.params}
}
