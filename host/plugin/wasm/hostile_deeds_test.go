package wasm_test

import "bytes"

// The sentences about a module that was stopped from outside.
const (
	stopped  = "its worker spent more than 300ms on describing itself and was killed (sha256 …); look for a loop that does not end"
	stopped1 = "its worker spent more than 1s on describing itself and was killed (sha256 …); look for a loop that does not end"
	late     = "llmhost_describe ran longer than 300ms and was stopped; look for a loop that does not end"
	late1    = "llmhost_describe ran longer than 1s and was stopped; look for a loop that does not end"
)

// violent are modules that harm when they are compiled or run.
var violent = []misdeed{
	{name: "loops forever", code: describing(forever(), i64(0)).build, want: stopped1, here: late1},
	{name: "loops in _initialize", code: guest{extra: []function{{"_initialize", nothing, forever()}}}.build,
		want: "its worker spent more than 1s on starting and was killed (sha256 …); look for a loop that does not end",
		here: "_initialize ran longer than 1s and was stopped; look for a loop that does not end"},
	{name: "loops in alloc", limits: quick, code: guest{answers: described("loss"), bodies: map[string][]byte{"llmhost_alloc": join(forever(), i32(0))}}.build,
		want: "its worker spent more than 300ms on configuring and was killed (sha256 …); look for a loop that does not end",
		here: "llmhost_alloc ran longer than 300ms and was stopped; look for a loop that does not end"},
	{name: "loops in trace", code: guest{answers: described("loss"), bodies: map[string][]byte{"llmhost_trace": join(forever(), i64(0))}}.build,
		want: "its worker spent more than 1s on tracing and was killed (sha256 …); look for a loop that does not end",
		here: "llmhost_trace ran longer than 1s and was stopped; look for a loop that does not end"},
	{name: "fills memory forever", limits: quick, code: describing([]byte{0x03, 0x40}, fill(64<<10), []byte{0x0c, 0x00, 0x0b}, i64(0)).build, want: stopped, here: late},
	{name: "calls without end or loop", code: exponential(nil).build, want: stopped1, here: "llmhost_describe … and was stopped; look for a loop that does not end"},
	{name: "fills memory without end or loop", limits: quick, code: exponential(bytes.Repeat(fill(8<<20), 100)).build, want: stopped, here: late},
	{name: "a line of slow calls to the host", limits: quick, code: slowLine().build, want: stopped, here: late},
	{name: "millions of writes in one call", limits: quick, code: manyWrites().build, want: stopped, here: "… ran longer than 300ms and was stopped; look for a loop that does not end"},
	{name: "logs forever", limits: quick, code: logs(0, []byte{0x03, 0x40}, i32(0), i32(0), i32(65536), call(0), []byte{0x0c, 0x00, 0x0b}).build, want: stopped, here: late},
	{name: "sleeps for an hour", code: sleeps().build, want: "llmhost_describe trapped: unreachable (sha256 …"}, // the clock stands still: it wakes up at once
	{name: "sleeps for an hour, again and again", limits: quick, code: sleepsForEver().build, want: stopped, here: late},
	{name: "loops in free", limits: quick, code: guest{answers: described("loss"), bodies: map[string][]byte{"llmhost_free": forever()}}.build, want: stopped,
		here: "llmhost_free ran longer than 300ms and was stopped; look for a loop that does not end"},
	{name: "traps in free", code: guest{answers: described("loss"), bodies: map[string][]byte{"llmhost_free": unreachable()}}.build, want: "llmhost_free trapped: unreachable (sha256 …"},
	{name: "calls itself with a large frame", code: deepFrames().build, want: "llmhost_describe trapped: stack overflow …", here: "llmhost_describe …"},
	{name: "calls itself and the host", limits: patient, code: logs(0, i32(0), i32(replyAt), i32(4), call(0), call(4), drop()).build, want: "llmhost_describe trapped: stack overflow …", here: "llmhost_describe …"},
	{name: "grows its memory forever", limits: quick, code: describing([]byte{0x03, 0x40}, grow(1), drop(), []byte{0x0c, 0x00, 0x0b}, i64(0)).build, want: stopped, here: late},
	{name: "uses up its memory", code: describing(grow(1023), drop(), fill(64<<20), unreachable()).build,
		want: "llmhost_describe trapped: unreachable, with its 64 MiB of memory used up (sha256 …"},
	{name: "grows its table forever", limits: quick, code: growsTable().build, want: stopped, here: late},
	{name: "calls itself", code: describing(call(3)).build, want: "llmhost_describe trapped: stack overflow …", here: "llmhost_describe …"}, // on a slow machine the time is up first
	{name: "traps", code: describing(unreachable()).build, want: "llmhost_describe trapped: unreachable (sha256 …"},
	{name: "divides by zero", code: describing(i64(1), i64(0), []byte{0x7f}).build, want: "llmhost_describe trapped: integer divide by zero (sha256 …"},
	{name: "reads outside its memory", code: describing(i32(-8), []byte{0x29, 0, 0}).build, want: "llmhost_describe trapped: out of bounds memory access (sha256 …"},
	{name: "ends itself", code: exits().build, want: "llmhost_describe ended the module with exit code 3 (sha256 …"},
	{name: "ends itself in _initialize", code: guest{imports: imports("wasi_snapshot_preview1", "proc_exit", oneInt), imported: 1, extra: []function{{"_initialize", nothing, join(i32(0), call(0))}}}.build,
		want: "_initialize ended the module with exit code 0 (sha256 …"},
	{name: "writes 4 billion buffers", code: guest{imports: imports("wasi_snapshot_preview1", "fd_write", fours), imported: 1,
		bodies: map[string][]byte{"llmhost_describe": join(i32(1), i32(0), i32(-1), i32(8), call(0), drop(), unreachable())}}.build, want: "llmhost_describe trapped: unreachable (sha256 …"},
	{name: "4 GiB of random bytes", code: guest{imports: imports("wasi_snapshot_preview1", "random_get", pairs), imported: 1,
		bodies: map[string][]byte{"llmhost_describe": join(i32(0), i32(-1), call(0), drop(), unreachable())}}.build, want: "llmhost_describe trapped: unreachable (sha256 …"},
	{name: "prints escape codes and traps", code: logs(0, store(512, i64(0x1b5d324a5b1b)), i32(0), i32(512), i32(8), call(0), unreachable()).build,
		want: `llmhost_describe trapped: unreachable (sha256 …); its last output: "\x1b[J2]\x1b\x00\x00"`},
	{name: "logs outside its memory", code: logs(0, i32(0), i32(-1), i32(4), call(0), unreachable()).build, want: "llmhost_describe trapped: llmhost_v2.log was given bytes outside the module's memory (sha256 …"},
	{name: "forged pointer", code: describing(i64(-1)).build, want: "llmhost_describe replied with 4294967295 bytes; at most 8388608 are allowed"},
	{name: "reply outside its memory", code: describing(i64(0xffff<<32 | 16)).build, want: "llmhost_describe replied with 16 bytes at address 65535, outside its memory of 65536 bytes"},
	{name: "reply whose end is beyond all addresses", code: describing(i64(-1<<32 | 16)).build, want: "llmhost_describe replied with 16 bytes at address 4294967295, outside its memory of 65536 bytes"},
	{name: "long reply", code: guest{memory: join([]byte{1, 0}, u32(256)), bodies: map[string][]byte{"llmhost_describe": i64(9 << 20)}}.build, want: "llmhost_describe replied with 9437184 bytes; at most 8388608 are allowed"},
	{name: "no memory for the host", code: guest{answers: described("loss"), bodies: map[string][]byte{"llmhost_alloc": i32(0)}}.build, want: "llmhost_alloc gave address 0 for 2 bytes, which its memory of 65536 bytes does not hold"},
	{name: "memory for the host outside its own", code: guest{answers: described("loss"), bodies: map[string][]byte{"llmhost_alloc": i32(65535)}}.build, want: "llmhost_alloc gave address 65535 for 2 bytes, which its memory of 65536 bytes does not hold"},
	{name: "no trace", code: guest{answers: described("loss"), exports: map[string]string{"llmhost_trace": ""}}.build, want: "does not export llmhost_trace"},
}

