// Package plugin finds plugins, whatever their transport, and gets from them what a run
// needs: checked parameters, checked programs, formatters. A transport is a way to reach
// a plugin's code: linked in (builtin), as a WASM module (host/plugin/wasm,
// host/plugin/worker), or as a separate program (host/plugin/process). Every transport
// answers the same five calls with the same bytes, so nothing above this package can tell
// them apart.
//
// It runs no program (host/exec does) and reads no settings file. Start at
// Catalog.
package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"llmhost/host/atomicfile"
	"llmhost/host/jsonerror"
	"llmhost/sdk"
	"llmhost/sdk/op"
	"llmhost/sdk/program"
)

// Transport says how a plugin's code is reached.
type Transport string

// The transports of this build.
const (
	Builtin Transport = "builtin"
	WASM    Transport = "wasm"
	Process Transport = "process"
)

// Info identifies a plugin.
type Info struct {
	Name, Version string
	Transport     Transport
	Path          string // of the file; "" for a builtin one
	Digest        string // sha256 of the file in hexadecimal; "" for a builtin one
	Size          int    // of the file, in bytes
	ABI           int
	SDK           string // what it was built with
}

// String names the plugin as errors do: by its path, or its name.
func (i Info) String() string {
	if i.Path != "" {
		return i.Path
	}
	return i.Name
}

// Plugin is an opened plugin. Close frees what its transport holds.
type Plugin struct {
	Info
	Doc        string
	Components []*Component

	tasks     []taskEntry
	transport transport
	cache     cache
}

// Kind is the kind of a component.
type Kind string

// The kinds of components.
const (
	Loss      Kind = "loss"
	Pooling   Kind = "pooling"
	Formatter Kind = "formatter"
)

// Component is a loss, pooling or formatter of a plugin.
type Component struct {
	Kind      Kind
	Name, Doc string
	Params    []sdk.Param
	Plugin    *Plugin

	index uint32 // in the descriptor
}

// String names the component as errors do.
func (c *Component) String() string {
	return fmt.Sprintf("%s %s of plugin %s", c.Kind, c.Name, c.Plugin.Info)
}

// Spec is what a user writes for the component: its name, or FILE#NAME.
func (c *Component) Spec() string {
	if c.Plugin.Path == "" {
		return c.Name
	}
	return c.Plugin.Path + "#" + c.Name
}

// Task is a task with its parts found. A part that the task lacks is nil.
type Task struct {
	Name, Doc string
	Head      string
	Formatter *Component
	Pooling   *Component
	Loss      *Component
	Defaults  map[string]any // settings and parameters: float64, bool or string
	Plugin    *Plugin
}

// Components lists the parts that the task has.
func (t *Task) Components() []*Component {
	var parts []*Component
	for _, c := range []*Component{t.Formatter, t.Pooling, t.Loss} {
		if c != nil {
			parts = append(parts, c)
		}
	}
	return parts
}

// Close frees what the plugin's transport holds.
func (p *Plugin) Close(ctx context.Context) error { return p.transport.close(ctx) }

// component finds a component by kind and name.
func (p *Plugin) component(kind Kind, name string) *Component {
	for _, c := range p.Components {
		if c.Kind == kind && c.Name == name {
			return c
		}
	}
	return nil
}

// transport is a way to reach a plugin's code.
type transport interface {
	// start returns a freshly started plugin.
	start(ctx context.Context) (calls, error)
	// formatter returns a configured formatter.
	formatter(ctx context.Context, c *Component, values map[string]any) (Formatting, error)
	close(ctx context.Context) error
}

// calls are the calls of the contract on a running plugin. Each reply is a
// frame: a status byte, then the payload.
type calls interface {
	Describe(ctx context.Context) ([]byte, error)
	Configure(ctx context.Context, component uint32, config []byte) ([]byte, error)
	Trace(ctx context.Context, handle uint32, request []byte) ([]byte, error)
	Close(ctx context.Context) error
}

// builtinTransport reaches a plugin linked into this binary.
type builtinTransport struct{ plugin sdk.Plugin }

func (r builtinTransport) start(context.Context) (calls, error) {
	return builtinCalls{sdk.NewServer(r.plugin)}, nil
}

func (r builtinTransport) close(context.Context) error { return nil }

func (r builtinTransport) formatter(ctx context.Context, c *Component, values map[string]any) (Formatting, error) {
	for _, spec := range r.plugin.Formatters {
		if spec.Name() != c.Name {
			continue
		}
		f, err := spec.New(values)
		if err != nil {
			return Formatting{}, fmt.Errorf("%v: %w", c, err)
		}
		records, err := c.Records(ctx, values)
		return inProcess(f, records), err
	}
	return Formatting{}, fmt.Errorf("%v: is not linked in", c)
}

// builtinCalls answers with the server that a WASM module also contains.
type builtinCalls struct{ server *sdk.Server }

func (c builtinCalls) Describe(context.Context) ([]byte, error) { return c.server.Describe(), nil }

func (c builtinCalls) Configure(_ context.Context, component uint32, config []byte) ([]byte, error) {
	return c.server.Configure(component, config), nil
}

func (c builtinCalls) Trace(_ context.Context, handle uint32, request []byte) ([]byte, error) {
	return c.server.Trace(handle, request), nil
}

func (c builtinCalls) Close(context.Context) error { return nil }

// Trace is a checked program with what its author declares about it.
type Trace struct {
	*program.Program
	Locations      []string          // one a node, in the author's files; may be empty
	Columns        []sdk.ColumnUse   // one for each column that a loss reads, in the order of its inputs
	PoolsLastToken bool              // a pooling that takes the state of each sequence's last token
	Allow          map[string]string // checks that fail on purpose, with the reasons
	Cached         bool              // it came from the cache; no code of the plugin ran
}

