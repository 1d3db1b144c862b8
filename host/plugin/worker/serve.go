package worker

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"llmhost/host/plugin/guard"
	"llmhost/host/plugin/wasm"
)

// Session is a worker that describes, configures and traces a module. After one
// of its calls fails it is dead; they must be made one at a time.
type Session struct {
	process *process
	limits  wasm.Limits
}

// OpenSession starts a worker and has it compile the module within the limit
// given. Component and Config are not used. The error is a *wasm.Error if the
// module is at fault.
func OpenSession(ctx context.Context, f Formatter, limits wasm.Limits, compile time.Duration) (*Session, error) {
	if err := absolute(&f.Cache); err != nil {
		return nil, err
	}
	limits = limits.WithDefaults()
	process, err := load(ctx, &f, Limits{
		MemoryMiB: limits.MemoryMiB,
		Compile:   compile,
		Start:     limits.Start,
	}.WithDefaults(), limits.Reply)
	if err != nil {
		return nil, err
	}
	return &Session{process, limits}, nil
}

// absolute is the folder for a process with another working directory; "" stays
// "".
func absolute(folder *string) (err error) {
	if *folder != "" {
		*folder, err = filepath.Abs(*folder)
	}
	return err
}

// Start makes a fresh instance of the module, which answers the calls that
// follow.
func (s *Session) Start(ctx context.Context) error {
	_, err := s.ask(ctx, "starting", s.limits.Start, fresh)
	return err
}

// Usable reports whether the worker lives.
func (s *Session) Usable() bool { return s.process.usable() }

// Describe returns the reply of llmhost_describe.
func (s *Session) Describe(ctx context.Context) ([]byte, error) {
	return s.ask(ctx, "describing itself", s.limits.Call, describe)
}

// Configure returns the reply of llmhost_configure.
func (s *Session) Configure(ctx context.Context, component uint32, config []byte) ([]byte, error) {
	return s.ask(ctx, "configuring", s.limits.Call, part, number(component), config)
}

// Trace returns the reply of llmhost_trace.
func (s *Session) Trace(ctx context.Context, handle uint32, request []byte) ([]byte, error) {
	return s.ask(ctx, "tracing", s.limits.Call, trace, number(handle), request)
}

// Close ends the worker.
func (s *Session) Close() { s.process.close() }

func (s *Session) ask(ctx context.Context, what string, limit time.Duration, kind byte, parts ...[]byte) ([]byte, error) {
	reply, err := s.process.exchange(ctx, what, limit, appendMessage(nil, kind, parts...), nil)
	return append([]byte(nil), reply...), err
}

func number(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

// A message is its kind, a u32 length, little-endian, and so many bytes. The
// host asks, the worker answers; only hello comes unprompted.
const (
	hello     = 'h' // worker: the greeting
	compile   = 'c' // host: a setup as JSON; the next message is the module
	module    = 'm' // host: the module's bytes
	configure = 'i' // host: start the module and configure the setup's component
	fresh     = 's' // host: restart the module
	describe  = 'd' // host: describe
	part      = 'p' // host: u32 component, its configuration
	trace     = 't' // host: u32 handle, a request
	format    = 'f' // host: u32 handle, a frame of rows
	reply     = 'r' // worker: the reply
	failed    = 'x' // worker: a failure as JSON
)

// greeting has the version of these messages. Host and worker are the same
// program, so any other greeting means that the program is not a worker.
const greeting = "llmhost worker 1"

const headSize = 5

// setup is what a worker must know before it compiles.
type setup struct {
	Plugin    string
	Cache     string
	MemoryMiB int
	Reply     int // bytes of one reply of the module
	Component uint32
	Config    []byte
}

// failure is a *wasm.Error in transit.
type failure struct {
	Fault wasm.Fault
	Text  string
}

func appendMessage(to []byte, kind byte, parts ...[]byte) []byte {
	to = append(to, kind, 0, 0, 0, 0)
	at := len(to)
	for _, part := range parts {
		to = append(to, part...)
	}
	binary.LittleEndian.PutUint32(to[at-4:], uint32(len(to)-at))
	return to
}

// readMessage reads a message into buffer, which grows as needed, and fails if
// the message is larger than limit.
func readMessage(from io.Reader, buffer []byte, limit int) (kind byte, payload []byte, err error) {
	var head [headSize]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return 0, nil, err
	}
	size := int(binary.LittleEndian.Uint32(head[1:]))
	if size > limit {
		return 0, nil, fmt.Errorf("a message of %d bytes; at most %d are allowed", size, limit)
	}
	if cap(buffer) < size {
		buffer = make([]byte, size+size/8)
	}
	payload = buffer[:size]
	_, err = io.ReadFull(from, payload)
	return head[0], payload, err
}

// failureOf packs an error.
func failureOf(err error) []byte {
	f := failure{Text: err.Error()}
	var e *wasm.Error
	if errors.As(err, &e) {
		f = failure{e.Fault, e.Text}
	}
	text, _ := json.Marshal(f) // two plain fields
	return text
}

// asError unpacks an error.
func (f Formatter) asError(packed []byte) error {
	var e failure
	if err := json.Unmarshal(packed, &e); err != nil {
		return fmt.Errorf("plugin %s: its worker failed and said %q", f.Plugin, packed)
	}
	return &wasm.Error{Fault: e.Fault, Plugin: f.Plugin, Text: e.Text}
}

// Main makes this process a worker that serves its parent over standard input
// and output, or the guard that its arguments ask for. It returns the exit
// code, once the parent is gone.
func Main() int {
	if guard.Asked(os.Args) {
		return guard.Main()
	}
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
