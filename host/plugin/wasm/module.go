package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"llmhost/host/plugin/output"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// Module is a compiled plugin. Its instances must be used one at a time.
// Close frees it.
type Module struct {
	name, digest string
	limits       Limits
	runtime      wazero.Runtime
	compiled     wazero.CompiledModule
	cache        wazero.CompilationCache // nil if the folder is unusable
	budget       *budget
	output       *output.Tail // of the instance that runs
	killable     bool         // only the end of the process stops a call
}

// Open checks and compiles a module. name is what errors call it; cacheFolder
// keeps compiled code from run to run, "" for none. The error is an *Error if
// the module is at fault.
func Open(ctx context.Context, name string, code []byte, limits Limits, cacheFolder string) (*Module, error) {
	return open(ctx, &Module{name: name}, code, limits, cacheFolder)
}

// OpenKillable is Open for a process that another one watches, and kills when a
// call takes too much time or memory. Stopping a call from inside costs up to
// four fifths of the speed, so here nothing does: neither the limits on time
// and calls nor the end of a context.
func OpenKillable(ctx context.Context, name string, code []byte, limits Limits, cacheFolder string) (*Module, error) {
	return open(ctx, &Module{name: name, killable: true}, code, limits, cacheFolder)
}

// open fills in m, whose name is set.
func open(ctx context.Context, m *Module, code []byte, limits Limits, cacheFolder string) (*Module, error) {
	limits = limits.WithDefaults()
	if err := Check(m.name, code, limits); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(code)
	m.digest = hex.EncodeToString(sum[:])
	m.limits = limits
	m.budget = &budget{}
	m.output = &output.Tail{}
	m.cache = openCache(cacheFolder)
	if err := m.compile(ctx, code); err != nil {
		m.Close(ctx)
		return nil, err
	}
	return m, nil
}

func (m *Module) compile(ctx context.Context, code []byte) error {
	config := wazero.NewRuntimeConfig().WithCloseOnContextDone(!m.killable).WithMemoryLimitPages(m.limits.pages())
	if m.cache != nil {
		config = config.WithCompilationCache(m.cache)
	}
	m.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if !m.killable {
		ctx = experimental.WithFunctionListenerFactory(ctx, m.budget)
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, m.runtime); err != nil {
		return err
	}
	i32 := api.ValueTypeI32
	log := m.runtime.NewHostModuleBuilder(hostModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(m.log), []api.ValueType{i32, i32, i32}, nil).Export("log")
	if _, err := log.Instantiate(ctx); err != nil {
		return err
	}
	compiled, err := m.runtime.CompileModule(ctx, reduced(code))
	if err != nil {
		return &Error{
			Fault:  NotWASM,
			Plugin: m.name,
			Text:   "does not compile: " + firstLine(err),
			Cause:  err,
		}
	}
	m.compiled = compiled
	return nil
}

// maxLog bounds the message of one call of log, in bytes.
const maxLog = 16 << 10

// log is the one host function: level, pointer, length.
func (m *Module) log(_ context.Context, guest api.Module, stack []uint64) {
	text, ok := guest.Memory().Read(uint32(stack[1]), min(uint32(stack[2]), maxLog))
	if !ok {
		panic(errors.New("llmhost_v2.log was given bytes outside the module's memory"))
	}
	m.output.Write(append(text[:len(text):len(text)], '\n'))
}

// Digest is the sha256 of the module's bytes, in hexadecimal.
func (m *Module) Digest() string { return m.digest }

// Close frees the compiled code and the runtime.
func (m *Module) Close(ctx context.Context) error {
	var first error
	if m.runtime != nil {
		first = m.runtime.Close(ctx)
	}
	if m.cache != nil {
		if err := m.cache.Close(ctx); first == nil {
			first = err
		}
	}
	return first
}

// openCache returns wazero's compilation cache in folder, or nil: the cache
// saves time, but nothing depends on it. Its content is run as machine code, so
// only the user may own and write the folder.
func openCache(folder string) wazero.CompilationCache {
	if folder == "" || os.MkdirAll(folder, 0o700) != nil || os.Chmod(folder, 0o700) != nil {
		return nil
	}
	cache, err := wazero.NewCompilationCacheWithDir(folder)
	if err != nil {
		return nil
	}
	return cache
}

