package wasm

import (
	"context"
	"errors"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"llmhost/host/plugin/output"
)

// budget stops a module that calls functions, its own or the host's, too often
// or past its deadline. Cancelling the context is not enough: wazero only
// checks it in loops, so a few functions that call each other without one, or a
// straight line of slow host calls, could block the whole process, garbage
// collector included, forever.
type budget struct {
	left  int64
	until time.Time
}

var (
	errBudget = errors.New("call budget spent")
	errLate   = errors.New("out of time")
)

// begin sets the budget of one call of the contract.
func (b *budget) begin(calls int64, time time.Time) {
	b.left = calls
	b.until = time
}

// late reports whether the time is up.
func (b *budget) late() bool { return !b.until.IsZero() && !time.Now().Before(b.until) }

// NewFunctionListener counts every function call of the module, and those to
// the host.
func (b *budget) NewFunctionListener(api.FunctionDefinition) experimental.FunctionListener { return b }

// Before counts one call.
func (b *budget) Before(context.Context, api.Module, api.FunctionDefinition, []uint64, experimental.StackIterator) {
	if b.left--; b.left < 0 {
		panic(errBudget)
	}
	if b.late() {
		panic(errLate)
	}
}

// After does nothing.
func (b *budget) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {}

// Abort does nothing.
func (b *budget) Abort(context.Context, api.Module, api.FunctionDefinition, error) {}

// printing is what a module prints to. One call can make millions of writes, so
// each checks the time.
type printing struct {
	*output.Tail
	budget *budget
}

// Write fails once the time is up.
func (p printing) Write(b []byte) (int, error) {
	if p.budget.late() {
		return 0, errLate
	}
	return p.Tail.Write(b)
}