func describing(body ...[]byte) guest {
	return guest{bodies: map[string][]byte{"llmhost_describe": join(body...)}, memory: describingMemory(join(body...))}
}

// describingMemory is one page, or 1,024 pages for a body that fills much.
func describingMemory(body []byte) []byte {
	if bytes.Contains(body, fill(8<<20)) {
		return join([]byte{1, 0}, u32(1024))
	}
	return nil
}

// fill is memory.fill of so many bytes.
func fill(size int64) []byte { return join(i32(0), i32(0), i32(size), []byte{0xfc, 0x0b, 0x00}) }

// exponential is 40 functions of which each calls the next one twice: no loop
// that wazero could stop, and 2^40 calls. The last does work.
func exponential(work []byte) guest {
	const first = 7 // after the functions that every guest has
	g := guest{bodies: map[string][]byte{"llmhost_describe": join(call(first), i64(0))}, memory: describingMemory(work)}
	for i := range 40 {
		body := join(call(first+i+1), call(first+i+1))
		if i == 39 {
			body = work
		}
		g.more = append(g.more, function{kind: nothing, body: body})
	}
	return g
}

// slowLine asks the host for 64 MiB of random bytes a thousand times, without a loop.
func slowLine() guest {
	once := join(i32(0), i32(64<<20), call(0), drop())
	return guest{imports: imports("wasi_snapshot_preview1", "random_get", pairs), imported: 1, memory: join([]byte{1, 0}, u32(1024)),
		bodies: map[string][]byte{"llmhost_describe": join(bytes.Repeat(once, 1000), i64(0))}}
}