// Instance is a running module with its own memory. After any of its calls
// fails it must not be used again. Close frees it.
type Instance struct {
	m      *Module
	guest  api.Module
	output *output.Tail
	until  time.Time // the deadline of the running call of the contract
}

// Start makes a fresh instance and initialises it, within the limits.
func (m *Module) Start(ctx context.Context) (*Instance, error) {
	in := &Instance{m: m, output: &output.Tail{}}
	in.begin(m.limits.Start)
	limited, cancel := context.WithDeadline(ctx, in.until)
	defer cancel()
	prints := printing{in.output, m.budget}
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize").WithStdout(prints).WithStderr(prints)
	if m.killable {
		limited = mappedMemory(limited)
	}
	guest, err := m.runtime.InstantiateModule(limited, m.compiled, config)
	if err != nil {
		return nil, in.failed(ctx, "_initialize", m.limits.Start, err)
	}
	if guest.IsClosed() { // by a proc_exit with code 0, which is no error to wazero
		return nil, in.failed(ctx, "_initialize", m.limits.Start, sys.NewExitError(0))
	}
	in.guest = guest
	return in, nil
}

// begin begins a call of the contract. The limit covers all that it needs of
// the module: memory for the request, the call itself, freeing.
func (in *Instance) begin(limit time.Duration) {
	in.until = time.Now().Add(limit)
	in.m.output = in.output
	if in.m.killable {
		in.m.budget.begin(0, time.Time{})
		return
	}
	in.m.budget.begin(in.m.limits.GuestCalls, in.until)
}

// Close frees the instance's memory.
func (in *Instance) Close(ctx context.Context) error { return in.guest.Close(ctx) }

// Describe returns the reply of llmhost_describe.
func (in *Instance) Describe(ctx context.Context) ([]byte, error) {
	in.begin(in.m.limits.Call)
	return in.reply(ctx, "llmhost_describe")
}

// Configure returns the reply of llmhost_configure.
func (in *Instance) Configure(ctx context.Context, component uint32, config []byte) ([]byte, error) {
	return in.ask(ctx, "llmhost_configure", component, config)
}

// Trace returns the reply of llmhost_trace.
func (in *Instance) Trace(ctx context.Context, handle uint32, request []byte) ([]byte, error) {
	return in.ask(ctx, "llmhost_trace", handle, request)
}

// ask passes request to the module and calls function with it.
func (in *Instance) ask(ctx context.Context, function string, number uint32, request []byte) ([]byte, error) {
	in.begin(in.m.limits.Call)
	pointer, err := in.put(ctx, request)
	if err != nil {
		return nil, err
	}
	reply, err := in.reply(ctx, function, uint64(number), uint64(pointer), uint64(len(request)))
	if err != nil {
		return nil, err
	}
	_, err = in.call(ctx, "llmhost_free", uint64(pointer), uint64(len(request)))
	return reply, err
}

// put copies data into memory that the module allocates.
func (in *Instance) put(ctx context.Context, data []byte) (uint32, error) {
	pointer, err := in.call(ctx, "llmhost_alloc", uint64(len(data)))
	if err != nil {
		return 0, err
	}
	if pointer == 0 || !in.guest.Memory().Write(uint32(pointer), data) {
		return 0, in.bad(
			"llmhost_alloc gave address %d for %d bytes, which its memory of %d bytes does not hold",
			uint32(pointer),
			len(data),
			in.guest.Memory().Size(),
		)
	}
	return uint32(pointer), nil
}

// reply calls function and copies the bytes that its result points to.
func (in *Instance) reply(ctx context.Context, function string, args ...uint64) ([]byte, error) {
	return in.appendReply(ctx, nil, function, args...)
}

