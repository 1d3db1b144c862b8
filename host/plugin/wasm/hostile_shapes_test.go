package wasm_test

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// misshapen are modules that the gate refuses: nothing of them is compiled.
var misshapen = []misdeed{
	{name: "not WASM", code: as([]byte("#!/bin/sh\n")), want: `is not a WASM module (it begins with "#!/bin/s"); llmhost plugins build makes one of a project`},
	{name: "empty", code: as(nil), want: `is not a WASM module (it begins with ""); llmhost plugins build makes one of a project`},
	{name: "component", code: as([]byte("\x00asm\x0d\x00\x01\x00")), want: "is not a core WASM module of version 1 (its version bytes are 0d 00 01 00); a component must be built as a core module"},
	{name: "cut off", code: as(guest{}.build()[:70]), want: "the module is truncated or corrupt"},
	{name: "garbage after the magic", code: as(append([]byte("\x00asm\x01\x00\x00\x00"), bytes.Repeat([]byte{0xa7, 0x13, 0xff}, 50)...)), want: "section 167 occurs twice in the module"},
	{name: "a section twice", code: as(append(guest{}.build(), section(7, []byte{0})...)), want: "section 7 occurs twice in the module"},
	{name: "other ABI", code: guest{exports: map[string]string{"llmhost_abi_v2": "llmhost_abi_v1"}}.build, want: "speaks ABI 1, host speaks 2; rebuild it with this sdk"},
	{name: "no plugin", code: guest{exports: map[string]string{"llmhost_abi_v2": ""}}.build, want: "is a WASM module but not an llmhost plugin: it exports no llmhost_abi_v2"},
	{name: "missing export", code: guest{exports: map[string]string{"llmhost_configure": ""}}.build, want: "does not export llmhost_configure; the contract asks for it"},
	{name: "export of another type", code: guest{types: map[string]int{"llmhost_free": oneInt}}.build, want: "exports llmhost_free as (i32); the contract says (i32, i32)"},
	{name: "a program", code: guest{extra: []function{{"_start", nothing, nil}}}.build, want: "exports _start, so it is a program; build it as a library (Go: -buildmode=c-shared)"},
	{name: "asks for a file", code: guest{imports: imports("wasi_snapshot_preview1", "path_open", nothing), imported: 1}.build,
		want: "asks for wasi_snapshot_preview1.path_open, which plugins do not get: they have no files, network, clock or environment"},
	{name: "asks for much", code: guest{imports: join(imports("wasi_snapshot_preview1", "fd_write", nothing), imports("env", "a", nothing), imports("env", "b", nothing), imports("env", "c", nothing), imports("env", "d", nothing), imports("env", "e", nothing)), imported: 6}.build,
		want: "asks for env.a, env.b, env.c, env.d and 1 more, which plugins do not get: they have no files, network, clock or environment"},
	{name: "asks for a function of another type", code: guest{imports: imports("wasi_snapshot_preview1", "fd_write", asks), imported: 1}.build,
		want: "asks for wasi_snapshot_preview1.fd_write as (i32, i32, i32) → i64; it is (i32, i32, i32, i32) → i32"},
	{name: "asks for it in escape codes", code: guest{imports: imports("\x1b[2J\u009b", "x\n\u202e", nothing), imported: 1}.build,
		want: "asks for �[2J�.x �, which plugins do not get: they have no files, network, clock or environment"},
	{name: "imports a memory", code: guest{imports: join(text("env"), text("memory"), []byte{2, 0, 1}), imported: 1}.build,
		want: "asks for env.memory (not a function), which plugins do not get: they have no files, network, clock or environment"},
	{name: "no memory", code: guest{noMemory: true}.build, want: `exports no memory; want its one memory exported as "memory"`},
	{name: "two memories", code: guest{memory: []byte{2, 0, 1, 0, 1}}.build, want: "has 2 memories; want one"},
	{name: "shared memory", code: guest{memory: []byte{1, 3, 1, 2}}.build, want: "has a shared or 64-bit memory; want a plain one"},
	{name: "4 GiB of memory", code: guest{memory: join([]byte{1, 0}, u32(65536))}.build, want: "asks for 4096 MiB of memory at the start; the limit is 64 MiB"},
	{name: "start section", code: guest{start: true, bodies: map[string][]byte{"llmhost_abi_v2": forever()}}.build, want: "has a start section; a plugin runs nothing before it is called (_initialize is the place for it)"},
	{name: "large table", code: guest{tables: join([]byte{1, 0x70, 0}, u32(100_000_000))}.build, want: "has tables of 100000000 entries; at most 65536 are allowed"},
	{name: "table that may grow much", code: guest{tables: join([]byte{1, 0x70, 1, 1}, u32(65537))}.build, want: "has tables of 65537 entries; at most 65536 are allowed"},
	{name: "table of references", code: guest{tables: []byte{1, 0x6f, 1, 1, 1}}.build, want: "table 0 does not hold functions; tables of other references are not allowed"},
	{name: "500,000 functions", code: func() []byte { return guest{more: make([]function, 500_000)}.build() }, want: "has 500007 functions; at most 20000 are allowed"},
	{name: "large function", code: func() []byte { return guest{more: []function{{body: bytes.Repeat([]byte{0x01}, 1<<20)}}}.build() }, want: "function 7 is 1048578 bytes; at most 524288 are allowed"},
	{name: "many variables", code: guest{more: make([]function, 1), locals: 50_000}.build, want: "function 7 has 50000 variables; at most 10000 are allowed"},
	{name: "many parameters", code: types(1, join([]byte{0x60}, u32(1000), bytes.Repeat([]byte{0x7f}, 1000), []byte{0})), want: "has a function of 1000 parameters and results; at most 100 are allowed"},
	{name: "many exports", code: manyExports().build, want: "has 4108 imports and exports; at most 4096 are allowed"},
	{name: "millions of types", code: types(3_000_000, []byte{0x60, 1, 0x7f, 0}), want: "has 3000009 types of functions; at most 10000 are allowed"},
	{name: "a million exports", code: func() []byte {
		return append(guest{}.build()[:8], section(7, join(u32(1_000_000), make([]byte, 3_000_000)))...)
	}, want: "has 1000000 imports and exports; at most 4096 are allowed"},
	{name: "a million globals", code: func() []byte { return with(6, 1_000_000, []byte{0x7e, 0, 0x42, 0, 0x0b}) }, want: "has 1000000 globals; at most 100000 are allowed"},
	{name: "a million pieces of data", code: func() []byte { return with(11, 1_000_000, []byte{1, 0}) }, want: "has 1000000 pieces of data; at most 100000 are allowed"},
	{name: "fills its table much", code: func() []byte { return with(9, 1, join([]byte{3, 0}, u32(2_000_000), make([]byte, 2_000_000))) }, want: "fills its tables with 2000006 bytes; at most 1048576 are allowed"},
	{name: "five million sections", code: func() []byte { return append(guest{}.build(), bytes.Repeat([]byte{0, 1, 0}, 5_000_000)...) }, want: "has more than 1000 sections"},
	{name: "large module", code: func() []byte { return append(guest{}.build(), section(0, make([]byte, 17<<20))...) }, want: "is 178260… bytes; at most 16777216 are allowed"},
	{name: "a long line of memory.fill", code: describing(bytes.Repeat(fill(64<<10), 200), i64(0)).build, want: "function 3 has 200 bulk memory instructions; at most 128 are allowed"},
	{name: "compiles forever: nested loops", code: nestedLoops(2000, 2000).build, want: "would take too long to compile, most of all for function 7, of 2000 branches, 0 jumps by table and 2000 variables; split such functions"},
	{name: "compiles forever: branches", code: branches(60_000).build, want: "would take too long to compile, most of all for function 7, of 60001 branches, 0 jumps by table and 0 variables; split such functions"},
	{name: "compiles forever: jumps by table", code: jumps(400_000).build, want: "would take too long to compile, most of all for function 7, of 1 branches, 400001 jumps by table and 0 variables; split such functions"},
	{name: "compiles forever: many middling functions", code: crowd(200, 3000).build, want: "would take too long to compile, most of all for function 7, of 3001 branches, 0 jumps by table and 0 variables; split such functions"},
	{name: "a tail call", code: describing([]byte{0x12, 3}).build,
		want: "function 3 has an instruction 0x12, which WASM 2.0 does not have; build without later features (threads, tail calls, exceptions, garbage collection)"},
	{name: "a thread's load", code: describing(i32(0), []byte{0xfe, 0x10, 2, 0}).build, want: "function 3 has an instruction 0xfe, …"},
	{name: "an operand without an end", code: describing([]byte{0x41}, bytes.Repeat([]byte{0x80}, 40)).build, want: "the module is truncated or corrupt (function 3)"},
	{name: "compiles forever: many variables", code: func() []byte { return guest{more: make([]function, 19_000), locals: 10_000}.build() }, want: "would take too long to compile, most of all for function 7, of 0 branches, 0 jumps by table and 10000 variables; split such functions"},
	{name: "nonsense for code", code: describing([]byte{0x6a}).build, want: "does not compile: …"},
	{name: "names for the debugger that lie", code: func() []byte {
		return append(trapping(), section(0, join(text("name"), []byte{1}, u32(4<<20), u32(1<<20), []byte("\x1b[2J")))...)
	},
		want: "llmhost_describe trapped: unreachable (sha256 …"},
	{name: "data outside its memory", code: func() []byte { return with(11, 1, join([]byte{0}, i32(-1), []byte{0x0b}, text("x"))) }, want: "_initialize trapped: data[0]: out of bounds memory access (sha256 …"},
}

