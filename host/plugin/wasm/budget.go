package wasm

import (
	"context"
	"errors"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// budget counts the calls between a module's functions and stops the module
// when they run out. Closing the context alone would not do: wazero looks at it
// in loops only, so that a few functions that call each other without one could
// hold the whole process, garbage collector included, for ever.
type budget struct{ left int64 }

var errBudget = errors.New("call budget spent")

// NewFunctionListener has every function of the module counted.
func (b *budget) NewFunctionListener(api.FunctionDefinition) experimental.FunctionListener { return b }

// Before counts one call.
func (b *budget) Before(context.Context, api.Module, api.FunctionDefinition, []uint64, experimental.StackIterator) {
	if b.left--; b.left < 0 {
		panic(errBudget)
	}
}

// After has nothing to do.
func (b *budget) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {}

// Abort has nothing to do.
func (b *budget) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}
