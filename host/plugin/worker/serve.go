package worker

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"llmhost/host/plugin/wasm"
)

// Main makes this process a worker that serves its parent over standard input
// and output. It returns the exit code, once the parent is gone.
func Main() int {
	runtime.GOMAXPROCS(2) // one for the module, one for the collector
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// worker is the state inside a worker process.
type worker struct {
	in      io.Reader
	out     io.Writer
	setup   setup
	module  *wasm.Module
	running *wasm.Instance
	buffer  []byte // of the last message
	reply   []byte // of the module's replies
	send    []byte // of the outgoing messages
}

// serve answers messages until in ends.
func serve(in io.Reader, out io.Writer) error {
	w := &worker{in: in, out: out}
	if err := w.answer(hello, []byte(greeting)); err != nil {
		return err
	}
	for {
		kind, payload, err := readMessage(in, w.buffer, maxMessage)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		w.buffer = payload
		if err := w.serve(kind, payload); err != nil {
			return err
		}
	}
}

// maxMessage bounds the messages that a worker accepts. The host sends much
// less.
const maxMessage = 1 << 30

func (w *worker) serve(kind byte, payload []byte) error {
	got, err := w.do(context.Background(), kind, payload)
	if err != nil {
		return w.answer(failed, failureOf(err))
	}
	return w.answer(reply, got)
}

func (w *worker) answer(kind byte, payload []byte) error {
	w.send = appendMessage(w.send[:0], kind, payload)
	_, err := w.out.Write(w.send)
	return err
}

func (w *worker) do(ctx context.Context, kind byte, payload []byte) ([]byte, error) {
	switch {
	case kind == compile:
		return nil, w.compile(ctx, payload)
	case kind == configure && w.module != nil:
		return w.configure(ctx)
	case kind == fresh && w.module != nil:
		return nil, w.start(ctx)
	case kind == describe && w.running != nil:
		return w.running.Describe(ctx)
	case kind == part && w.running != nil && len(payload) >= 4:
		return w.running.Configure(ctx, binary.LittleEndian.Uint32(payload), payload[4:])
	case kind == trace && w.running != nil && len(payload) >= 4:
		return w.running.Trace(ctx, binary.LittleEndian.Uint32(payload), payload[4:])
	case kind == format && w.running != nil && len(payload) >= 4:
		var err error
		w.reply, err = w.running.Format(ctx, binary.LittleEndian.Uint32(payload), payload[4:], w.reply[:0])
		return w.reply, err
	}
	return nil, fmt.Errorf("the worker was sent an unexpected message %q", kind)
}

// compile reads the module and compiles it.
func (w *worker) compile(ctx context.Context, text []byte) error {
	if err := json.Unmarshal(text, &w.setup); err != nil {
		return err
	}
	kind, code, err := readMessage(w.in, nil, maxMessage)
	if err != nil {
		return err
	}
	if kind != module {
		return errors.New("the worker was sent no module")
	}
	if err := restrain(w.setup.MemoryMiB); err != nil {
		return fmt.Errorf("the worker's limits: %w", err)
	}
	limits := wasm.Limits{MemoryMiB: w.setup.MemoryMiB, Reply: w.setup.Reply}
	w.module, err = wasm.OpenKillable(ctx, w.setup.Plugin, code, limits, w.setup.Cache)
	return err
}

// start replaces the running instance with a fresh one.
func (w *worker) start(ctx context.Context) (err error) {
	if w.running != nil {
		_ = w.running.Close(ctx) // nothing of it can fail any more
	}
	w.running, err = w.module.Start(ctx)
	return err
}

func (w *worker) configure(ctx context.Context) ([]byte, error) {
	if err := w.start(ctx); err != nil {
		return nil, err
	}
	return w.running.Configure(ctx, w.setup.Component, w.setup.Config)
}
