package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"llmhost/host/nearest"
	"llmhost/host/plugin/process"
	"llmhost/host/plugin/wasm"
	"llmhost/host/plugin/worker"
	"llmhost/sdk"
)

// builtinPrefix begins the name of a builtin part.
const builtinPrefix = "builtin:"

// Options say what a catalog knows and what it trusts.
type Options struct {
	Builtin []sdk.Plugin     // those of this binary
	Limits  wasm.Limits      // of WASM modules; zero fields mean the defaults
	Workers worker.Limits    // of the processes that run formatters of WASM modules; zero fields mean the defaults
	Process process.Limits   // of plugin processes; zero fields mean the defaults
	Cache   string           // folder of cached traces and compiled modules; "" disables caching
	Admit   func(Info) error // may refuse a file before any of its code runs, so the descriptor is not known yet; nil admits all
	Notice  func(string)     // gets notices that the user should read before a plugin runs; nil drops them
}

// DefaultCache is the folder of this user's caches: that of the environment variable
// LLMHOST_CACHE, or llmhost in the user's cache folder; "" where there is none.
func DefaultCache() string {
	if own := os.Getenv("LLMHOST_CACHE"); own != "" {
		return own
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(base, "llmhost")
}

// Catalog finds plugins by what a user writes:
//
//	NAME            a builtin task (or component)
//	FILE.wasm       a WASM module with one task (or component)
//	EXECUTABLE      a separate program: an executable file, a script's manifest or a folder with one
//	FILE#NAME       one of several in either; a file whose own name is all of it comes first
//
// Opened files stay open until Close. It is not safe for concurrent use.
type Catalog struct {
	options Options
	builtin []*Plugin
	files   map[string]*Plugin // by path
	pins    map[string]string  // sha256 by path
}

// NewCatalog describes the builtin plugins. An error is a mistake in one of them.
func NewCatalog(ctx context.Context, options Options) (*Catalog, error) {
	c := &Catalog{
		options: options,
		files:   map[string]*Plugin{},
		pins:    map[string]string{},
	}
	for _, p := range options.Builtin {
		opened := &Plugin{Info: Info{Name: p.Name, Transport: Builtin}, transport: builtinTransport{p}}
		if err := opened.describe(ctx); err != nil {
			return nil, err
		}
		c.builtin = append(c.builtin, opened)
	}
	return c, nil
}

// Close closes every opened file.
func (c *Catalog) Close(ctx context.Context) error {
	var all []error
	for _, p := range c.files {
		all = append(all, p.Close(ctx))
	}
	return errors.Join(all...)
}

// Rest ends the workers that describe and trace modules. The next call of such
// a plugin starts another.
func (c *Catalog) Rest() {
	for _, p := range c.files {
		if transport, is := p.transport.(*wasmTransport); is {
			transport.rest()
		}
	}
}

// Pin ties the file of a spec to a digest: opening a file with another one is
// an error. sha256 is in lower-case hexadecimal.
func (c *Catalog) Pin(spec, sha256 string) {
	path, _ := splitSpec(spec)
	c.pins[path] = sha256
}

// Builtin lists the builtin plugins.
func (c *Catalog) Builtin() []*Plugin { return c.builtin }

// splitSpec divides FILE#NAME at the last # that a file or folder stands before; a
// path that exists as it is has no NAME. Where nothing exists, what follows the last
// # is a NAME unless it has a separator.
func splitSpec(spec string) (path, name string) {
	for at := len(spec); at > 0; at = strings.LastIndexByte(spec[:at], '#') {
		if _, err := os.Stat(spec[:at]); err == nil {
			return spec[:at], strings.TrimPrefix(spec[at:], "#")
		}
	}
	at := strings.LastIndexByte(spec, '#')
	if at < 0 || strings.ContainsAny(spec[at:], `/\`) {
		return spec, ""
	}
	return spec[:at], spec[at+1:]
}

// isPath reports whether a spec names a file: it has a separator, ends in
// .wasm, or is a file or folder and no builtin name.
func (c *Catalog) isPath(path string) bool {
	if strings.HasSuffix(path, ".wasm") || strings.ContainsAny(path, `/\`) {
		return true
	}
	for _, p := range c.builtin {
		if taskNamed(p.tasks, path) != nil {
			return false
		}
		for _, component := range p.Components {
			if component.Name == path {
				return false
			}
		}
	}
	info, err := os.Stat(path)
	return err == nil && (info.Mode().IsRegular() || info.IsDir())
}

// Task finds a task with all its parts.
func (c *Catalog) Task(ctx context.Context, spec string) (*Task, error) {
	path, name := splitSpec(spec)
	if !c.isPath(path) {
		return c.builtinTask(spec)
	}
	p, err := c.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	entry, err := c.pickTask(p, name)
	if err != nil {
		return nil, err
	}
	return c.assemble(p, *entry)
}

// builtinTask finds a builtin task, whatever its capitalisation.
func (c *Catalog) builtinTask(spec string) (*Task, error) {
	var names []string
	for _, p := range c.builtin {
		if entry := c.called(p.tasks, strings.ToLower(spec), spec); entry != nil {
			return c.assemble(p, *entry)
		}
		for _, t := range p.tasks {
			names = append(names, t.Name)
		}
	}
	return nil, fmt.Errorf("no builtin task is called %q%s (builtin: %s; a plugin file is given by its path, such as plugins/%s.wasm)",
		spec, nearest.Hint(spec, names), strings.Join(names, ", "), spec)
}

// called finds a task by its name, or by an alias, with a notice that quotes
// the alias as spelt.
func (c *Catalog) called(tasks []taskEntry, name, spelt string) *taskEntry {
	if entry := taskNamed(tasks, name); entry != nil {
		return entry
	}
	for i, t := range tasks {
		if !slices.Contains(t.Aliases, name) {
			continue
		}
		if c.options.Notice != nil {
			c.options.Notice(fmt.Sprintf("task %s is now called %s", spelt, t.Name))
		}
		return &tasks[i]
	}
	return nil
}

// pickTask finds a task of a file by name, or its only one.
func (c *Catalog) pickTask(p *Plugin, name string) (*taskEntry, error) {
	var names []string
	for _, t := range p.tasks {
		names = append(names, t.Name)
	}
	switch {
	case len(names) == 0:
		return nil, fmt.Errorf("plugin %v: has no task", p.Info)
	case name == "" && len(names) == 1:
		return &p.tasks[0], nil
	case name == "":
		return nil, fmt.Errorf(
			"plugin %v: has %d tasks; choose one with %v#NAME: %s",
			p.Info,
			len(names),
			p.Info,
			strings.Join(names, ", "),
		)
	}
	if entry := c.called(p.tasks, name, name); entry != nil {
		return entry, nil
	}
	return nil, fmt.Errorf(
		"plugin %v: has no task %q%s (it has %s)",
		p.Info,
		name,
		nearest.Hint(name, names),
		strings.Join(names, ", "),
	)
}

// assemble finds the parts of a task.
func (c *Catalog) assemble(p *Plugin, entry taskEntry) (*Task, error) {
	t := &Task{
		Name:     entry.Name,
		Doc:      entry.Doc,
		Head:     entry.Head,
		Defaults: entry.Defaults,
		Plugin:   p,
	}
	for _, part := range []struct {
		kind Kind
		name string
		into **Component
	}{{Formatter, entry.Formatter, &t.Formatter}, {Pooling, entry.Pooling, &t.Pooling}, {Loss, entry.Loss, &t.Loss}} {
		if part.name == "" {
			continue
		}
		found := p.component(part.kind, part.name)
		if name, linked := strings.CutPrefix(part.name, builtinPrefix); linked {
			found = c.builtinComponent(part.kind, name)
		}
		if found == nil {
			return nil, fmt.Errorf(
				"task %s of plugin %v: no %s is called %q here%s",
				t.Name,
				p.Info,
				part.kind,
				part.name,
				nearest.Hint(part.name, c.namesOf(p, part.kind)),
			)
		}
		*part.into = found
	}
	return t, nil
}

// namesOf are the names that a task of p may have for a part of the kind.
func (c *Catalog) namesOf(p *Plugin, kind Kind) []string {
	var names []string
	for _, part := range p.Components {
		if part.Kind == kind {
			names = append(names, part.Name)
		}
	}
	for _, other := range c.builtin {
		for _, part := range other.Components {
			if part.Kind == kind {
				names = append(names, builtinPrefix+part.Name)
			}
		}
	}
	return names
}

func (c *Catalog) builtinComponent(kind Kind, name string) *Component {
	for _, p := range c.builtin {
		if found := p.component(kind, name); found != nil {
			return found
		}
	}
	return nil
}

// Component finds a component of the kind: NAME or builtin:NAME among the
// builtin ones, FILE#NAME, or FILE if it has only one.
func (c *Catalog) Component(ctx context.Context, kind Kind, spec string) (*Component, error) {
	path, name := splitSpec(strings.TrimPrefix(spec, builtinPrefix))
	var among []*Component
	where := "builtin"
	if c.isPath(path) && !strings.HasPrefix(spec, builtinPrefix) {
		p, err := c.Open(ctx, path)
		if err != nil {
			return nil, err
		}
		among = p.Components
		where = p.String()
	} else {
		name = path
		for _, p := range c.builtin {
			among = append(among, p.Components...)
		}
	}
	return pick(kind, name, where, among)
}

// pick finds a component by kind and name, or the only one of its kind.
func pick(kind Kind, name, where string, among []*Component) (*Component, error) {
	var names []string
	var last *Component
	for _, c := range among {
		if c.Kind != kind {
			continue
		}
		if c.Name == name {
			return c, nil
		}
		last = c
		names = append(names, c.Name)
	}
	switch {
	case name == "" && len(names) == 1:
		return last, nil
	case len(names) == 0:
		return nil, fmt.Errorf("plugin %s: has no %s", where, kind)
	case name == "":
		return nil, fmt.Errorf(
			"plugin %s: has %d of kind %s; choose one with %s#NAME: %s",
			where,
			len(names),
			kind,
			where,
			strings.Join(names, ", "),
		)
	}
	return nil, fmt.Errorf(
		"plugin %s: has no %s %q%s (it has %s)",
		where,
		kind,
		name,
		nearest.Hint(name, names),
		strings.Join(names, ", "),
	)
}

// Program finds the component of a spec that can run on tensors: the loss of
// that name, else the pooling, else the loss of that task; without a name the
// file's only task or its only loss or pooling.
func (c *Catalog) Program(ctx context.Context, spec string) (*Component, error) {
	if path, _ := splitSpec(spec); c.isPath(path) {
		if _, err := c.Open(ctx, path); err != nil {
			return nil, err
		}
	}
	for _, kind := range []Kind{Loss, Pooling} {
		if found, err := c.Component(ctx, kind, spec); err == nil {
			return found, nil
		}
	}
	task, err := c.Task(ctx, spec)
	if err != nil {
		return nil, err
	}
	return task.Loss, nil
}
