package wasm_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"llmhost/host/plugin/wasm"
)

// tight are limits that keep these tests quick.
var tight = wasm.Limits{Start: 300 * time.Millisecond, Call: 300 * time.Millisecond, GuestCalls: 100_000, MemoryMiB: 4, Reply: 1 << 16}

// describe opens a module and asks it to describe itself.
func describe(code []byte) ([]byte, error) {
	ctx := context.Background()
	m, err := wasm.Open(ctx, "hostile.wasm", code, tight, "")
	if err != nil {
		return nil, err
	}
	defer m.Close(ctx)
	in, err := m.Start(ctx)
	if err != nil {
		return nil, err
	}
	defer in.Close(ctx)
	if _, err := in.Describe(ctx); err != nil {
		return nil, err
	}
	if _, err := in.Configure(ctx, 0, []byte("{}")); err != nil {
		return nil, err
	}
	return in.Trace(ctx, 1, []byte("{}"))
}

// exponential is 40 functions of which each calls the next one twice: no loop
// that wazero could stop, and 2^40 calls.
func exponential() guest {
	const first = 7 // after the functions that every guest has
	g := guest{bodies: map[string][]byte{"llmhost_describe": join(call(first), i64(0))}}
	for i := range 40 {
		body := join(call(first+i+1), call(first+i+1))
		if i == 39 {
			body = nil
		}
		g.more = append(g.more, function{kind: nothing, body: body})
	}
	return g
}

func describing(body ...[]byte) guest {
	return guest{bodies: map[string][]byte{"llmhost_describe": join(body...)}}
}