// appendReply is reply into existing memory.
func (in *Instance) appendReply(ctx context.Context, reply []byte, function string, args ...uint64) ([]byte, error) {
	result, err := in.call(ctx, function, args...)
	if err != nil {
		return nil, err
	}
	pointer := uint32(result >> 32)
	size := uint32(result)
	if uint64(size) > uint64(in.m.limits.Reply) {
		return nil, in.bad("%s replied with %d bytes; at most %d are allowed", function, size, in.m.limits.Reply)
	}
	view, ok := in.guest.Memory().Read(pointer, size)
	if !ok {
		return nil, in.bad(
			"%s replied with %d bytes at address %d, outside its memory of %d bytes",
			function,
			size,
			pointer,
			in.guest.Memory().Size(),
		)
	}
	reply = append(reply, view...)
	_, err = in.call(ctx, "llmhost_free", uint64(pointer), uint64(size))
	return reply, err
}

func (in *Instance) bad(format string, args ...any) error {
	err := fault(BadReply, format, args...)
	err.Plugin = in.m.name
	return err
}

// call runs one export within the limits and returns its result, 0 if it has none.
func (in *Instance) call(ctx context.Context, function string, args ...uint64) (uint64, error) {
	exported := in.guest.ExportedFunction(function)
	if exported == nil {
		return 0, in.bad("does not export %s", function)
	}
	limited := ctx
	if !in.m.killable {
		var cancel context.CancelFunc
		limited, cancel = context.WithDeadline(ctx, in.until)
		defer cancel()
	}
	results, err := exported.Call(limited, args...)
	if err != nil {
		return 0, in.failed(ctx, function, in.m.limits.Call, err)
	}
	if len(results) == 0 {
		return 0, nil
	}
	return results[0], nil
}

// failed explains in the plugin's terms why wazero ended a call.
func (in *Instance) failed(ctx context.Context, function string, limit time.Duration, err error) error {
	if ctx.Err() != nil { // the run was stopped, not the plugin
		return ctx.Err()
	}
	var exit *sys.ExitError
	e := &Error{Plugin: in.m.name, Cause: err}
	switch {
	case errors.Is(err, errBudget):
		e.Fault, e.Text = TimedOut, fmt.Sprintf(
			"%s made more than %d calls and was stopped; look for a loop that does not end",
			function,
			in.m.limits.GuestCalls,
		)
	case errors.Is(err, errLate), errors.As(err, &exit) &&
		exit.ExitCode() == sys.ExitCodeDeadlineExceeded:
		e.Fault, e.Text = TimedOut, fmt.Sprintf(
			"%s ran longer than %v and was stopped; look for a loop that does not end",
			function,
			limit,
		)
	case errors.As(err, &exit):
		e.Fault, e.Text = Trapped, fmt.Sprintf(
			"%s ended the module with exit code %d%s (sha256 %s)%s",
			function,
			exit.ExitCode(),
			in.full(),
			in.m.digest[:12],
			in.output.Hint(),
		)
	default:
		e.Fault, e.Text = Trapped, fmt.Sprintf(
			"%s trapped: %s%s (sha256 %s)%s",
			function,
			firstLine(err),
			in.full(),
			in.m.digest[:12],
			in.output.Hint(),
		)
	}
	return e
}

// full adds that the module had used up its memory.
func (in *Instance) full() string {
	if in.guest == nil || in.guest.Memory().Size() < in.m.limits.pages()<<16 {
		return ""
	}
	return fmt.Sprintf(", with its %d MiB of memory used up", in.m.limits.MemoryMiB)
}

// firstLine is wazero's message without the stack.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimSuffix(strings.TrimPrefix(line, "wasm error: "), " (recovered by wazero)")
}

// Format appends the reply of llmhost_format to reply, so that its memory can
// be reused.
func (in *Instance) Format(ctx context.Context, handle uint32, frame, reply []byte) ([]byte, error) {
	pointer, err := in.put(ctx, frame)
	if err != nil {
		return nil, err
	}
	reply, err = in.appendReply(ctx, reply, "llmhost_format", uint64(handle), uint64(pointer), uint64(len(frame)))
	if err != nil {
		return nil, err
	}
	_, err = in.call(ctx, "llmhost_free", uint64(pointer), uint64(len(frame)))
	return reply, err
}