// Text is the program's listing with the author's lines.
func (t *Trace) Text() string { return t.Listing(t.Locations) }

// Trace traces a loss or pooling with its share of settled parameters, and
// checks the program. The plugin runs once for each set of parameters:
// afterwards the trace comes from the cache.
func (c *Component) Trace(ctx context.Context, values map[string]any) (*Trace, error) {
	if c.Kind == Formatter {
		return nil, fmt.Errorf("%v: a formatter has no program", c)
	}
	config := sdk.CanonicalConfig(c.own(values))
	name := fmt.Sprintf("%s/%s/%s", c.Kind, c.Name, config)
	if reply, found := c.Plugin.cache.read(name); found {
		if trace, err := c.check(reply); err == nil {
			trace.Cached = true
			return trace, nil
		}
	}
	reply, err := c.ask(ctx, config)
	if err != nil {
		return nil, err
	}
	trace, err := c.check(reply)
	if err != nil {
		return nil, err
	}
	c.Plugin.cache.write(name, reply)
	return trace, nil
}

// ask has a freshly started plugin trace the component.
func (c *Component) ask(ctx context.Context, config []byte) ([]byte, error) {
	running, err := c.Plugin.transport.start(ctx)
	if err != nil {
		return nil, err
	}
	defer running.Close(ctx)
	reply, err := running.Configure(ctx, c.index, config)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%s %s", c.Kind, c.Name)
	data, err := c.Plugin.payload("configuring "+what, reply)
	if err != nil {
		return nil, err
	}
	var configured struct{ Instance uint32 }
	if err := json.Unmarshal(data, &configured); err != nil {
		return nil, fmt.Errorf(
			"plugin %v: the reply to configure is not the JSON that the contract requires: %s",
			c.Plugin.Info,
			brief(jsonerror.Explain(data, err)),
		)
	}
	if reply, err = running.Trace(
		ctx,
		configured.Instance,
		fmt.Appendf(nil, `{"op_level":%d}`, op.Level),
	); err != nil {
		return nil, err
	}
	return c.Plugin.payload("tracing "+what, reply)
}

// maxPlace bounds a place in an author's file, in bytes.
const maxPlace = 200

// check reads a trace reply and checks its program.
func (c *Component) check(reply []byte) (*Trace, error) {
	var parts struct {
		Program        json.RawMessage
		Locations      []string
		Columns        []useEntry
		Allow          map[string]string
		PoolsLastToken bool `json:"pools_last_token"`
	}
	if err := json.Unmarshal(reply, &parts); err != nil {
		return nil, fmt.Errorf("%v: its trace is not the JSON that the contract requires: %s", c, brief(jsonerror.Explain(reply, err)))
	}
	for i, place := range parts.Locations {
		parts.Locations[i] = line(place[:min(len(place), maxPlace)])
	}
	p, err := program.Parse(parts.Program)
	var faults *program.Error
	switch {
	case errors.As(err, &faults):
		return nil, errors.New(after(c.String(), plain(faults.Text(parts.Locations))))
	case err != nil:
		return nil, fmt.Errorf("%v: %s", c, line(err.Error()))
	case string(p.Kind) != string(c.Kind):
		return nil, fmt.Errorf("%v: its trace is a program of kind %s", c, p.Kind)
	case len(parts.Locations) > len(p.Nodes):
		return nil, fmt.Errorf("%v: its trace has %d locations for %d nodes", c, len(parts.Locations), len(p.Nodes))
	}
	uses, err := readUses(p, parts.Columns)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", c, err)
	}
	allow, err := readAllow(parts.Allow)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", c, err)
	}
	return &Trace{
		Program:        p,
		Locations:      parts.Locations,
		Columns:        uses,
		PoolsLastToken: parts.PoolsLastToken,
		Allow:          allow,
	}, nil
}

// Formatter configures a formatter with settled parameters.
func (c *Component) Formatter(ctx context.Context, values map[string]any) (Formatting, error) {
	if c.Kind != Formatter {
		return Formatting{}, fmt.Errorf("%v: is not a formatter", c)
	}
	return c.Plugin.transport.formatter(ctx, c, c.own(values))
}

// cache keeps replies of one plugin from run to run. Nothing depends on it: if
// it cannot be read or written, the plugin is asked again. The zero cache keeps
// nothing.
type cache struct {
	root   string // "" keeps nothing
	digest string // of the plugin's file
}

// folder is a folder of the cache, or "" if nothing is kept.
func (c cache) folder(name string) string {
	if c.root == "" {
		return ""
	}
	return filepath.Join(c.root, name)
}

// file is the path of a cached reply, named after all that the reply depends
// on.
func (c cache) file(name string) string {
	key := sha256.Sum256(fmt.Appendf(
		nil,
		"%s\n%d.%d %s\n%d\n%d\n%s",
		c.digest,
		sdk.ABI,
		sdk.ABIMinor,
		sdk.Version,
		op.Level,
		program.Version,
		name,
	))
	return filepath.Join(c.folder("programs"), hex.EncodeToString(key[:])+".json")
}

func (c cache) read(name string) ([]byte, bool) {
	if c.root == "" || c.digest == "" {
		return nil, false
	}
	data, err := os.ReadFile(c.file(name))
	return data, err == nil
}

func (c cache) write(name string, data []byte) {
	if c.root == "" || c.digest == "" || os.MkdirAll(c.folder("programs"), 0o700) != nil {
		return
	}
	_ = atomicfile.WriteFile(c.file(name), data) // a cache that cannot be written only costs time
}
