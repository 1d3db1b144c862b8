// Package wasm runs a plugin that is a WASM module, under wazero, in the host's
// own process. The module gets nothing but its memory and a few inert WASI
// functions: no files, no network, no environment, a clock that stands still.
// What it could still do to the host is bounded: the shape of the module before
// it is compiled (see gate), then memory, time, the number of calls and the
// size of every reply. A plugin that breaks a bound gives an *Error that names
// it, and its instance is thrown away.
//
// It knows the transport alone; what the calls mean is host/plugin's matter.
// Start at Open.
package wasm

import "time"

// Limits bound what one module may take. The zero value of a field means its
// default.
type Limits struct {
	MemoryMiB  int           // linear memory of an instance; 64
	Start      time.Duration // to instantiate and initialise; 5 s
	Call       time.Duration // of one call of the contract; 1 s
	GuestCalls int64         // calls between the module's own functions during one call of the contract; 2,000,000
	Reply      int           // bytes of one reply; 8 MiB
}

// withDefaults fills in what is 0.
func (l Limits) withDefaults() Limits {
	fill := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	fill(&l.Start, 5*time.Second)
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
const ABI = 1

// What a module may look like; checked before anything of it is compiled,
// because compiling cannot be stopped.
const (
	maxModule    = 16 << 20 // bytes
	maxFunctions = 20_000
	maxBody      = 1 << 20 // bytes of one function
	maxNames     = 4096    // imports and exports together
	maxTable     = 65_536  // entries of all tables
	maxBulk      = 128     // bulk memory instructions in one function
)

// allowedImports lists what a module may ask for besides llmhost_v1.log. All
// of it is inert. The second line is what Go's package os (and with it fmt)
// asks for even where it opens nothing.
var allowedImports = []string{
	"sched_yield", "proc_exit", "args_get", "args_sizes_get", "clock_time_get", "environ_get", "environ_sizes_get", "fd_write", "random_get", "poll_oneoff",
	"fd_close", "fd_fdstat_get", "fd_fdstat_set_flags", "fd_prestat_get", "fd_prestat_dir_name",
}

const (
	wasiModule = "wasi_snapshot_preview1"
	hostModule = "llmhost_v1"
)
