// Package task opens the plugins of a run: a checked loss program,
// the pooling of its heads, a running formatter, and their parameters. Start
// at Open.
package task

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"llmhost/host/config"
	"llmhost/host/data"
	"llmhost/host/plugin"
	"llmhost/host/plugin/process"
	"llmhost/host/plugin/wasm"
	"llmhost/host/plugin/worker"
	"llmhost/sdk"
	"llmhost/sdk/program"
)

// Task is an open task. Loss, Formatter and Pooling are its components.
type Task struct {
	*plugin.Task
	Program *program.Program // of the loss
	// PoolingProgram makes one vector of a sequence, for score and class heads; nil
	// where the loss reads none.
	PoolingProgram *program.Program
	Params         map[string]any // of all parts, by name

	// Sets are the data sets of the run, each as the task with the formatter that reads
	// it. The first is the task itself.
	Sets    []*Task
	further []*Task        // that evaluation files alone have
	Entry   config.Dataset // what the set is in the settings
	Label   string         // names the set in errors; "" where there is one alone

	Lock     plugin.Lock
	Changes  []*plugin.Change // plugin files that differ from the lock's
	FirstUse bool             // the lock did not have the task's file yet

	// PoolsLastToken says that the pooling takes the state of each sequence's last
	// token, as transformers' …ForSequenceClassification does.
	PoolsLastToken bool

	// Format is what the records are taken for.
	Format Format

	own        *plugin.Task    // as it was found, with its own formatter
	settings   config.Settings // with the entry's formatter, columns and parameters
	running    bool            // the formatter
	names      naming          // of fields, by the names of the formatter
	catalog    *plugin.Catalog
	formatting plugin.Formatting
	columns    []sdk.ColumnUse // what the loss declares about the columns that it reads
	places     []string        // of the program's nodes in the author's files
	notes      []string        // parameters that are given and have no effect
}

// Options say how a task is opened.
type Options struct {
	Plugins plugin.Options
	// LockFolder is the folder of the run whose llmhost.lock says which plugin
	// files it used.
	LockFolder string
	Resumed    bool // the plugin files must be those of the lock

	// Files gives the first records of a data set, by which its formatter is chosen; nil
	// where none is read, and it may return nil.
	Files func(config.Dataset) *Files
	// KeepsFormatter is set where a run resumes: the formatter of each data set is that
	// of Formatters, which the run had found, or the task's own where that is "" or there
	// is none.
	KeepsFormatter bool
	Formatters     []string
}

// Open finds the task that the settings name, compares its file with task_sha256
// and llmhost.lock before any of its code runs, settles its parameters, and traces
// and checks its programs. Close it.
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
	if err := t.start(ctx, s, o); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Task) start(ctx context.Context, s config.Settings, o Options) (err error) {
	if err := t.find(ctx, s); err != nil {
		return err
	}
	if err := t.openSets(ctx, s, o); err != nil {
		return err
	}
	if err := t.trace(ctx, s); err != nil {
		return err
	}
	for _, set := range t.Sets {
		set.Program, set.PoolingProgram, set.PoolsLastToken = t.Program, t.PoolingProgram, t.PoolsLastToken
		set.columns, set.places = t.columns, t.places
		if err := set.startFormatter(ctx); err != nil {
			return set.labelled(err)
		}
	}
	t.catalog.Rest()
	t.updateLock()
	return nil
}

