// Package wasm runs a plugin that is a WASM module, under wazero, in the
// calling process. The module gets nothing but its memory and a few inert WASI
// functions: no files, no network, no environment, a clock that stands still.
// What it could still do to the host is bounded: the shape of the module before
// it is compiled (see Check), then memory, time, the number of calls and the
// size of every reply. A plugin that exceeds a bound gives an *Error that names
// it, and its instance is discarded.
//
// It only knows the transport; what the calls mean is up to host/plugin. Start
// at Open.
package wasm

import "time"

// Limits bound what one module may take. The zero value of a field means its
// default.
type Limits struct {
	MemoryMiB  int           // linear memory of an instance; 64
	Start      time.Duration // to instantiate and initialise; 1 s
	Call       time.Duration // of one call of the contract; 1 s
	GuestCalls int64         // calls between the module's own functions during one call of the contract; 2,000,000
	Reply      int           // bytes of one reply; 8 MiB
}

// WithDefaults fills in zero fields.
func (l Limits) WithDefaults() Limits {
	fill := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	fill(&l.Start, time.Second)
	fill(&l.Call, time.Second)
	if l.MemoryMiB == 0 {
		l.MemoryMiB = 64
	}
	if l.GuestCalls == 0 {
		l.GuestCalls = 2_000_000
	}
	if l.Reply == 0 {
		l.Reply = 8 << 20
	}
	return l
}

// pages is the memory limit in WASM pages of 64 KiB.
func (l Limits) pages() uint32 { return uint32(l.MemoryMiB) * 16 }

// ABI is the version of the contract that this host speaks.
const ABI = 2

// Bounds on a module's shape, checked before any of it is compiled, because
// compiling cannot be stopped.
const (
	maxModule    = 16 << 20 // bytes
	maxFunctions = 20_000
	maxBody      = 512 << 10 // bytes of one function
	maxLocals    = 10_000    // variables of one function
	maxTypes     = 10_000    // types of functions
	maxValues    = 100       // parameters and results of one function
	maxNames     = 4096      // imports and exports together
	maxTable     = 65_536    // entries of all tables
	maxElements  = 1 << 20   // bytes of what tables are filled with
	maxEntries   = 100_000   // globals, and pieces of data
	maxBulk      = 128       // bulk memory instructions in one function
	maxSections  = 1000
)

// Bounds on the cost of compiling a module beyond its length, in the unit of
// compileCost: a fixed part, and one for each byte of code. Go's modules take a
// seventh of it, and the most expensive measured, a Rust library of regular
// expressions, less than half.
const (
	compileBase    = 20_000_000
	compilePerByte = 150
)

// allowedImports lists the WASI functions that a module may import, with their
// types. All are inert. The second group is what Go's package os (and so fmt)
// imports even if it opens nothing.
var allowedImports = map[string]signature{
	"sched_yield": ":i", "proc_exit": "i:", "args_get": "ii:i", "args_sizes_get": "ii:i", "clock_time_get": "ili:i",
	"environ_get": "ii:i", "environ_sizes_get": "ii:i", "fd_write": "iiii:i", "random_get": "ii:i", "poll_oneoff": "iiii:i",

	"fd_close": "i:i", "fd_fdstat_get": "ii:i", "fd_fdstat_set_flags": "ii:i", "fd_prestat_get": "ii:i", "fd_prestat_dir_name": "iii:i",
}

// logType is the type of llmhost_v2.log.
const logType signature = "iii:"

const (
	wasiModule = "wasi_snapshot_preview1"
	hostModule = "llmhost_v2"
)
