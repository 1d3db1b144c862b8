package tokenizer

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

//go:generate ./build.sh

// core is the tokenizers crate behind the ABI of tokcore/src/lib.rs.
//
//go:embed tokcore.wasm
var core []byte

// engine holds the compiled core, from which instances are made.
type engine struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	cache    wazero.CompilationCache // nil where the disk has no room for one
}

// newEngine compiles the core: seconds the first time, hundredths of a second
// once the machine code is in the user's cache folder. If that folder cannot be
// used, the core is compiled without it.
func newEngine() (*engine, error) {
	if cache := openCache(); cache != nil {
		config := wazero.NewRuntimeConfig().WithCompilationCache(cache)
		if e, err := compile(config); err == nil {
			e.cache = cache
			return e, nil
		}
		cache.Close(context.Background())
	}
	return compile(wazero.NewRuntimeConfig())
}

func compile(config wazero.RuntimeConfig) (*engine, error) {
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, config)
	_, err := wasi_snapshot_preview1.Instantiate(ctx, runtime)
	if err == nil {
		var compiled wazero.CompiledModule
		if compiled, err = runtime.CompileModule(ctx, core); err == nil {
			return &engine{runtime: runtime, compiled: compiled}, nil
		}
	}
	runtime.Close(ctx)
	return nil, fmt.Errorf("tokenizer: compiling the built-in core: %w", err)
}

// openCache returns the compilation cache in the user's cache folder, or nil.
// It holds machine code that will be run, so others must not write there.
func openCache() wazero.CompilationCache {
	base, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	folder := filepath.Join(base, "llmhost", "wazero")
	if os.MkdirAll(folder, 0o700) != nil || !ownedAndWritable(folder) {
		return nil
	}
	cache, err := wazero.NewCompilationCacheWithDir(folder)
	if err != nil {
		return nil
	}
	return cache
}

func ownedAndWritable(folder string) bool {
	info, err := os.Stat(folder)
	if err != nil || info.Mode().Perm()&0o022 != 0 {
		return false
	}
	probe, err := os.CreateTemp(folder, "probe-*")
	if err != nil {
		return false
	}
	probe.Close()
	return os.Remove(probe.Name()) == nil
}

// close frees the machine code and every instance made from it.
func (e *engine) close() error {
	ctx := context.Background()
	err := e.runtime.Close(ctx)
	if e.cache != nil {
		e.cache.Close(ctx)
	}
	return err
}