// find opens the task's components; the settings may name another pooling.
func (t *Task) find(ctx context.Context, s config.Settings) (err error) {
	t.catalog.Pin(s.Task, strings.ToLower(s.TaskSHA256))
	if t.Task, err = t.catalog.Task(ctx, s.Task); err != nil {
		return err
	}
	if s.Pooling != "auto" {
		if t.Task.Pooling, err = t.catalog.Component(ctx, plugin.Pooling, s.Pooling); err != nil {
			return fmt.Errorf("pooling_type: %w", err)
		}
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
	t.Program = loss.Program
	t.places = loss.Locations
	t.columns = loss.Columns
	if err := t.CheckHead(t.Program); err != nil {
		return err
	}
	if err := t.tracePooling(ctx, s); err != nil {
		return err
	}
	return t.checkLeast(s)
}

// tracePooling traces the pooling of score and class heads: the setting's, or
// the task's own.
func (t *Task) tracePooling(ctx context.Context, s config.Settings) error {
	needs := t.Program.Needs()
	heads := needs.Score || len(needs.Classes) > 0
	if s.Pooling != "auto" && !heads {
		return fmt.Errorf(
			"pooling_type is %q, and the loss of task %s reads no head that pools; remove it",
			s.Pooling,
			t.Name,
		)
	}
	if t.Task.Pooling == nil && heads {
		return fmt.Errorf("task %s has no pooling, and its loss reads a head that needs one vector a sequence; give pooling_type", t.Name)
	}
	if t.Task.Pooling == nil {
		return nil
	}
	trace, err := t.Task.Pooling.Trace(ctx, t.Params)
	if err != nil {
		return err
	}
	t.PoolingProgram = trace.Program
	t.PoolsLastToken = trace.PoolsLastToken
	return nil
}

// DataFormatter is the task's formatter for reading data; CloseFormatters ends it.
func (t *Task) DataFormatter() data.Formatter {
	return data.Formatter{
		Name:     t.Formatter.Name,
		Plugin:   t.Formatter.Plugin.Path,
		Columns:  t.names.columns(t.formatting.Columns),
		Format:   t.formatting.Format,
		Parallel: t.formatting.Parallel,
	}
}

// Markup is what the formatter writes around the turns of chats; empty where it
// leaves that to a chat template.
func (t *Task) Markup() sdk.Markup { return t.formatting.Markup }

// CloseFormatters ends the formatters of all data sets once all data is read.
func (t *Task) CloseFormatters() {
	for _, set := range append(t.Sets, t.further...) {
		if set.running {
			set.formatting.Close()
			set.running = false
		}
	}
}

// dataColumns are the columns of the examples, as formatter and loss declare them.
func (t *Task) dataColumns() []plugin.DataColumn {
	return plugin.DataColumns(t.formatting.Gives, t.columns)
}

// OptionalColumns are the inputs of the loss that the formatter need not give.
func (t *Task) OptionalColumns() (inputs []string) {
	for _, use := range t.columns {
		if use.Optional {
			inputs = append(inputs, use.Input)
		}
	}
	return inputs
}

// ScoreColumn is the column whose numbers order the candidates of an example;
// "" where none is declared to.
func (t *Task) ScoreColumn() string {
	for _, c := range t.dataColumns() {
		if c.Role == sdk.ScoreRole && !c.PerExample {
			return c.Name
		}
	}
	return ""
}

// Padding is what each column holds for candidates that only fill up a batch,
// where that is not 0.
func (t *Task) Padding() map[string]float32 {
	padding := map[string]float32{}
	for _, c := range t.dataColumns() {
		if !c.PerExample && c.Padding != 0 {
			padding[c.Name] = float32(c.Padding)
		}
	}
	return padding
}

// ApplyDefaults lets the task choose settings that the user left open. notes are
// about those, and about parameters that have no effect.
func (t *Task) ApplyDefaults(s config.Settings) (out config.Settings, notes []string, err error) {
	out, notes, err = s.WithDefaults("task "+t.Name, t.Settings())
	return out, append(notes, t.notes...), err
}

// settle gives the task's parts their parameters: settings that are set and have
// the name of a part's parameter, and the names in file and flags that are no
// settings. A name that no part has is an error, unless a builtin component of
// another task has it, see takeOther.
func (t *Task) settle(s config.Settings) (map[string]any, error) {
	given := t.givenBySettings(s)
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(s.Params)) {
		if problem := t.take(name, s.Params[name], given); problem != "" {
			problems = append(problems, problem)
		}
	}
	params, err := t.Task.Params(given)
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

// take adds what the user gave under a name to given, notes that it has no effect,
// or returns what is wrong with it.
func (t *Task) take(name string, p config.Param, given map[string]plugin.Given) (problem string) {
	if t.Declares(name) {
		given[name] = asGiven(p)
		return ""
	}
	if meant := t.Meant(name); meant != "" {
		return t.takeAlias(name, meant, p, given)
	}
	if owner := t.catalog.Declaring(name); owner != nil {
		return t.takeOther(name, p, owner)
	}
	return t.takeForeign(name, p, given)
}

// takeOther answers a parameter that owner, a part of another task, has: one file
// may serve several tasks, unless the user would take it for a setting of all.
func (t *Task) takeOther(name string, p config.Param, owner *plugin.Component) (problem string) {
	switch {
	case owner.IsDefault(name, asGiven(p)):
		return ""
	case config.MustHold(name):
		return fmt.Sprintf(
			"%s: task %s has no %s, which builtin tasks %s have; remove it",
			p.Where,
			t.Name,
			name,
			strings.Join(t.catalog.TasksDeclaring(name), ", "),
		)
	}
	t.notes = append(t.notes, fmt.Sprintf(
		"%s is a parameter of %s %s, which task %s does not use; it has no effect",
		name,
		owner.Kind,
		owner.Name,
		t.Name,
	))
	return ""
}

// takeAlias adds the value of a parameter that is given by another of its names.
func (t *Task) takeAlias(name, meant string, p config.Param, given map[string]plugin.Given) (problem string) {
	if before, twice := given[meant]; twice {
		return fmt.Sprintf("%s: %s is the same parameter as %s (%s); keep one", p.Where, name, meant, before.Where)
	}
	t.notes = append(t.notes, fmt.Sprintf("%s: %s is called %s here", p.Where, name, meant))
	given[meant] = asGiven(p)
	return ""
}

// takeForeign answers a name that is neither a setting nor a parameter of the task.
func (t *Task) takeForeign(name string, p config.Param, given map[string]plugin.Given) (problem string) {
	note, err := p.Answer(name)
	if err != nil {
		return err.Error()
	}
	if note != "" {
		t.notes = append(t.notes, note)
		return ""
	}
	if others := t.catalog.Aliasing(name); len(others) > 0 {
		return fmt.Sprintf(
			"%s: llmhost has no such setting: %s; it is a parameter, %s, and task %s has none like it",
			p.Where,
			name,
			strings.Join(others, ", "),
			t.Name,
		)
	}
	if meant := t.settingMeant(name); meant != "" {
		return fmt.Sprintf("%s: no setting and no parameter of task %s is called %s; did you mean %s?", p.Where, t.Name, name, meant)
	}
	given[name] = asGiven(p) // for the error that lists the parameters
	return ""
}

// settingMeant is the setting whose name is nearest to one that the task does
// not declare; "" where a parameter of it is nearer, or nothing is near.
func (t *Task) settingMeant(name string) string {
	declared := t.ParamNames()
	meant := config.Nearest(name, declared...)
	if t.Declares(name) || slices.Contains(declared, meant) {
		return ""
	}
	return meant
}

// givenBySettings are the settings that are set and have the name of a parameter
// of the task's parts.
func (t *Task) givenBySettings(s config.Settings) map[string]plugin.Given {
	given := map[string]plugin.Given{}
	settings := s.Map()
	for _, name := range t.ParamNames() {
		if v, ok := settings[name]; ok && s.IsSet(name) {
			given[name] = plugin.Given{Value: v}
		}
	}
	return given
}

func asGiven(p config.Param) plugin.Given {
	if text, ok := p.Value.(config.FlagText); ok {
		return plugin.Given{Value: string(text), Text: true, Where: p.Where}
	}
	return plugin.Given{Value: p.Value, Where: p.Where}
}

// updateLock updates the lock to the plugin files in use, and notes which of them
// changed. A resumed or locked run with a changed file has failed before this.
func (t *Task) updateLock() {
	var used []plugin.Info
	for _, part := range t.Components() {
		used = append(used, part.Plugin.Info)
	}
	for _, set := range t.Sets[1:] {
		used = append(used, set.Formatter.Plugin.Info)
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

// withLimits returns o with the limits on plugins from the settings.
func withLimits(o plugin.Options, s config.PluginLimits) plugin.Options {
	o.Limits = wasm.Limits{
		MemoryMiB: s.PluginMemoryMB,
		Start:     ms(s.PluginStartMS),
		Call:      ms(s.PluginTraceMS),
	}
	o.Workers = worker.Limits{
		MemoryMiB: s.PluginFormatMemoryMB,
		Compile:   ms(s.PluginCompileMS),
		Start:     ms(s.PluginStartMS),
		Batch:     ms(s.PluginFormatMS),
		Workers:   s.PluginInstances,
	}
	o.Process = process.Limits{
		MemoryMiB: s.PluginProcessMemoryMB,
		Start:     ms(s.PluginProcessMS),
		Call:      ms(s.PluginProcessMS),
		Format:    ms(s.PluginFormatMS),
	}
	return o
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// checkLeast checks the loss program against plugin_program_mb at the dimensions
// of a batch, as far as the settings determine them, before any data is read.
func (t *Task) checkLeast(s config.Settings) error {
	return t.checkSize(s.PluginProgramMB, map[string]int64{
		"B": int64(leastBatch(s)),
		"K": 1,
		"T": int64(s.MaxLength),
	})
}

// leastBatch is how many examples a batch has at least, as far as settings tell.
func leastBatch(s config.Settings) int {
	if s.MaxTokens > 0 {
		return 1
	}
	return max(s.TrainBatchSize, s.EvalBatchSize)
}

// CheckBatch checks what the loss program takes for the largest batch of so many
// of the surveyed examples against limitMiB.
func (t *Task) CheckBatch(limitMiB int, s data.Survey, examples int) error {
	return t.checkSize(limitMiB, map[string]int64{
		"B": int64(min(examples, s.Examples)),
		"K": int64(max(1, s.MostCandidates)),
		"T": int64(max(1, s.MostLabels)),
	})
}

func (t *Task) checkSize(limitMiB int, sizes map[string]int64) error {
	for _, d := range t.Program.Dims() {
		if _, known := sizes[string(d)]; !known { // U, and the classes of a head
			sizes[string(d)] = max(sizes["T"], 2)
		}
	}
	err := t.Program.Fits(sizes, int64(limitMiB)<<20, t.places)
	if err != nil {
		return fmt.Errorf(
			"task %s: its loss %w; take smaller batches or a smaller max_length, or raise plugin_program_mb",
			t.Name,
			err,
		)
	}
	return nil
}