// manyWrites asks the host, in one call, to write 48 MiB some eight million times.
func manyWrites() guest {
	body := store(0, i64(48<<20<<32)) // address 0, 48 MiB
	for size := int64(8); size < 64<<20; size *= 2 {
		body = append(body, join(i32(size), i32(0), i32(size), []byte{0xfc, 0x0a, 0, 0})...) // memory.copy
	}
	body = join(body, i32(1), i32(0), i32(8<<20-8), i32(64<<20-8), call(0), drop(), i64(0))
	return guest{imports: imports("wasi_snapshot_preview1", "fd_write", fours), imported: 1, memory: join([]byte{1, 0}, u32(1024)),
		bodies: map[string][]byte{"llmhost_describe": body}}
}

// sleeps waits for an hour to pass or for something to read, and traps then.
func sleeps() guest {
	const clock, input, events, count = 1024, 1072, 2048, 512
	body := join(store(clock+24, i64(3600e9)), i32(input+8), i32(1), []byte{0x3a, 0, 0}, // two subscriptions
		i32(clock), i32(events), i32(2), i32(count), call(0), drop(), unreachable())
	return guest{imports: imports("wasi_snapshot_preview1", "poll_oneoff", fours), imported: 1, bodies: map[string][]byte{"llmhost_describe": body}}
}

// sleepsForEver waits for an hour, again and again.
func sleepsForEver() guest {
	const clock, events, count = 1024, 2048, 512
	body := join(store(clock+24, i64(3600e9)), []byte{0x03, 0x40}, i32(clock), i32(events), i32(1), i32(count), call(0), drop(), []byte{0x0c, 0x00, 0x0b}, i64(0))
	return guest{imports: imports("wasi_snapshot_preview1", "poll_oneoff", fours), imported: 1, bodies: map[string][]byte{"llmhost_describe": body}}
}

// deepFrames calls itself with 5,000 variables that must be kept.
func deepFrames() guest {
	const first = 7 // after the functions that every guest has
	g := guest{bodies: map[string][]byte{"llmhost_describe": join(call(first), i64(0))}, locals: 5000}
	g.more = []function{{kind: nothing, body: join(call(first), []byte{0x20, 0}, drop())}}
	return g
}

// growsTable has a table without a maximum.
func growsTable() guest {
	grow := join([]byte{0x03, 0x40, 0xd0, 0x70}, i32(1), []byte{0xfc, 0x0f, 0x00}, drop(), []byte{0x0c, 0x00, 0x0b})
	return guest{tables: []byte{1, 0x70, 0, 1}, bodies: map[string][]byte{"llmhost_describe": join(grow, i64(0))}}
}

// exits ends the module with code 3.
func exits() guest {
	return guest{imports: imports("wasi_snapshot_preview1", "proc_exit", oneInt), imported: 1, bodies: map[string][]byte{"llmhost_describe": join(i32(3), call(0), i64(0))}}
}

// logs has the host's log as function 0.
func logs(reply int64, body ...[]byte) guest {
	return guest{reply: "half a word", imports: imports("llmhost_v2", "log", threes), imported: 1,
		bodies: map[string][]byte{"llmhost_describe": join(join(body...), i64(reply))}}
}
