package worker

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"llmhost/host/plugin/output"
	"llmhost/host/plugin/wasm"
)

// process is a running worker. Its calls must be made one at a time; after one
// fails it is dead.
type process struct {
	formatter *Formatter
	limits    Limits
	in, out   *os.File // our ends of its pipes
	printed   *output.Tail
	ended     chan struct{} // closed once it has ended and been cleaned up

	mu     sync.Mutex
	cmd    *exec.Cmd
	reason error // why it was killed; nil if it was not

	send []byte
}

// start starts a worker that is ready to format, and returns the reply to
// configure.
func start(ctx context.Context, f *Formatter, limits Limits) (*process, []byte, error) {
	p, err := load(ctx, f, limits, maxReply)
	if err != nil {
		return nil, nil, err
	}
	configured, err := p.exchange(ctx, "configuring", limits.Start, appendMessage(nil, configure), nil)
	if err != nil {
		return nil, nil, err
	}
	return p, configured, nil
}

// load starts a worker and has it compile the module.
func load(ctx context.Context, f *Formatter, limits Limits, maxReply int) (*process, error) {
	p := &process{
		formatter: f,
		limits:    limits,
		printed:   &output.Tail{},
		ended:     make(chan struct{}),
	}
	if !Able() {
		return nil, p.noWorker()
	}
	if err := p.spawn(); err != nil {
		return nil, fmt.Errorf("plugin %s: its worker cannot be started: %w", f.Plugin, err)
	}
	if err := p.prepare(ctx, maxReply); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// spawn starts the process.
func (p *process) spawn() error {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return err
	}
	defer theirOut.Close()
	p.in, p.out = in, out
	widen(in)
	widen(out)
	name, err := os.Executable()
	if err == nil {
		p.cmd = &exec.Cmd{Path: itself(name), Args: []string{name, command}, Env: []string{}, Dir: "/",
			Stdin: theirIn, Stdout: theirOut, Stderr: p.printed, SysProcAttr: attributes(), WaitDelay: time.Second}
		err = p.run()
	}
	if err != nil {
		p.in.Close()
		p.out.Close()
	}
	return err
}

// run starts the command and waits for it on one thread, because the worker is
// killed when the thread that started it ends.
func (p *process) run() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = p.cmd.Wait() // the process state tells
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return err
	}
	go p.watch()
	return nil
}

// prepare has the worker compile the module, each step with its own time limit.
func (p *process) prepare(ctx context.Context, maxReply int) error {
	f := p.formatter
	greeted, err := p.exchange(ctx, "its start", loadTime, nil, nil)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil || string(greeted) != greeting:
		return p.noWorker()
	}
	text, err := json.Marshal(setup{f.Plugin, f.Cache, p.limits.MemoryMiB, maxReply, f.Component, f.Config})
	if err != nil {
		return err
	}
	p.send = appendMessage(appendMessage(p.send[:0], compile, text), module, f.Code)
	_, err = p.exchange(ctx, compiling, p.limits.compileTime(len(f.Code)), p.send, nil)
	p.send = nil // it contained the module
	return err
}

func (p *process) noWorker() error {
	return fmt.Errorf(
		"plugin %s: its worker is this program started again, and did not answer as a worker; the program's main must begin with worker.Asked and worker.Main%s",
		p.formatter.Plugin,
		p.printed.Hint(),
	)
}

// format sends a frame of rows and returns the reply, in buffer if it fits.
func (p *process) format(ctx context.Context, handle uint32, frame []byte, rows int, buffer []byte) ([]byte, error) {
	var number [4]byte
	binary.LittleEndian.PutUint32(number[:], handle)
	p.send = appendMessage(p.send[:0], format, number[:], frame)
	limit := p.limits.Batch + time.Duration(rows)*p.limits.Row
	return p.exchange(ctx, fmt.Sprintf("formatting %d rows", rows), limit, p.send, buffer)
}

// exchange sends a message and reads the answer. If that takes longer than
// limit, or ctx ends, the worker is killed.
func (p *process) exchange(ctx context.Context, what string, limit time.Duration, message, buffer []byte) ([]byte, error) {
	defer context.AfterFunc(ctx, func() { p.kill(ctx.Err()) })()
	defer time.AfterFunc(limit, func() { p.kill(p.tooLong(what, limit)) }).Stop()
	kind := byte(0)
	payload := []byte(nil)
	err := error(nil)
	if _, err = p.in.Write(message); err == nil {
		kind, payload, err = readMessage(p.out, buffer, maxReply+headSize)
	}
	switch {
	case err == nil && (kind == reply || kind == hello):
		return payload, nil
	case err == nil && kind == failed:
		err = p.formatter.asError(payload)
		p.close()
		return nil, err
	case err == nil: // not a message of this protocol
		err = p.noWorker()
		p.close()
		return nil, err
	}
	return nil, p.died(what, err)
}

// died explains why a worker broke off an exchange, given the error on our
// side.
func (p *process) died(what string, err error) error {
	select {
	case <-p.ended:
	case <-time.After(time.Second): // it closed its pipes but is alive
		p.kill(fmt.Errorf("plugin %s: its worker broke off while %s: %w", p.formatter.Plugin, what, err))
	}
	p.mu.Lock()
	reason := p.reason
	p.mu.Unlock()
	p.close()
	if reason != nil {
		return reason
	}
	return p.fault(
		wasm.Trapped,
		"its worker died while %s: %v (sha256 %.12s)%s",
		what,
		p.cmd.ProcessState,
		p.formatter.Digest,
		p.printed.Hint(),
	)
}

// compiling is what a worker does before any code of its module runs.
const compiling = "compiling"

func (p *process) tooLong(what string, limit time.Duration) error {
	hint := "look for a loop that does not end"
	if what == compiling {
		hint = "split its largest functions, or raise plugin_compile_ms"
	}
	return p.fault(
		wasm.TimedOut,
		"its worker spent more than %v on %s and was killed (sha256 %.12s); %s",
		limit,
		what,
		p.formatter.Digest,
		hint,
	)
}

func (p *process) fault(kind wasm.Fault, text string, args ...any) error {
	return &wasm.Error{
		Fault:  kind,
		Plugin: p.formatter.Plugin,
		Text:   fmt.Sprintf(text, args...),
	}
}

// kill ends the process; the first reason given is kept.
func (p *process) kill(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason == nil {
		p.reason = reason
	}
	_ = p.cmd.Process.Kill() // it may have ended already
}

// close ends the process, waits for it and frees its resources.
func (p *process) close() {
	p.kill(errors.New("closed"))
	<-p.ended
	p.in.Close()
	p.out.Close()
}

// usable reports whether the process has not ended and is not about to.
func (p *process) usable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.ended:
		return false
	default:
		return p.reason == nil
	}
}

// hostMiB is what a worker may take besides the module's memory: for the
// runtime, compiling, and the stack of the module's calls.
const hostMiB = 192

// watch kills the process when it takes too much memory. The module's own
// memory is limited inside; what it makes the runtime allocate is not.
func (p *process) watch() {
	limit := p.limits.MemoryMiB + hostMiB
	ticks := time.NewTicker(50 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-p.ended:
			return
		case <-ticks.C:
			if took := residentMiB(p.cmd.Process.Pid); took > limit {
				p.kill(p.fault(
					wasm.Trapped,
					"its worker took %d MiB of memory and was killed; at most %d MiB are allowed (sha256 %.12s)",
					took,
					limit,
					p.formatter.Digest,
				))
			}
		}
	}
}