// as is a module that is no more than bytes.
func as(code []byte) func() []byte { return func() []byte { return code } }

func manyExports() guest {
	g := guest{}
	for i := range 4100 {
		g.extra = append(g.extra, function{name: strings.Repeat("x", i+1), kind: nothing})
	}
	return g
}

// types has many types of functions after its own.
func types(n int, one []byte) func() []byte {
	return func() []byte {
		more := join(u32(uint64(typeSection[0])+uint64(n)), typeSection[1:], bytes.Repeat(one, n))
		return bytes.Replace(guest{}.build(), section(1, typeSection), section(1, more), 1)
	}
}

// with has a section of n equal entries instead of its own of that kind.
func with(id byte, n int, one []byte) []byte {
	module, at := guest{}.build(), 8
	for at < len(module) && module[at] < id {
		size, used := binary.Uvarint(module[at+1:])
		at += 1 + used + int(size)
	}
	rest := module[at:]
	if len(rest) > 0 && rest[0] == id {
		size, used := binary.Uvarint(rest[1:])
		rest = rest[1+used+int(size):]
	}
	return join(module[:at], section(id, join(u32(uint64(n)), bytes.Repeat(one, n))), rest)
}

// trapping is a module that traps when it describes itself.
func trapping() []byte { return describing(unreachable()).build() }

