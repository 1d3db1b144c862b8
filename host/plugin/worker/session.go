package worker

import (
	"context"
	"encoding/binary"
	"path/filepath"
	"time"

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
