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
	"fmt"

	"llmhost/sdk"
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
