package plugin

import (
	"context"
	"fmt"
	"sync"
	"time"

	"llmhost/host/plugin/wasm"
	"llmhost/host/plugin/worker"
	"llmhost/sdk"
)

// wasmTransport reaches a WASM module. It compiles the module when it is first
// needed, which is never in a run whose programs are all cached. The module
// runs in worker processes; if this program cannot be started as one,
// describing and tracing run in this process, with guards, and formatters do
// not run.
type wasmTransport struct {
	name, digest string
	code         []byte
	limits       wasm.Limits
	workers      worker.Limits
	folder       string          // of compiled code
	session      *worker.Session // that describes and traces; nil if there is none
	module       *wasm.Module    // in this process; nil if there is none
	pools        []*worker.Pool
}

func (r *wasmTransport) start(ctx context.Context) (calls, error) {
	if !worker.Able() {
		return r.startHere(ctx)
	}
	if r.session == nil || !r.session.Usable() {
		r.rest()
		session, err := worker.OpenSession(ctx, worker.Formatter{
			Plugin: r.name,
			Digest: r.digest,
			Code:   r.code,
			Cache:  r.folder,
		}, r.limits, r.workers.Compile)
		if err != nil {
			return nil, err
		}
		r.session = session
	}
	if err := r.session.Start(ctx); err != nil {
		return nil, err
	}
	return sessionCalls{r.session}, nil
}

// rest ends the worker that describes and traces.
func (r *wasmTransport) rest() {
	if r.session != nil {
		r.session.Close()
		r.session = nil
	}
}

// sessionCalls are the calls of an instance in a worker, which the next start
// replaces.
type sessionCalls struct{ *worker.Session }

// Close leaves the worker running, for the next instance.
func (sessionCalls) Close(context.Context) error { return nil }

func (r *wasmTransport) startHere(ctx context.Context) (calls, error) {
	if r.module == nil {
		module, err := wasm.Open(ctx, r.name, r.code, r.limits, r.folder)
		if err != nil {
			return nil, err
		}
		r.module = module
	}
	instance, err := r.module.Start(ctx)
	if err != nil {
		return nil, err
	}
	return instance, nil
}

func (r *wasmTransport) close(ctx context.Context) error {
	r.rest()
	for _, pool := range r.pools {
		pool.Close()
	}
	if r.module == nil {
		return nil
	}
	return r.module.Close(ctx)
}

func (r *wasmTransport) formatter(ctx context.Context, c *Component, values map[string]any) (Formatting, error) {
	pool, reply, err := worker.Open(ctx, worker.Formatter{Plugin: r.name, Digest: r.digest, Code: r.code, Cache: r.folder,
		Component: c.index, Config: sdk.CanonicalConfig(values)}, r.workers)
	if err != nil {
		return Formatting{}, err
	}
	r.pools = append(r.pools, pool)
	f := &wasmFormatter{component: c, pool: pool}
	var records Records
	if f.handle, records, err = c.configured(reply); err != nil {
		pool.Close()
		return Formatting{}, err
	}
	f.columns = len(records.Columns)
	// One batch more than workers: while they format, the host encodes and
	// decodes.
	return Formatting{
		Records:  records,
		Format:   c.steady(f.format),
		Parallel: pool.Workers() + 1,
		close:    pool.Close,
	}, nil
}

// wasmFormatter is a formatter configured in a pool of workers.
type wasmFormatter struct {
	component *Component
	pool      *worker.Pool
	handle    uint32
	columns   int
	buffers   sync.Pool // of *buffers
}

// buffers are the frames of one batch, reused for others.
type buffers struct{ request, reply []byte }

// format formats a batch. If it crashes a worker twice, the row at fault is
// located.
func (f *wasmFormatter) format(ctx context.Context, rows []sdk.Row) ([]sdk.Result, error) {
	results, err := f.send(ctx, rows, f.pool.Format)
	if worker.Crashed(err) {
		return nil, f.locate(ctx, rows, err)
	}
	return results, err
}

// locateTime bounds the search for the row at fault: the run fails in any case.
const locateTime = 5 * time.Second

// locate sends the rows of a batch that crashed a worker one by one, and
// returns the error of the first one that crashes it alone.
func (f *wasmFormatter) locate(ctx context.Context, rows []sdk.Row, crash error) error {
	limited, cancel := context.WithTimeout(ctx, locateTime)
	defer cancel()
	for i := range rows {
		_, err := f.send(limited, rows[i:i+1], f.pool.Try)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case worker.Crashed(err):
			return &RowError{Row: i, Err: fmt.Errorf("%w; its worker was restarted and crashed again at this record", err)}
		case err != nil: // the search is over
			return fmt.Errorf("%w; its worker was restarted and crashed again", crash)
		}
	}
	return fmt.Errorf("%w; its worker was restarted and crashed again; no record crashes it alone", crash)
}

// send has a worker format rows.
func (f *wasmFormatter) send(ctx context.Context, rows []sdk.Row, to func(context.Context, uint32, []byte, int, []byte) ([]byte, error)) ([]sdk.Result, error) {
	b, _ := f.buffers.Get().(*buffers)
	if b == nil {
		b = &buffers{}
	}
	defer f.buffers.Put(b)
	var err error
	if b.request, err = sdk.AppendRows(b.request[:0], f.columns, rows); err != nil {
		return nil, err
	}
	reply, err := to(ctx, f.handle, b.request, len(rows), b.reply)
	if err != nil {
		return nil, err
	}
	b.reply = reply
	return f.component.results(reply, len(rows))
}