// nestedLoops makes the compiler carry each variable through each loop.
func nestedLoops(depth, locals int) guest {
	body := bytes.Repeat([]byte{0x03, 0x40}, depth)
	for i := range locals {
		body = append(body, join([]byte{0x20}, u32(uint64(i)), drop())...)
	}
	return guest{locals: locals, more: []function{{kind: nothing, body: append(body, bytes.Repeat([]byte{0x0b}, depth)...)}}}
}

// branches is a function of many small blocks.
func branches(n int) guest {
	once := join(i32(0), []byte{0x28, 2, 4, 0x0d, 0})
	return guest{more: []function{{kind: nothing, body: join([]byte{0x02, 0x40}, bytes.Repeat(once, n), []byte{0x0b})}}}
}

// jumps is a function with one jump by a table of so many places.
func jumps(n int) guest {
	table := join([]byte{0x0e}, u32(uint64(n)), make([]byte, n+1))
	return guest{more: []function{{kind: nothing, body: join([]byte{0x02, 0x40}, i32(0), []byte{0x28, 2, 4}, table, []byte{0x0b})}}}
}

// crowd is so many functions of so many blocks.
func crowd(functions, n int) guest {
	g := guest{}
	for range functions {
		g.more = append(g.more, branches(n).more...)
	}
	return g
}
