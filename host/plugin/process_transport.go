package plugin

import (
	"context"
	"fmt"
	"reflect"

	"llmhost/host/plugin/process"
	"llmhost/sdk"
)

// processTransport reaches a plugin that is a separate program. One process serves
// all calls until one of them fails.
type processTransport struct {
	program *process.Program
	limits  process.Limits
	running *process.Process // nil if none runs
}

func (r *processTransport) start(ctx context.Context) (calls, error) {
	if r.running == nil {
		running, err := r.program.Start(ctx, r.limits)
		if err != nil {
			return nil, err
		}
		r.running = running
	}
	return processCalls{r}, nil
}

func (r *processTransport) close(ctx context.Context) error {
	if r.running == nil {
		return nil
	}
	running := r.running
	r.running = nil
	return running.Close(ctx)
}

// after drops a process whose call failed.
func (r *processTransport) after(ctx context.Context, reply []byte, err error) ([]byte, error) {
	if err != nil {
		_ = r.close(ctx) // the call's error has said what is wrong
	}
	return reply, err
}

// processCalls are the calls of the running process.
type processCalls struct{ transport *processTransport }

func (c processCalls) Describe(ctx context.Context) ([]byte, error) {
	reply, err := c.transport.running.Describe(ctx)
	return c.transport.after(ctx, reply, err)
}

func (c processCalls) Configure(ctx context.Context, component uint32, config []byte) ([]byte, error) {
	reply, err := c.transport.running.Configure(ctx, component, config)
	return c.transport.after(ctx, reply, err)
}

func (c processCalls) Trace(ctx context.Context, handle uint32, request []byte) ([]byte, error) {
	reply, err := c.transport.running.Trace(ctx, handle, request)
	return c.transport.after(ctx, reply, err)
}

// Close leaves the process running, for the next start.
func (c processCalls) Close(context.Context) error { return nil }

func (r *processTransport) formatter(ctx context.Context, c *Component, values map[string]any) (Formatting, error) {
	f := &processFormatter{
		transport: r,
		component: c,
		config:    sdk.CanonicalConfig(values),
	}
	if err := f.configure(ctx); err != nil {
		return Formatting{}, err
	}
	return Formatting{
		Records: f.records,
		Format:  c.steady(f.format),
		close:   func() { _ = r.close(context.Background()) },
	}, nil
}

// processFormatter is a formatter that is configured in a process.
type processFormatter struct {
	transport *processTransport
	component *Component
	config    []byte
	process   *process.Process // that the handle belongs to
	handle    uint32
	records   Records
}

// configure configures the formatter in the running process.
func (f *processFormatter) configure(ctx context.Context) error {
	running, err := f.transport.start(ctx)
	if err != nil {
		return err
	}
	reply, err := running.Configure(ctx, f.component.index, f.config)
	if err != nil {
		return err
	}
	handle, records, err := f.component.configured(reply)
	if err != nil {
		return err
	}
	if f.records.Columns != nil && !reflect.DeepEqual(f.records, records) {
		return fmt.Errorf("%v: it reads or gives other columns than before it was restarted", f.component)
	}
	f.process = f.transport.running
	f.handle = handle
	f.records = records
	return nil
}

// format formats a batch. If the process dies it is restarted and gets the rows
// one by one, so that the one that kills it can be named.
func (f *processFormatter) format(ctx context.Context, rows []sdk.Row) ([]sdk.Result, error) {
	results, err := f.once(ctx, rows)
	if !process.Crashed(err) {
		return results, err
	}
	if err := f.configure(ctx); err != nil {
		return nil, err
	}
	results = make([]sdk.Result, 0, len(rows))
	for i := range rows {
		one, err := f.once(ctx, rows[i:i+1])
		if process.Crashed(err) {
			err = fmt.Errorf("%w; it was restarted and died again at this record", err)
		}
		if err != nil {
			return nil, &RowError{Row: i, Err: err}
		}
		results = append(results, one...)
	}
	return results, nil
}

// once sends rows to the process, or to a new one if the old one is gone.
func (f *processFormatter) once(ctx context.Context, rows []sdk.Row) ([]sdk.Result, error) {
	if f.process == nil || f.process != f.transport.running {
		if err := f.configure(ctx); err != nil {
			return nil, err
		}
	}
	frame, err := sdk.EncodeRows(len(f.records.Columns), rows)
	if err != nil {
		return nil, err
	}
	reply, err := f.process.Format(ctx, f.handle, frame, len(rows))
	if reply, err = f.transport.after(ctx, reply, err); err != nil {
		return nil, err
	}
	return f.component.results(reply, len(rows))
}
