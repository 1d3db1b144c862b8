package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"

	"llmhost/host/plugin/output"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
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