var hostile = []struct {
	name  string
	code  []byte
	fault wasm.Fault
	want  string // after "plugin hostile.wasm: "; may end in … where the rest varies
}{
	// the gate
	{"not WASM", []byte("#!/bin/sh\n"), wasm.NotWASM, `is not a WASM module (it begins with "#!/bin/s"); build it with GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared`},
	{"empty", nil, wasm.NotWASM, `is not a WASM module (it begins with ""); build it with GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared`},
	{"component", []byte("\x00asm\x0d\x00\x01\x00"), wasm.NotWASM, "is not a core WASM module of version 1 (its version bytes are 0d 00 01 00); a component must be built as a core module"},
	{"cut off", guest{}.build()[:70], wasm.NotWASM, "the module is cut off or garbled"},
	{"a section twice", append(guest{}.build(), section(7, []byte{0})...), wasm.NotWASM, "section 7 stands in the module twice"},
	{"other ABI", guest{exports: map[string]string{"llmhost_abi_v1": "llmhost_abi_v2"}}.build(), wasm.WrongABI, "speaks ABI 2, host speaks 1; rebuild it with this sdk"},
	{"no plugin", guest{exports: map[string]string{"llmhost_abi_v1": ""}}.build(), wasm.NotPlugin, "is a WASM module but no llmhost plugin: it exports no llmhost_abi_v1"},
	{"missing export", guest{exports: map[string]string{"llmhost_configure": ""}}.build(), wasm.NotPlugin, "does not export llmhost_configure; the contract asks for it"},
	{"export of another type", guest{types: map[string]int{"llmhost_free": oneInt}}.build(), wasm.NotPlugin, "exports llmhost_free as (i32); the contract says (i32, i32)"},
	{"a program", guest{extra: []function{{"_start", nothing, nil}}}.build(), wasm.NotPlugin, "exports _start, so it is a program; build it as a library (Go: -buildmode=c-shared)"},
	{"asks for a file", guest{imports: imports("wasi_snapshot_preview1", "path_open", nothing), imported: 1}.build(), wasm.Forbidden,
		"asks for wasi_snapshot_preview1.path_open, which plugins do not get: they have no files, network, clock or environment"},
	{"asks for much", guest{imports: join(imports("wasi_snapshot_preview1", "fd_write", nothing), imports("env", "a", nothing), imports("env", "b", nothing), imports("env", "c", nothing), imports("env", "d", nothing), imports("env", "e", nothing)), imported: 6}.build(),
		wasm.Forbidden, "asks for env.a, env.b, env.c, env.d and 1 more, which plugins do not get: they have no files, network, clock or environment"},
	{"imports a memory", guest{imports: join(text("env"), text("memory"), []byte{2, 0, 1}), imported: 1}.build(), wasm.Forbidden,
		"asks for env.memory (not a function), which plugins do not get: they have no files, network, clock or environment"},
	{"no memory", guest{noMemory: true}.build(), wasm.NotPlugin, `exports no memory; want its one memory exported as "memory"`},
	{"two memories", guest{memory: []byte{2, 0, 1, 0, 1}}.build(), wasm.Forbidden, "has 2 memories; want one"},
	{"shared memory", guest{memory: []byte{1, 3, 1, 2}}.build(), wasm.Forbidden, "has a shared or 64-bit memory; want a plain one"},
	{"much memory", guest{memory: join([]byte{1, 0}, u32(65536))}.build(), wasm.TooLarge, "asks for 4096 MiB of memory at the start; the limit is 4 MiB"},
	{"start section", guest{start: true}.build(), wasm.Forbidden, "has a start section; a plugin runs nothing before it is called (_initialize is the place for it)"},
	{"large table", guest{tables: join([]byte{1, 0x70, 0}, u32(100_000_000))}.build(), wasm.TooLarge, "has tables of 100000000 entries; at most 65536 are allowed"},
	{"table that may grow much", guest{tables: join([]byte{1, 0x70, 1, 1}, u32(65537))}.build(), wasm.TooLarge, "has tables of 65537 entries; at most 65536 are allowed"},
	{"table of references", guest{tables: []byte{1, 0x6f, 1, 1, 1}}.build(), wasm.Forbidden, "table 0 does not hold functions; tables of other references are not allowed"},
	{"many functions", guest{more: make([]function, 500_000)}.build(), wasm.TooLarge, "has 500007 functions; at most 20000 are allowed"},
	{"large function", guest{more: []function{{body: bytes.Repeat([]byte{0x01}, 1<<20)}}}.build(), wasm.TooLarge, "function 7 is 1048578 bytes; at most 1048576 are allowed"},
	{"many exports", manyExports().build(), wasm.TooLarge, "has 4108 imports and exports; at most 4096 are allowed"},
	{"large module", append(guest{}.build(), section(0, make([]byte, 17<<20))...), wasm.TooLarge, "is 17826045 bytes; at most 16777216 are allowed"},
	{"a long line of memory.fill", describing(bytes.Repeat(join(i32(0), i32(0), i32(65536), []byte{0xfc, 0x0b, 0x00}), 200), i64(0)).build(), wasm.TooLarge, "function 3 has 200 bulk memory instructions; at most 128 are allowed"},
	{"nonsense for code", describing([]byte{0xff, 0xff}).build(), wasm.NotWASM, "does not compile: …"},

	// the run
	{"loops for ever", describing(forever(), i64(0)).build(), wasm.TimedOut, "llmhost_describe ran longer than 300ms and was stopped; look for a loop that does not end"},
	{"loops in _initialize", guest{extra: []function{{"_initialize", nothing, forever()}}}.build(), wasm.TimedOut, "_initialize ran longer than 300ms and was stopped; look for a loop that does not end"},
	{"loops in alloc", guest{reply: "x", bodies: map[string][]byte{"llmhost_alloc": join(forever(), i32(0))}}.build(), wasm.TimedOut, "llmhost_alloc ran longer than 300ms and was stopped; look for a loop that does not end"},
	{"fills memory for ever", describing([]byte{0x03, 0x40}, i32(0), i32(0), i32(65536), []byte{0xfc, 0x0b, 0x00, 0x0c, 0x00, 0x0b}, i64(0)).build(), wasm.TimedOut, "llmhost_describe ran longer than 300ms and was stopped; look for a loop that does not end"},
	{"calls without end or loop", exponential().build(), wasm.TimedOut, "llmhost_describe made more than 100000 calls and was stopped; look for a loop that does not end"},
	{"calls itself", describing(call(3)).build(), wasm.TimedOut, "llmhost_describe made more than 100000 calls and was stopped; look for a loop that does not end"},
	{"traps", describing(unreachable()).build(), wasm.Trapped, "llmhost_describe trapped: unreachable (sha256 …"},
	{"divides by zero", describing(i64(1), i64(0), []byte{0x7f}).build(), wasm.Trapped, "llmhost_describe trapped: integer divide by zero (sha256 …"},
	{"reads outside its memory", describing(i32(-8), []byte{0x29, 0, 0}).build(), wasm.Trapped, "llmhost_describe trapped: out of bounds memory access (sha256 …"},
	{"ends itself", exits().build(), wasm.Trapped, "llmhost_describe ended the module with exit code 3 (sha256 …"},
	{"logs outside its memory", logs(i32(0), i32(-1), i32(4)).build(), wasm.Trapped, "llmhost_describe trapped: llmhost_v1.log was given bytes outside the module's memory (sha256 …"},
	{"forged pointer", describing(i64(-1)).build(), wasm.BadReply, "llmhost_describe replied with 4294967295 bytes; at most 65536 are allowed"},
	{"reply outside its memory", describing(i64(0xffff<<32 | 16)).build(), wasm.BadReply, "llmhost_describe replied with 16 bytes at address 65535, outside its memory of 65536 bytes"},
	{"long reply", guest{memory: []byte{1, 0, 32}, bodies: map[string][]byte{"llmhost_describe": i64(100_000)}}.build(), wasm.BadReply, "llmhost_describe replied with 100000 bytes; at most 65536 are allowed"},
	{"no memory for the host", guest{bodies: map[string][]byte{"llmhost_alloc": i32(0)}}.build(), wasm.BadReply, "llmhost_alloc gave address 0 for 2 bytes, which its memory of 65536 bytes does not hold"},
	{"memory for the host outside its own", guest{bodies: map[string][]byte{"llmhost_alloc": i32(65535)}}.build(), wasm.BadReply, "llmhost_alloc gave address 65535 for 2 bytes, which its memory of 65536 bytes does not hold"},
	{"no trace", guest{exports: map[string]string{"llmhost_trace": ""}}.build(), wasm.BadReply, "does not export llmhost_trace"},
}

