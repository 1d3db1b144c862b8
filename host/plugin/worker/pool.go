package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"llmhost/host/plugin/wasm"
)

// patience is how long a batch waits for a worker before another one is
// started: if one worker keeps up, no second is started.
const patience = 20 * time.Millisecond

// Pool holds the workers of one configured formatter. It is safe for concurrent
// use; Close ends the workers.
type Pool struct {
	formatter  Formatter
	limits     Limits
	configured []byte        // every worker's reply to configure
	idle       chan *process // idle workers
	vacant     chan struct{} // one for each worker that could be started

	mu     sync.Mutex
	all    map[*process]bool // the live workers
	closed bool
}

// Open starts the first worker and returns the module's reply to configure.
func Open(ctx context.Context, f Formatter, limits Limits) (*Pool, []byte, error) {
	limits = limits.WithDefaults()
	if err := absolute(&f.Cache); err != nil {
		return nil, nil, err
	}
	p := &Pool{
		formatter: f,
		limits:    limits,
		idle:      make(chan *process, limits.Workers),
		vacant:    make(chan struct{}, limits.Workers),
		all:       map[*process]bool{},
	}
	first, configured, err := start(ctx, &p.formatter, limits)
	if err != nil {
		return nil, nil, err
	}
	p.configured = configured
	p.all[first] = true
	p.idle <- first
	for range limits.Workers - 1 {
		p.vacant <- struct{}{}
	}
	return p, configured, nil
}

// Workers is how many batches can be formatted at once.
func (p *Pool) Workers() int { return p.limits.Workers }

// Format has a worker format a frame of rows with a configured formatter, and
// returns the module's reply, in buffer if it fits. A worker that crashes is
// replaced, and the frame sent once more; a worker that took too long is not.
// The error is a *wasm.Error if the module is at fault.
func (p *Pool) Format(ctx context.Context, handle uint32, frame []byte, rows int, buffer []byte) ([]byte, error) {
	reply, err := p.Try(ctx, handle, frame, rows, buffer)
	if Crashed(err) {
		reply, err = p.Try(ctx, handle, frame, rows, buffer)
	}
	return reply, err
}

// Try is Format without the retry.
func (p *Pool) Try(ctx context.Context, handle uint32, frame []byte, rows int, buffer []byte) ([]byte, error) {
	w, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	defer p.release(w)
	return w.format(ctx, handle, frame, rows, buffer)
}

// take returns an idle worker, or starts one.
func (p *Pool) take(ctx context.Context) (*process, error) {
	for {
		w, err := p.wait(ctx)
		switch {
		case err != nil:
			return nil, err
		case w == nil:
			return p.start(ctx)
		case w.usable():
			return w, nil
		}
		p.release(w) // it died while idle
	}
}

// wait returns an idle worker, or none if one can be started.
func (p *Pool) wait(ctx context.Context) (*process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var patient <-chan time.Time
	vacant := p.vacant
	if len(vacant) < cap(vacant) { // there are workers
		timer := time.NewTimer(patience)
		defer timer.Stop()
		patient, vacant = timer.C, nil
	}
	for {
		select {
		case w := <-p.idle:
			return w, nil
		case <-vacant:
			return nil, nil
		case <-patient:
			vacant = p.vacant
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// start fills a vacancy.
func (p *Pool) start(ctx context.Context) (*process, error) {
	w, configured, err := start(ctx, &p.formatter, p.limits)
	if err == nil && string(configured) != string(p.configured) {
		w.close()
		err = &wasm.Error{
			Fault:  wasm.BadReply,
			Plugin: p.formatter.Plugin,
			Text:   fmt.Sprintf("was configured differently in a second worker than in the first (sha256 %.12s)", p.formatter.Digest),
		}
	}
	if err != nil {
		p.vacant <- struct{}{}
		return nil, err
	}
	p.mu.Lock()
	closed := p.closed
	p.all[w] = true
	p.mu.Unlock()
	if closed {
		p.release(w)
		return nil, errClosed
	}
	return w, nil
}

var errClosed = errors.New("the formatter is closed")

// release returns a worker to the pool, or clears up after it.
func (p *Pool) release(w *process) {
	p.mu.Lock()
	keep := w.usable() && !p.closed
	if !keep {
		delete(p.all, w)
	}
	p.mu.Unlock()
	if keep {
		p.idle <- w
		return
	}
	w.close()
	p.vacant <- struct{}{}
}

// Close ends the workers; a batch in progress gets an error.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	var all []*process
	for w := range p.all {
		all = append(all, w)
	}
	p.mu.Unlock()
	for _, w := range all {
		w.kill(errClosed)
		<-w.ended
	}
	for {
		select {
		case w := <-p.idle:
			p.release(w)
		default:
			return
		}
	}
}
