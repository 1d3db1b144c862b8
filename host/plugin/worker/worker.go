// Package worker runs WASM modules in separate processes: the current program,
// started again to do nothing else. There a module runs without the guards that
// it has in host/plugin/wasm, so it is several times faster; it is stopped by
// killing the process, which stops everything, the compiler included. A worker
// gets no environment, no files and nothing of the run except requests and
// batches of rows, over two pipes.
//
// A program whose modules have formatters must run the worker first thing in
// its main:
//
//	if worker.Asked(os.Args) {
//		os.Exit(worker.Main())
//	}
//
// On the host's side start at Open for formatters and at OpenSession for
// everything else; on the worker's at Main.
package worker

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"llmhost/host/plugin/guard"
	"llmhost/host/plugin/wasm"
)

// A worker's main also runs the guards of plugins that are separate programs
// (host/plugin/guard), so that a program needs those lines once.

// command is the one argument of a worker.
const command = "worker"

// able is package state because it is a fact about this program: its main asks
// whether it is to be a worker.
var able atomic.Bool

// Asked reports, by its arguments, whether a program is to be a worker, or a
// guard.
func Asked(args []string) bool {
	able.Store(true)
	return guard.Asked(args) || isWorker(args)
}

func isWorker(args []string) bool { return len(args) == 2 && args[1] == command }

// Able reports whether this program can be started as a worker: whether its
// main called Asked.
func Able() bool { return able.Load() && !isWorker(os.Args) }

// Limits bound the workers of one formatter. The zero value of a field means
// its default.
type Limits struct {
	MemoryMiB int           // linear memory of each worker's module; 256
	Compile   time.Duration // to compile a module of 2.5 MiB or more, see compileTime; 30 s
	Start     time.Duration // to initialise the module and to configure it; 1 s
	Batch     time.Duration // of one batch of rows; 500 ms
	Row       time.Duration // extra for each row of it; 1 ms
	Workers   int           // how many there may be; one less than cores, from 1 to 8
}

// WithDefaults fills in zero fields.
func (l Limits) WithDefaults() Limits {
	fill := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	fill(&l.Compile, 30*time.Second)
	fill(&l.Start, time.Second)
	fill(&l.Batch, 500*time.Millisecond)
	fill(&l.Row, time.Millisecond)
	if l.MemoryMiB == 0 {
		l.MemoryMiB = 256
	}
	if l.Workers == 0 {
		l.Workers = min(max(runtime.NumCPU()-1, 1), 8)
	}
	return l
}

// compileTime is how long a module of the given size may compile: a small one
// that takes as long as Go's runtime is suspicious.
func (l Limits) compileTime(size int) time.Duration {
	const full, least = 5 << 19, 1 << 17 // 2.5 MiB, 128 KiB
	return l.Compile * time.Duration(min(max(size, least), full)) / full
}

// loadTime is how long this program may take to start, with a margin for slow
// machines.
const loadTime = 20 * time.Second

// maxReply bounds the reply to one batch, in bytes.
const maxReply = 64 << 20

// Formatter says what the workers are to run.
type Formatter struct {
	Plugin    string // its path, for errors
	Digest    string // of its code, for errors
	Code      []byte // the module
	Cache     string // folder of compiled code; "" for none
	Component uint32 // the formatter's index in the descriptor
	Config    []byte // its parameters, as configure takes them
}

// Crashed reports whether an error is the end of a worker that a fresh one
// might not meet: a crash or too much memory, but not a time-out.
func Crashed(err error) bool {
	var e *wasm.Error
	return errors.As(err, &e) && e.Fault == wasm.Trapped
}