func manyExports() guest {
	g := guest{}
	for i := range 4100 {
		g.extra = append(g.extra, function{name: strings.Repeat("x", i+1), kind: nothing})
	}
	return g
}

// exits prints a word and ends the module with code 3.
func exits() guest {
	return guest{imports: imports("wasi_snapshot_preview1", "proc_exit", oneInt), imported: 1, bodies: map[string][]byte{"llmhost_describe": join(i32(3), call(0), i64(0))}}
}

// logs calls the host's log and then traps.
func logs(args ...[]byte) guest {
	return guest{reply: "half a word", imports: imports("llmhost_v1", "log", threes), imported: 1,
		bodies: map[string][]byte{"llmhost_describe": join(join(args...), call(0), unreachable())}}
}

// stopped is far above the second that a call has, so that only a guest that
// nothing stops is caught, and not a busy machine.
const stopped = 20 * time.Second

func TestHostileModules(t *testing.T) {
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			_, err := describe(c.code)
			require.Less(t, time.Since(began), stopped)
			var e *wasm.Error
			require.True(t, errors.As(err, &e), "got %v", err)
			if head, cut := strings.CutSuffix(c.want, "…"); cut {
				require.True(t, strings.HasPrefix(err.Error(), "plugin hostile.wasm: "+head), "got %v", err)
			} else {
				require.EqualError(t, err, "plugin hostile.wasm: "+c.want)
			}
			require.Equal(t, c.fault, e.Fault)
			runtime.GC() // would never return if guest code still ran
		})
	}
}

func TestSoundModule(t *testing.T) {
	reply, err := describe(guest{reply: "\x00{}"}.build())
	require.NoError(t, err)
	require.Equal(t, "\x00{}", string(reply))
}

func TestTheTailOfTheOutputIsShown(t *testing.T) {
	_, err := describe(logs(i32(0), i32(replyAt), i32(11)).build())
	require.ErrorContains(t, err, `; its last output: "half a word"`)
}

func TestMemoryAndTablesCannotGrowBeyondTheirLimits(t *testing.T) {
	g := guest{reply: "ok"}
	g.bodies = map[string][]byte{"llmhost_describe": join(grow(63), unless(1), grow(1), unless(-1), i64(replyAt<<32|2))}
	_, err := describe(g.build())
	require.NoError(t, err, "64 pages are the limit of 4 MiB")

	g.tables = []byte{1, 0x70, 0, 1} // one entry, no maximum
	g.bodies["llmhost_describe"] = join([]byte{0xd0, 0x70}, i32(1), []byte{0xfc, 0x0f, 0x00}, unless(-1), i64(replyAt<<32|2))
	_, err = describe(g.build())
	require.NoError(t, err, "a table without a maximum does not grow")

	g.tables = []byte{1, 0x70, 1, 1, 2}
	g.bodies["llmhost_describe"] = join([]byte{0xd0, 0x70}, i32(1), []byte{0xfc, 0x0f, 0x00}, unless(1), i64(replyAt<<32|2))
	_, err = describe(g.build())
	require.NoError(t, err, "one with a maximum grows up to it")
}

func TestAStoppedRunIsNotThePluginsFault(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m, err := wasm.Open(ctx, "hostile.wasm", describing(forever(), i64(0)).build(), wasm.Limits{}, t.TempDir())
	require.NoError(t, err)
	defer m.Close(context.Background())
	in, err := m.Start(ctx)
	require.NoError(t, err)
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = in.Describe(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestInstancesAreApart(t *testing.T) {
	ctx := context.Background()
	// describe counts its calls in memory at address 0 and replies with as many bytes.
	count := join(i32(0), i32(0), []byte{0x28, 2, 0}, i32(1), []byte{0x6a, 0x36, 2, 0}, i32(0), []byte{0x28, 2, 0, 0xad})
	m, err := wasm.Open(ctx, "counter.wasm", describing(count).build(), tight, "")
	require.NoError(t, err)
	defer m.Close(ctx)
	for range 3 {
		in, err := m.Start(ctx)
		require.NoError(t, err)
		reply, err := in.Describe(ctx)
		require.NoError(t, err)
		require.Len(t, reply, 1, "a fresh instance knows nothing of the one before")
		require.NoError(t, in.Close(ctx))
	}
}

func FuzzCheck(f *testing.F) {
	f.Add(guest{reply: "x"}.build())
	for _, c := range hostile {
		if len(c.code) < 4096 {
			f.Add(c.code)
		}
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		if wasm.Check("fuzz.wasm", code, tight) != nil {
			return
		}
		// What the gate lets through must compile or be refused, never panic.
		m, err := wasm.Open(context.Background(), "fuzz.wasm", code, tight, "")
		if err == nil {
			m.Close(context.Background())
		}
	})
}
