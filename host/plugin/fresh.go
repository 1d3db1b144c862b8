package plugin

import (
	"context"
	"encoding/json"
	"fmt"

	"llmhost/host/jsonerror"
	"llmhost/sdk"
	"llmhost/sdk/op"
)

// The functions below bypass every cache, for the conformance check
// (host/plugin/check): a run never needs them.

// Find finds the plugin of a spec and the name that the spec picks in it, "" if
// it means the whole plugin.
func (c *Catalog) Find(ctx context.Context, spec string) (*Plugin, string, error) {
	return c.named(ctx, spec)
}

// Tasks assembles the tasks of a plugin.
func (c *Catalog) Tasks(p *Plugin) ([]*Task, error) {
	var all []*Task
	for _, entry := range p.tasks {
		task, err := c.assemble(p, entry)
		if err != nil {
			return nil, err
		}
		all = append(all, task)
	}
	return all, nil
}

// TaskNames are the names of the plugin's tasks, in its order.
func (p *Plugin) TaskNames() []string {
	var names []string
	for _, entry := range p.tasks {
		names = append(names, entry.Name)
	}
	return names
}

// TaskOf assembles the task of that name of a plugin.
func (c *Catalog) TaskOf(p *Plugin, name string) (*Task, error) {
	entry := taskNamed(p.tasks, name)
	if entry == nil {
		return nil, fmt.Errorf("plugin %v: has no task %q", p.Info, name)
	}
	return c.assemble(p, *entry)
}

// Restart ends a plugin's process, so that the next call starts a fresh one. On
// the other transports every start is fresh.
func (p *Plugin) Restart(ctx context.Context) error {
	if program, is := p.transport.(*processTransport); is {
		return program.close(ctx)
	}
	return nil
}

// Redescribe starts the plugin and returns its raw descriptor.
func (p *Plugin) Redescribe(ctx context.Context) ([]byte, error) {
	running, err := p.transport.start(ctx)
	if err != nil {
		return nil, err
	}
	defer running.Close(ctx)
	reply, err := running.Describe(ctx)
	if err != nil {
		return nil, err
	}
	return p.payload("describe", reply)
}

// Reconfigure has a fresh plugin configure the component with values that the
// host has not checked; an *Error is the plugin's own refusal.
func (c *Component) Reconfigure(ctx context.Context, values map[string]any) error {
	running, err := c.Plugin.transport.start(ctx)
	if err != nil {
		return err
	}
	defer running.Close(ctx)
	_, err = c.configure(ctx, running, values)
	return err
}

func (c *Component) configure(ctx context.Context, running calls, values map[string]any) (uint32, error) {
	reply, err := running.Configure(ctx, c.index, sdk.CanonicalConfig(values))
	if err != nil {
		return 0, err
	}
	data, err := c.Plugin.payload(fmt.Sprintf("configuring %s %s", c.Kind, c.Name), reply)
	if err != nil {
		return 0, err
	}
	var configured struct{ Instance uint32 }
	if err := json.Unmarshal(data, &configured); err != nil {
		return 0, fmt.Errorf(
			"plugin %v: the reply to configure is not the JSON that the contract requires: %s",
			c.Plugin.Info,
			brief(jsonerror.Explain(data, err)),
		)
	}
	return configured.Instance, nil
}

// Retrace traces the component several times after one start and returns the
// raw traces; ReadTrace reads one.
func (c *Component) Retrace(ctx context.Context, values map[string]any, times int) ([][]byte, error) {
	running, err := c.Plugin.transport.start(ctx)
	if err != nil {
		return nil, err
	}
	defer running.Close(ctx)
	handle, err := c.configure(ctx, running, c.own(values))
	if err != nil {
		return nil, err
	}
	var traces [][]byte
	for range times {
		reply, err := running.Trace(ctx, handle, fmt.Appendf(nil, `{"op_level":%d}`, op.Level))
		if err != nil {
			return nil, err
		}
		data, err := c.Plugin.payload(fmt.Sprintf("tracing %s %s", c.Kind, c.Name), reply)
		if err != nil {
			return nil, err
		}
		traces = append(traces, data)
	}
	return traces, nil
}

// ReadTrace reads and checks a trace.
func (c *Component) ReadTrace(data []byte) (*Trace, error) { return c.check(data) }
